"""Network traffic between rooster and the chicks: bytes and round trips, for any tool.

The packets are read where the cable ends, at the switch. A round trip is counted on each SSH connection when
the controller speaks after it has heard something: it waited for that.
"""

from __future__ import annotations

import socket
import struct
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from lab import kernel

SSH = 22
ALL_FRAMES = 3  # ETH_P_ALL
HEADERS = 14 + 60 + 60  # of Ethernet, IP and TCP, at most
ROOM = 1 << 26  # bytes that may wait until they are read


class Segment(NamedTuple):
    """One piece of TCP's stream, to or from a machine's sshd."""

    machine: str  # its address
    port: int  # the other side's
    inward: bool
    size: int  # bytes of the stream


@dataclass(frozen=True)
class Traffic:
    """What one machine's connections carried."""

    connections: int = 0
    round_trips: int = 0
    sent: int = 0  # bytes to it
    received: int = 0  # bytes from it


def parse(frame: bytes | memoryview) -> Segment | None:
    """The segment in an Ethernet frame; None when it is of no SSH connection, or carries nothing."""
    if len(frame) < 54 or frame[12:14] != b"\x08\x00" or frame[23] != socket.IPPROTO_TCP:
        return None
    begin = 14 + 4 * (frame[14] & 15)
    if len(frame) < begin + 13:
        return None
    source, target = struct.unpack_from("!HH", frame, begin)
    size = struct.unpack_from("!H", frame, 16)[0] - (begin - 14) - 4 * (frame[begin + 12] >> 4)
    if size <= 0 or SSH not in (source, target):
        return None
    if target == SSH:
        return Segment(socket.inet_ntoa(frame[30:34]), source, True, size)
    return Segment(socket.inet_ntoa(frame[26:30]), target, False, size)


def traffic(segments: Iterable[Segment]) -> dict[str, Traffic]:
    """What each machine's connections carried, by its address."""
    turns: dict[tuple[str, int], int] = defaultdict(int)
    last: dict[tuple[str, int], bool] = {}
    carried: dict[tuple[str, bool], int] = defaultdict(int)
    for segment in segments:
        connection = segment.machine, segment.port
        turns[connection] += segment.inward and not last.get(connection, False)
        last[connection] = segment.inward
        carried[segment.machine, segment.inward] += segment.size
    return {machine: Traffic(sum(1 for of, _ in turns if of == machine),
                             sum(count for (of, _), count in turns.items() if of == machine),
                             carried[machine, True], carried[machine, False])
            for machine in {machine for machine, _ in turns}}


class Tap:
    """Reads along for as long as a `with` block lasts; then `traffic()` says what was carried."""

    def __init__(self, namespace: Path, device: str):
        self._namespace, self._device = namespace, device
        self._segments: list[Segment] = []
        self._thread = Thread(target=self._read, daemon=True)

    def __enter__(self) -> Tap:
        opening = Thread(target=self._open)  # a thread of its own, as it moves to another namespace
        opening.start()
        opening.join()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._thread.join()
        self._socket.close()

    def traffic(self) -> dict[str, Traffic]:
        return traffic(self._segments)

    def _open(self) -> None:
        kernel.enter(self._namespace, kernel.NET)
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, 33, ROOM)  # SO_RCVBUFFORCE
        self._socket.bind((self._device, ALL_FRAMES))
        self._socket.settimeout(0.2)
        self._ended = False

    def _read(self) -> None:
        buffer = bytearray(HEADERS)
        while True:
            try:
                length = self._socket.recv_into(buffer)
            except TimeoutError:
                if self._ended:
                    return
                continue
            if segment := parse(bytes(buffer[:length])):
                self._segments.append(segment)
