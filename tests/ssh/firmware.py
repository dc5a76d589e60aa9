"""A machine's firmware, loader and installer, as far as the wire sees them: DHCP, TFTP, HTTP, no emulator.

firmware.py INTERFACE MAC bios|efi|http   what the machine of this MAC would be booted with, as JSON

Only the standard library: it runs inside a machine's namespaces, by the computer's own Python.
"""

import json
import os
import re
import socket
import struct
import sys
import time
import urllib.error
import urllib.request

ARCHITECTURES = {"bios": 0, "efi": 7, "http": 16}


def option(number: int, value: bytes) -> bytes:
    return bytes([number, len(value)]) + value


def message(kind: int, mac: bytes, xid: int, architecture: int, more: bytes = b"") -> bytes:
    """A DHCP message as firmware sends it: options 60, 93, 94 and 97 say what it is; answers may come to everybody."""
    vendor = b"HTTPClient" if architecture == 16 else b"PXEClient"
    options = (option(53, bytes([kind])) + option(60, vendor + b":Arch:%05d:UNDI:003000" % architecture)
               + option(93, struct.pack("!H", architecture)) + option(94, b"\1\3\0") + option(97, b"\0" + mac + b"\0" * 10)
               + option(55, bytes([1, 3, 6, 12, 15, 43, 54, 60, 66, 67])) + more + b"\xff")
    head = struct.pack("!4BIHH16s16s64s128s", 1, 1, 6, 0, xid, 0, 0x8000, b"", mac, b"", b"")
    return head + b"\x63\x82\x53\x63" + options


def parsed(packet: bytes) -> dict:
    options, place = {}, 240
    while place < len(packet) and packet[place] != 255:
        if packet[place] == 0:
            place += 1
            continue
        options[packet[place]] = packet[place + 2:place + 2 + packet[place + 1]]
        place += 2 + packet[place + 1]
    file = packet[108:236].split(b"\0")[0] or options.get(67, b"").rstrip(b"\0")
    return {"address": socket.inet_ntoa(packet[16:20]), "server": socket.inet_ntoa(packet[20:24]), "file": file.decode(),
            "options": options}


def lease(interface: str, mac: str, architecture: int, seconds: float = 3) -> dict:
    """DISCOVER, OFFER, REQUEST, ACK. Raises TimeoutError when nobody offers anything."""
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    wire.bind(("0.0.0.0", 68))
    number, own = int.from_bytes(os.urandom(4), "big"), bytes.fromhex(mac.replace(":", ""))

    def asked(packet: bytes, kind: int) -> dict:
        until = time.monotonic() + seconds
        wire.sendto(packet, ("255.255.255.255", 67))
        while (left := until - time.monotonic()) > 0:
            wire.settimeout(left)
            answer = wire.recv(2048)
            if answer[0] == 2 and struct.unpack("!I", answer[4:8])[0] == number:
                found = parsed(answer)
                if found["options"].get(53) == bytes([kind]):
                    return found
        raise TimeoutError

    offer = asked(message(1, own, number, architecture), 2)
    wanted = option(50, socket.inet_aton(offer["address"])) + option(54, offer["options"][54])
    return asked(message(3, own, number, architecture, wanted), 5)


def tftp(server: str, path: str) -> bytes | None:
    """The file's content; None where the server has none."""
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.settimeout(3)
    wire.sendto(b"\0\1" + path.encode() + b"\0octet\0blksize\0001428\0tsize\0000\0", (server, 69))
    content, block = b"", 1
    while True:
        packet, sender = wire.recvfrom(4096)
        kind, number = struct.unpack("!HH", packet[:4])
        if kind == 5:
            return None
        if kind == 6:
            wire.sendto(struct.pack("!HH", 4, 0), sender)
        elif kind == 3 and number == block & 0xffff:
            content += packet[4:]
            wire.sendto(struct.pack("!HH", 4, number), sender)
            block += 1
            if len(packet) - 4 < 1428:
                return content


def http(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def boot(interface: str, mac: str, kind: str) -> dict:
    """What this firmware would come to: the loader, the loader's settings, kernel, initrd, preseed."""
    try:
        found = lease(interface, mac, ARCHITECTURES[kind])
    except TimeoutError:
        return {"lease": None}
    server = found["server"] if found["server"] != "0.0.0.0" else socket.inet_ntoa(found["options"][54])
    file, base = found["file"], ""
    if file.startswith("http://"):
        base = file.rpartition("/")[0]

    def get(path: str) -> bytes | None:
        whole = path.startswith("http://")  # as lpxelinux is told
        if not (whole or base):
            return tftp(server, path)
        code, content = http(path if whole else f"{base}/{path}")
        return content if code == 200 else None

    loader = get(file.rpartition("/")[2] if base else file)
    if kind == "bios":
        names = [f"01-{mac.replace(':', '-')}", "default"]
        settings = next((text for name in names if (text := get(f"pxelinux.cfg/{name}")) is not None), b"").decode()
        beside = get("ldlinux.c32")
    else:
        beside = get("grubx64.efi")
        settings = (get("debian-installer/amd64/grub/grub.cfg") or b"").decode()
    kernel = re.search(r"^\s*(?:kernel|linux)\s+/?(\S+)", settings, re.MULTILINE)
    initrd = re.search(r"(?:initrd=|initrd\s+)/?(\S+)", settings)
    url = re.search(r"\burl=(\S+)", settings)
    preseed = http(url[1]) if url else (0, b"")
    return {
        "lease": found["address"], "name": found["options"].get(12, b"").decode(), "file": file,
        "class": found["options"].get(60, b"").decode(), "loader": (loader or b"").decode(), "beside": (beside or b"").decode(),
        "local": "localboot" in settings or "chainloader" in settings, "settings": settings,
        "kernel": (get(kernel[1]) or b"").decode() if kernel else None, "initrd": (get(initrd[1]) or b"").decode() if initrd else None,
        "preseed": preseed[1].decode() if preseed[0] == 200 else None,
    }


if __name__ == "__main__":
    print(json.dumps(boot(*sys.argv[1:])))
