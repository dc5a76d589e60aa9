"""What the rules of other programs' nftables do with a packet, as far as their text says: read from `nft list`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network

_HOOK = re.compile(r"type filter hook (\w+) .*?(?:policy (\w+))?;?$")
_TERMS = r"(?P<no>!= )?(?P<value>\{[^}]*\}|\"[^\"]*\"|[^ ;]+)"
_NEVER_NEW = re.compile(r"ct state (?:\{ ?)?(?:(?:established|related|untracked|invalid)[, ]*)+(?: ?\})?(?= |$)|ct status (?!.*!=)")


@dataclass(frozen=True)
class Packet:
    """The first packet of a connection: where it comes in and goes out ("" for the machine itself), from where, and to which
    port ("179/tcp", "ping"; "" for any)."""

    hook: str
    interface: str
    out: str = ""
    source: IPv4Network | None = None
    port: str = ""


@dataclass
class Chain:
    table: str  # "inet site"
    name: str
    hook: str = ""
    policy: str = "accept"
    rules: list[str] = field(default_factory=list)


def chains(listing: str) -> list[Chain]:
    """Every chain of the tables that nft listed."""
    found: list[Chain] = []
    table = ""
    inside = ""
    for line in map(str.strip, listing.split("\n")):
        if line.startswith("table ") and line.endswith("{"):
            table = line.removeprefix("table ").removesuffix("{").strip()
        elif line.startswith("chain ") and line.endswith("{"):
            found.append(Chain(table, line.removeprefix("chain ").removesuffix("{").strip()))
            inside = "chain"
        elif line.endswith("{") and line.startswith(("set ", "map ", "flowtable ")):
            inside = "set"
        elif line == "}":
            inside = ""
        elif inside == "chain" and line.startswith("type "):
            if head := _HOOK.match(line.rstrip(";") + ";"):
                found[-1].hook = head[1]
                found[-1].policy = head[2] or "accept"
        elif inside == "chain" and line and not line.startswith("#"):
            found[-1].rules.append(line)
    return found


def blocking(found: Sequence[Chain], packet: Packet) -> list[Chain]:
    """The base chains in which no rule may let this packet through before it is dropped."""
    by_name = {(chain.table, chain.name): chain for chain in found}
    return [chain for chain in found if chain.hook == packet.hook and chain.table.split(" ")[0] in ("ip", "inet")
            and (_verdict(chain, packet, by_name, 0) or chain.policy) == "drop"]


def _verdict(chain: Chain, packet: Packet, by_name: Mapping[tuple[str, str], Chain], depth: int) -> str:
    """What comes of the packet: "accept" if any rule may do that, "drop" if one surely does, "" if the chain has no word on it."""
    for rule in chain.rules:
        if not _may_match(rule, packet):
            continue
        words = re.sub(r'comment "[^"]*"', "", rule).split()
        target = next((words[at + 1] for at, word in enumerate(words[:-1]) if word in ("jump", "goto")), "")
        if target and depth < 16:
            inner = by_name.get((chain.table, target))
            verdict = _verdict(inner, packet, by_name, depth + 1) if inner else "accept"
            if verdict == "accept" or (verdict and _certain(rule)):
                return verdict
        elif "vmap" in words:
            if _in_map(rule, packet):
                return "accept"
        elif "accept" in words or "queue" in words:
            return "accept"
        elif ("drop" in words or "reject" in words) and _certain(rule):
            return "drop"
    return ""


def _in_map(rule: str, packet: Packet) -> bool:
    """Whether a map may have an element for the packet: of states, one for new connections."""
    keys = re.findall(r"[{,] *\"?([^\s\":,{}]+)", rule[rule.index("vmap"):])
    if "ct state vmap" in rule:
        return "new" in keys
    if re.search(r"\b[io]if(name)? vmap", rule):
        return packet.interface in keys or packet.out in keys
    return True


def _certain(rule: str) -> bool:
    """Whether the rule has no condition but those that `_may_match` has read."""
    rest = re.sub(r'counter(?: packets \d+ bytes \d+)?|comment "[^"]*"|log(?: prefix "[^"]*")?(?: level \w+)?|reject with .*|'
                  r"(?:jump|goto) \S+", "", rule)
    for kind in ("iifname", "iif", "oifname", "oif"):
        rest = re.sub(rf"\b{kind} {_unnamed(_TERMS)}", "", rest)
    return not set(rest.split()) - {"drop", "reject"}


def _unnamed(pattern: str) -> str:
    return re.sub(r"\?P<\w+>", "?:", pattern)


def _may_match(rule: str, packet: Packet) -> bool:
    if _NEVER_NEW.search(rule) and "new" not in rule:
        return False
    for kind, value in (("iif", packet.interface), ("oif", packet.out)):
        for one in re.finditer(rf"\b{kind}(?:name)? {_TERMS}", rule):
            if _names(one["value"], value) == bool(one["no"]):
                return False
    protocol = packet.port.partition("/")[2]
    if re.search(r"\bicmpv6\b|\bip6 |nfproto ipv6", rule):
        return False
    if packet.port == "ping":
        return not re.search(r"\b(tcp|udp|th) |icmp type (?!.*echo-request)", rule) and _source_matches(rule, packet)
    if re.search(r"\bicmp\b", rule):
        return False
    named = re.search(rf"meta l4proto {_TERMS}|ip protocol (\w+)", rule)
    if protocol and named and protocol not in named[0] and not named["no"]:
        return False
    return _port_matches(rule, packet) and _source_matches(rule, packet)


def _names(value: str, interface: str) -> bool:
    """Whether an interface is among those of a rule: "eth0", "wg*", { "a", "b" }."""
    return any(interface == name or (name.endswith("*") and interface.startswith(name[:-1]))
               for name in re.findall(r"[^\s{},\"]+", value))


def _port_matches(rule: str, packet: Packet) -> bool:
    number, _, protocol = packet.port.partition("/")
    for one in re.finditer(rf"\b(?P<proto>tcp|udp|th) dport {_TERMS}", rule):
        if not number:
            continue  # some port may be meant
        if one["proto"] not in (protocol, "th") or _among(one["value"], int(number)) == bool(one["no"]):
            return False
    return not (number and re.search(rf"\b{'udp' if protocol == 'tcp' else 'tcp'} (dport|sport|flags)", rule))


def _among(value: str, number: int) -> bool:
    for part in re.findall(r"\d+(?:-\d+)?", value):
        first, _, last = part.partition("-")
        if int(first) <= number <= int(last or first):
            return True
    return not re.search(r"\d", value)  # a set of a name: it may be in it


def _source_matches(rule: str, packet: Packet) -> bool:
    for one in re.finditer(rf"\bip saddr {_TERMS}", rule):
        networks = re.findall(r"\d+\.\d+\.\d+\.\d+(?:/\d+)?", one["value"])
        if packet.source is None or not networks or one["no"]:
            continue
        if not any(IPv4Network(network, strict=False).overlaps(packet.source) for network in networks):
            return False
    return True
