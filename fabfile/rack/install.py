"""How machines get their system, as configs/install.yaml says: Debian's installer, answered by the rack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from fabfile.rack.values import Duration, Fixed, Label, Part, Sorted, Tree, at_least_one, pattern, unprivileged

Layout = Literal["plain", "mirror", "lvm", "lvm-mirror"]
MIRROR, SECURITY = "http://ftp.us.debian.org/debian", "http://security.debian.org/debian-security"  # unless said otherwise
PublicKey = Annotated[str, pattern(
    r"(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)"
    r" [A-Za-z0-9+/]+={0,2}( [^\n'\"\\]*)?",
    "a public SSH key", "the line of a file such as ~/.ssh/id_ed25519.pub")]
Mirror = Annotated[str, pattern(  # it is part of nginx' settings, and of the new system's package sources
    r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?", "a mirror's address", f"such as {MIRROR}")]
Console = Annotated[str, pattern(
    r"tty[A-Za-z]*[0-9]+(,[0-9]+([noe][78]?)?)?", "a console", "as the kernel's console= takes it: ttyS1,115200n8")]
SomeKeys = Annotated[tuple[PublicKey, ...], at_least_one(
    "a list of public SSH keys is wanted", "without one nobody could log in to a new machine")]


class System(Part):
    """Debian 13 as some machines get it."""

    layout: Layout = "plain"
    mirror: Mirror = MIRROR
    security: Mirror = SECURITY
    preseed: Tree  # owner (d-i, or a package) → question → answer


class Install(Part):
    """configs/install.yaml. Without it rooster serves no boots."""

    default: Label = Field(examples=["debian-13"])  # for machines that name none
    systems: Annotated[Mapping[Label, System], Sorted, Fixed] = Field(examples=["{debian-13: {layout: plain}}"])
    authorized_keys: SomeKeys = Field(examples=["[ssh-ed25519 AAAA…]"])
    window: Duration = "30m"  # an armed machine that has not claimed its order by then is disarmed
    port: Annotated[int, unprivileged("a port for booting")] = 8080  # of rooster, for the rack's machines alone
    console: Console | None = None  # the kernel's, of the installer and of the system; none: the screen
