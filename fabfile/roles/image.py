"""Images of Debian, as rooster makes them for the systems of install.yaml, and serves them to machines that run in RAM."""

from __future__ import annotations

from fabfile.programs import shell
from fabfile.rack import Rack
from fabfile.resources.installation import BOOT
from fabfile.resources.order import BEGINS, Image
from fabfile.upstream.preseed import SUITE, included

NEEDS = {"e2fsprogs": None, "gdisk": None, "mmdebstrap": None, "zstd": None}  # on rooster
# what Debian's installer adds to the base system: a kernel, loaders for both kinds of firmware, a way in
PACKAGES = ("linux-image-amd64", "grub-efi-amd64-signed", "grub-pc-bin", "shim-signed", "efibootmgr", "openssh-server", "sudo")


def build(rack: Rack, system: str) -> str:
    """Shell text for rooster, which takes minutes."""
    assert rack.install is not None
    wanted = rack.install.systems[system]
    sources = "\n".join(f"deb {mirror.rstrip('/')} {suite} main non-free-firmware" for mirror, suite in (
        (wanted.mirror, SUITE), (wanted.mirror, f"{SUITE}-updates"), (wanted.security, f"{SUITE}-security")))
    return made(place(system), sources, rack.operator.user, (*PACKAGES, *included(rack, system)))


def made(place: str, sources: str, user: str, packages: tuple[str, ...] = PACKAGES) -> str:
    """The same for any place, and lines of sources.list."""
    return shell("image", place=place, sources=sources, suite=SUITE, packages=",".join(dict.fromkeys(packages)), user=user,
                 begins=str(BEGINS))


def place(system: str) -> str:
    """Its folder on rooster."""
    return f"{BOOT}/images/{system}"


def question(system: str) -> str:
    """Shell text for rooster: what image there is."""
    return f"cat {place(system)}/about 2>/dev/null"


def image(system: str, answer: str) -> Image | None:
    """What an answer to the question tells; None: there is none that can be written as it would be now."""
    about = dict(line.partition(" ")[::2] for line in answer.splitlines())
    if not about.get("sha256") or not about.get("size", "").isdigit() or about.get("begins") != str(BEGINS):
        return None
    return Image(f"images/{system}/image", about["sha256"], int(about["size"]), system)
