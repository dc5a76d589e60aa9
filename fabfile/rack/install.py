"""How machines get their system, as configs/install.yaml says: Debian's installer, answered by the rack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from fabfile.rack.values import DiskPath, Duration, Fixed, Label, Part, Sorted, Tree, Url, pattern, refuse

Layout = Literal["plain", "mirror", "lvm", "lvm-mirror"]
PublicKey = Annotated[str, pattern(
    r"(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)"
    r" [A-Za-z0-9+/]+={0,2}( [^\n'\"\\]*)?",
    "a public SSH key", "the line of a file such as ~/.ssh/id_ed25519.pub")]
Console = Annotated[str, pattern(
    r"tty[A-Za-z]*[0-9]+(,[0-9]+([noe][78]?)?)?", "a console", "as the kernel's console= takes it: ttyS1,115200n8")]
Serial = Annotated[str, pattern(r"[A-Za-z0-9][A-Za-z0-9._:/+-]*", "a serial number", "without blanks; in quotes when it is a number")]
Uuid = Annotated[str, pattern(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "a UUID", "in small letters, as /sys/class/dmi/id/product_uuid shows it")]


def _bytes(value: object) -> object:
    if type(value) is not int or not 0 < value < 1 << 63 or value % 512:
        raise refuse(f"{value!r} is not the size of a disk", "in bytes, as `lsblk -bdo NAME,SIZE,SERIAL` shows it")
    return value


def _port(value: object) -> object:
    if type(value) is not int or not 1024 <= value < 65536:
        raise refuse(f"{value!r} is not a port for booting", "a number from 1024 to 65535")
    return value


def _keys(value: object) -> object:
    if not isinstance(value, list) or not value:
        raise refuse("a list of public SSH keys is wanted", "without one nobody could log in to a new machine")
    return tuple(value)


class Disk(Part):
    """What is on file of one disk: the installer must find it so."""

    size: Annotated[int, BeforeValidator(_bytes)] = Field(examples=["240057409536"])
    serial: Serial = Field(examples=["S2TVNX0J412345"])


class Hardware(Part):
    """What is on file of a machine: its installer must find it so before it writes anything."""

    serial: Serial | None = None  # of the system, as its firmware says
    uuid: Uuid | None = None
    firmware: Literal["bios", "uefi"] | None = None
    disks: Annotated[Mapping[DiskPath, Disk], Sorted, Fixed] = Field(default_factory=dict, validate_default=True)


class System(Part):
    """Debian 13 as some machines get it."""

    layout: Layout = "plain"
    mirror: Url = "http://ftp.us.debian.org/debian"
    security: Url = "http://security.debian.org/debian-security"
    preseed: Tree  # owner (d-i, or a package) → question → answer


class Install(Part):
    """configs/install.yaml. Without it rooster serves no boots."""

    default: Label = Field(examples=["debian-13"])  # for machines that name none
    systems: Annotated[Mapping[Label, System], Sorted, Fixed] = Field(examples=["{debian-13: {layout: plain}}"])
    authorized_keys: Annotated[tuple[PublicKey, ...], BeforeValidator(_keys)] = Field(examples=["[ssh-ed25519 AAAA…]"])
    window: Duration = "30m"  # an armed machine that has not claimed its order by then is disarmed
    port: Annotated[int, BeforeValidator(_port)] = 8080  # of rooster, for the rack's machines alone
    console: Console | None = None  # the kernel's, of the installer and of the system; none: the screen
