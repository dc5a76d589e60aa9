"""What a machine's first firewall cuts off: sockets and links that are reached now, and by its rules are not any more."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from .nft_rules import Chain, Packet, blocking, chains
from .sockets import LISTING, Socket, listening

# asked where none of its tables is there yet: $live is what was found of them
PROBE = f"""
if [ -z "$live" ]; then
  echo links; ip -o addr show up 2>/dev/null || :
  grep -Hs '' /proc/sys/net/ipv4/ip_forward || :
  echo sockets; {LISTING}
  echo rules; ! command -v nft >/dev/null || nft -s list ruleset 2>/dev/null || :
fi
""".strip()

_CLIENTS = {"68/udp", "546/udp"}  # DHCP's answers are read before any filter, or belong to a connection of our own


def in_words(facts: str, ruleset: str, own: Collection[str]) -> str:
    """What these rules will drop and nothing drops now; "" when that is nothing. `own`: programs that come with the rules."""
    if not facts.startswith("links"):
        return ""
    links, _, rest = facts.removeprefix("links\n").partition("sockets\n")
    listing, _, rules = rest.partition("rules\n")
    now, then = chains(rules), chains(ruleset)
    addresses = _addresses(links)
    lost = [*_sockets(addresses, _of_others(listing, own), now, then), *_pings(addresses, now, then)]
    if "ip_forward:1" in links:
        lost += _forwarded(addresses, now, then)
    return "; ".join(lost)


def _sockets(addresses: dict[str, set[str]], sockets: Sequence[Socket], now: list[Chain], then: list[Chain]) -> Iterator[str]:
    programs = {(socket.port, socket.program) for socket in sockets}
    for port, program in sorted(programs, key=lambda one: (int(one[0].partition("/")[0]), one)):
        here = [socket.address for socket in sockets if (socket.port, socket.program) == (port, program)]
        by = [name for name, own in addresses.items() if ("" in here or own & set(here))
              and _lost(Packet("input", name, port=port), now, then)]
        if by:
            yield f"{port}{program and f' ({program})'} is not reached any more through {', '.join(by)}"


def _pings(addresses: dict[str, set[str]], now: list[Chain], then: list[Chain]) -> Iterator[str]:
    if by := [name for name in addresses if _lost(Packet("input", name, port="ping"), now, then)]:
        yield f"ping is not answered any more through {', '.join(by)}"


def _forwarded(addresses: dict[str, set[str]], now: list[Chain], then: list[Chain]) -> Iterator[str]:
    for one in addresses:
        if by := [other for other in addresses if other != one and _lost(Packet("forward", one, other), now, then)]:
            yield f"nothing is forwarded any more from {one} to {', '.join(by)}"


def _lost(packet: Packet, now: list[Chain], then: list[Chain]) -> bool:
    return bool(blocking(then, packet)) and not blocking(now, packet)


def _addresses(links: str) -> dict[str, set[str]]:
    """The addresses of each link that is up, but for those of this machine alone."""
    found: dict[str, set[str]] = {}
    for words in map(str.split, links.split("\n")):
        if len(words) > 3 and words[2] in ("inet", "inet6") and words[1] != "lo" and not words[3].startswith("fe80:"):
            found.setdefault(words[1], set()).add(words[3].partition("/")[0])
    return found


def _of_others(listing: str, own: Collection[str]) -> list[Socket]:
    return [socket for socket in listening(listing)
            if socket.port not in _CLIENTS and socket.program not in own and not socket.address.startswith(("127.", "::1"))]
