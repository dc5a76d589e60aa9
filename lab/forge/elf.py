"""Which libraries a program needs, read from its file: this computer's Debian may be too old to run it."""
from __future__ import annotations

import struct
from pathlib import Path

LOAD, DYNAMIC, INTERPRETER = 1, 2, 3            # kinds of segments
NEEDED, STRINGS = 1, 5                          # kinds of entries in the dynamic segment


def needed_by(program: Path) -> list[str]:
    """The loader's path and the names of shared libraries: ["/lib64/ld-linux-x86-64.so.2", "libc.so.6"].

    Empty for a static program, and for what is no 64-bit little-endian ELF file (a script, say).
    """
    with program.open("rb") as file:
        if file.read(6) != b"\x7fELF\x02\x01":
            return []
    image = program.read_bytes()
    (table,) = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    segments = [struct.unpack_from("<IIQQQQ", image, table + size * index) for index in range(count)]
    found: list[str] = []
    for kind, _, offset, _, _, length in segments:
        if kind == INTERPRETER:
            found.insert(0, _string(image, offset))
        elif kind == DYNAMIC:
            entries = [struct.unpack_from("<qQ", image, at) for at in range(offset, offset + length, 16)]
            strings = next((_offset_of(value, segments) for tag, value in entries if tag == STRINGS), 0)
            found += [_string(image, strings + value) for tag, value in entries if tag == NEEDED]
    return found


def _offset_of(address: int, segments: list[tuple[int, ...]]) -> int:
    """Where in the file lies what will be at `address` in memory."""
    for kind, _, offset, start, _, length in segments:
        if kind == LOAD and start <= address < start + length:
            return address - start + offset
    raise ValueError(f"address {address:#x} is in no segment")


def _string(image: bytes, at: int) -> str:
    return image[at:image.index(b"\0", at)].decode()
