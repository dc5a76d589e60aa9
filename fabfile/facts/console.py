"""What a machine says at its console: its lines without what moves a cursor, how far it has come, and its new host key."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\-_]|[()][A-Z0-9])")
_OTHERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_OURS = re.compile(r"^\[coop .*\]$")
_KEY = r"COOP HOSTKEY {} (\S+ \S+)\s*$"
LONGEST = 160  # letters of a line that is shown

# what a line means that firmware, loader, kernel, installer or system say; the last one that means something counts
STAGES: Sequence[tuple[str, str]] = (
    (r"PXE-E\S*|PXE-M0F|No bootable device|Boot Failed|Operating System not found", "its firmware finds nothing to boot"),
    (r"Start (PXE|HTTP Boot) over|CLIENT MAC ADDR|iPXE .*(initiali|open source)|DHCP\.\.", "its firmware boots from the network"),
    (r"PXELINUX|GNU GRUB|Welcome to GRUB|Loading .*(linux|vmlinuz|initrd)", "its boot loader runs"),
    (r"Linux version \d|Kernel panic", "its kernel starts"),
    (r"Kernel panic.*", "its kernel has stopped"),
    (r"^Starting system log daemon|Detecting (hardware|disks)|Configuring the network", "its installer starts"),
    (r"guard: order \S+ is claimed", "its disks are written"),
    (r"Installing the base system|Retrieving and installing|Unpacking the base system", "it installs the base system"),
    (r"Installing (the )?GRUB|grub-installer", "it installs the boot loader"),
    (r"Finishing the installation|COOP HOSTKEY", "its installer ends"),
    (r"login:\s*$", "its system runs"),
)


def lines(text: str, ours: bool = False) -> list[str]:
    """As a person would have read them; those that the reader wrote itself only with `ours`."""
    plain = _OTHERS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n")))
    found = [line.rpartition("\r")[2].rstrip() for line in plain.split("\n")]
    return [line for line in found if line.strip() and (ours or not _OURS.match(line))]


def last(text: str) -> str:
    """The last line, shortened."""
    found = lines(text)
    return found[-1].strip()[:LONGEST] if found else ""


def stage(text: str) -> str:
    """How far the machine has come by its own words; empty: nothing that is known was said."""
    for line in reversed(lines(text)):
        for pattern, meaning in reversed(STAGES):
            if re.search(pattern, line):
                return meaning
    return ""


def keys(text: str, order: str) -> set[str] | None:
    """The host keys that the end of this order's installation said; None: the console was not read for it."""
    if f"[coop order {order}]" not in lines(text, ours=True):
        return None
    pattern = re.compile(_KEY.format(re.escape(order)))
    return {found[1] for line in lines(text) if (found := pattern.search(line))}
