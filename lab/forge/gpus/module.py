"""A kernel module without code: what modinfo and depmod read of one."""
from __future__ import annotations

import struct

HEADER, SECTION = 64, 64  # bytes


def kernel_module(**says: str) -> bytes:
    """An ELF file whose only content is the section .modinfo: version="580.95.05", license="…"."""
    info = b"".join(f"{key}={value}\0".encode() for key, value in says.items())
    names = b"\0.modinfo\0.shstrtab\0"
    at_names = HEADER + len(info)
    at_sections = -(-(at_names + len(names)) // 8) * 8
    sections = (_section(0, 0, 0, 0), _section(names.index(b".modinfo"), 1, HEADER, len(info)),
                _section(names.index(b".shstrtab"), 3, at_names, len(names)))
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, at_sections, 0, HEADER, 0, 0, SECTION, len(sections), 2)
    return (header + info + names).ljust(at_sections, b"\0") + b"".join(sections)


def _section(name: int, kind: int, at: int, size: int) -> bytes:
    return struct.pack("<IIQQQQIIQQ", name, kind, 0, 0, at, size, 0, 0, 1, 0)
