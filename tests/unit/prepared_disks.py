"""Makes the disks of tests/cases/storage/disks.yaml again: `python -m tests.unit.prepared_disks`, as root of a Debian 13 that has the
programs which that file names. The tests themselves only unpack what it has made."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory

import yaml

CASES = Path(__file__).parents[2] / "tests/cases/storage"
UNITS = {"K": 1 << 10, "M": 1 << 20}
MD, SECTOR = 0xA92B4EFC, 512


def md_1(size: int, minor: int) -> tuple[int, bytes]:
    """Where md has its superblock of version 1.x on a disk, and a disk of a mirror of two. No RAID is started for it."""
    sectors = size // SECTOR
    place, first = {0: ((sectors - 16) & ~7, 0), 1: (0, 2048), 2: (8, 2048)}[minor]
    room = (place or sectors) - first if minor == 0 else sectors - first
    block = bytearray(260)
    struct.pack_into("<IIII16s32s", block, 0, MD, 1, 0, 0, bytes(range(16)), b"hen:0")
    struct.pack_into("<QIIQII", block, 64, 1764000000, 1, 0, room, 0, 2)
    struct.pack_into("<QQQQ", block, 128, first, room, place, 0)
    struct.pack_into("<16s", block, 168, bytes(range(16, 32)))
    struct.pack_into("<QQQII", block, 192, 1764000000, 1, 0, 0, 2)
    struct.pack_into("<HH", block, 256, 0, 1)
    struct.pack_into("<I", block, 216, folded(block))
    return place * SECTOR, bytes(block)


def md_0(size: int) -> tuple[int, bytes]:
    """The same of version 0.90."""
    place = size // (64 << 10) * (64 << 10) - (64 << 10)
    words = [0] * 1024
    words[:16] = [MD, 0, 90, 0, 0, 1, 1764000000, 1, place >> 10, 2, 2, 0, 0, 2, 3, 4]
    words[32:36], words[39] = [1764000000, 1, 2, 2], 1
    for number in range(2):
        words[128 + 32 * number:133 + 32 * number] = [number, 8, 16 * number, number, 6]
    words[992:997] = [0, 8, 0, 0, 6]
    words[38] = folded(struct.pack("<1024I", *words))
    return place, struct.pack("<1024I", *words)


def folded(block: bytes | bytearray) -> int:
    """The checksum over a superblock whose own is 0."""
    total = sum(struct.unpack(f"<{len(block) // 4}I", block))
    return ((total & 0xFFFFFFFF) + (total >> 32)) & 0xFFFFFFFF


def made(case: dict[str, str], folder: Path) -> None:
    """One disk, as a sparse file."""
    disk = folder / case["case"]
    size = int(case["size"][:-1]) * UNITS[case["size"][-1]]
    with disk.open("wb") as file:
        file.truncate(size)
    if case["made"].startswith("md "):
        version = case["made"].split()[1]
        place, block = md_0(size) if version == "0.90" else md_1(size, int(version[-1]))
    else:
        subprocess.run(["sh", "-euc", case["made"].replace("@", quote(disk.name))], cwd=folder, check=True, capture_output=True)
        place, block = 0, b""
    content = bytearray(disk.read_bytes())
    content[place:place + len(block)] = block
    if keep := case.get("keep"):
        ends = int(keep[:-1]) * UNITS[keep[-1]]
        content[ends:size - ends] = bytes(size - 2 * ends)
    with disk.open("wb") as file:
        file.truncate(size)
        for place in range(0, size, 4096):
            if content[place:place + 4096].strip(b"\0"):
                file.seek(place)
                file.write(content[place:place + 4096])


def main() -> None:
    """All of them, into the archive."""
    with TemporaryDirectory() as place:
        cases = yaml.safe_load((CASES / "disks.yaml").read_text())
        for case in cases:
            made(case, Path(place))
        subprocess.run(["tar", "--sparse", "--owner=0", "--group=0", "--mtime=@1764000000", "-C", place, "-cJf", CASES / "disks.tar.xz",
                        *(case["case"] for case in cases)], check=True)


if __name__ == "__main__":
    sys.exit(main())
