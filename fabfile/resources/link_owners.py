"""Who else configures a network link: ifupdown, another file of systemd-networkd (netplan's too), NetworkManager, dhcpcd; and
what of theirs goes when systemd-networkd takes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from shlex import quote

from .base import Change, conflict
from .others import commented, moved_away, numbered, uncommented
from .writing import FORMER

_IFUPDOWN = "/etc/network/interfaces"
_STANZA = re.compile(r"(iface|auto|allow-\S+|mapping|source|source-directory|no-auto-down|no-scripts|template|inherits)\b")


def probe(interface: str, own: str) -> str:
    """Shell text that says who has the link now, and whether Coop has had it already by its file `own`; each fact in a line."""
    device, former = quote(interface), quote(FORMER + own)
    return (f"[ -e {former} ] || [ -e {former}.absent ] || echo foreign\n"
            f"ip -6 -o addr show dev {device} scope global -dynamic 2>/dev/null | sed 's/.* inet6 \\([^ ]*\\).*/inet6 \\1/' || :\n"
            f"read -r n </sys/class/net/{device}/ifindex || n=none\n"
            "[ ! -e \"/run/systemd/netif/links/$n\" ] || sed -n 's/^NETWORK_FILE=/networkd /p' \"/run/systemd/netif/links/$n\"\n"
            "f=/run/NetworkManager/devices/$n; [ ! -e \"$f\" ] || sed -n 's/^managed=managed$/NetworkManager/p' \"$f\"\n"
            f"for f in /run/dhcpcd/{device}.pid /run/dhcpcd/{device}-4.pid /run/dhclient.{device}.pid; do\n"
            "  [ ! -e \"$f\" ] || { read -r p <\"$f\" && [ -d \"/proc/$p\" ] && echo \"client $f\"; } || :\ndone\n"
            f"grep -lsw -e {device} -- {_IFUPDOWN} {_IFUPDOWN}.d/* | while read -r f; do grep -Hn '' -- \"$f\"; done || :")


def conflicts(facts: str, interface: str, own: str) -> Iterator[Change]:
    """Who would set the link otherwise than `own`, Coop's file for it."""
    for path, stanza in _stanzas(facts, interface).items():
        first = next(number for number, text in stanza.items() if text.lstrip().startswith("iface"))
        client = next((line.partition(" ")[2] for line in facts.split("\n") if line.startswith("client ")), "")
        # what a DHCP client has set stays until systemd-networkd has set it again; the client itself must not come back to it
        ends = f"! command -v dhcpcd >/dev/null || dhcpcd -p -x {quote(interface)} >/dev/null 2>&1 || :" if "dhcpcd" in client else \
            f"kill \"$(cat {quote(client)})\" || :" if client else ""
        yield conflict(path, f"{path}:{first} gives {interface} to ifupdown, beside Coop's {own} for systemd-networkd",
                       commented(path, stanza, then=ends), keepable=False, undo=uncommented(path))
    for line in facts.split("\n"):
        kind, _, path = line.partition(" ")
        if kind == "networkd" and path not in ("", own) and _first(path, own):
            origin = " (made of /etc/netplan/*.yaml)" if "netplan" in path else ""
            taken = moved_away(path, then="networkctl reload") if path.startswith("/etc/") else None
            yield conflict(path, f"{path}{origin} configures {interface}, and systemd-networkd reads it before Coop's {own}",
                           taken, keepable=False)
        elif kind == "NetworkManager":
            yield conflict(f"NetworkManager {interface}", f"NetworkManager manages {interface}, beside Coop's {own} for systemd-networkd: "
                           f"name {interface} under unmanaged-devices in /etc/NetworkManager/conf.d", keepable=False)


def lost(facts: str, interface: str, addresses: Iterable[str], routes: Mapping[str, str], kept: Iterable[str],
         ways: Mapping[str, str]) -> str:
    """What the link has had from others and loses when systemd-networkd takes it for the first time, in words: it removes what its
    file does not name. `addresses` and `routes` are there now, `kept` and `ways` will be."""
    lines = facts.split("\n")
    if "foreign" not in lines:
        return ""
    more = [line.removeprefix("inet6 ") for line in lines if line.startswith("inet6 ")]
    gone = [f"the address {address}" for address in (*addresses, *more) if address not in set(kept)]
    gone += [f"the route {destination}{f' via {via}' if via else ''}" for destination, via in routes.items()
             if ways.get(destination) not in (via, "*")]
    return f"{interface} loses {', '.join(gone)}" if gone else ""


def _first(path: str, own: str) -> bool:
    """Of the files that match a link, systemd-networkd takes the first by name, whatever their folders."""
    return path.rpartition("/")[2] < own.rpartition("/")[2]


def _stanzas(facts: str, interface: str) -> dict[str, dict[int, str]]:
    """By file, the lines of ifupdown that make it configure the link."""
    found: dict[str, dict[int, str]] = {}
    inside = ""
    for path, number, text in numbered(facts):
        if not path.startswith(_IFUPDOWN):
            continue
        words = text.split()
        if _STANZA.match(text.lstrip()):
            inside = path if words[:2] == ["iface", interface] and words[2:4] not in (["inet", "manual"], ["inet6", "manual"]) else ""
        if inside == path and words and not words[0].startswith("#"):
            found.setdefault(path, {})[number] = text
    for path, number, text in numbered(facts):
        words = text.split()
        if path in found and len(words) == 2 and re.match(r"auto$|allow-", words[0]) and words[1] == interface:
            found[path][number] = text
    return {path: dict(sorted(lines.items())) for path, lines in found.items()}
