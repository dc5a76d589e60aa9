"""Packet filters of other programs (ufw, firewalld, Docker, the site's own): they drop nothing that the rack needs."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from ipaddress import IPv4Network

from .base import Change, Resource, conflict
from .nft_rules import Packet, blocking, chains

# What Kubernetes and Calico make is theirs, and drops nothing by itself; iptables' own tables are read where their policy drops.
_PROBE = r"""
! command -v nft >/dev/null || nft list chains 2>/dev/null | awk '
  $1 == "table" { table = $2 " " $3; quiet = $3 ~ /^(filter|nat|mangle|raw|security|kube-proxy|calico.*)$/ }
  /hook (input|forward) / && (/policy drop/ || !quiet) && !seen[table]++ { print table }' | while read -r family table; do
    case $family in
      ip|inet) [ "$family $table" = 'inet coop' ] || nft -s list table "$family" "$table" 2>/dev/null || : ;;
    esac
  done
""".strip()


@dataclass(frozen=True)
class NoOtherFilter(Resource):
    """No other table drops what comes in from the rack's machines, through `inner`, to these `ports` ("179/tcp", "112/vrrp"), nor
    what comes in through `outer` to `public` ports, nor what is forwarded from the one to the other.

    An accept in one table does not undo a drop in another: so Coop's own rules cannot help.
    """

    inner: str
    network: str
    ports: tuple[str, ...]
    outer: str = ""
    public: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return "no other packet filter"

    def probe(self) -> str:
        return _PROBE

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = chains(facts)
        dropped: dict[tuple[str, str, str], list[str]] = {}
        for packet in self._packets():
            for chain in blocking(found, packet):
                what = f"policy {chain.policy}" if chain.policy == "drop" else "its last rule"
                dropped.setdefault((chain.table, chain.name, what), []).append(self._in_words(packet))
        for (table, name, what), packets in dropped.items():
            yield conflict(f"table {table}", f"table {table}, chain {name} ({what}) drops {', '.join(dict.fromkeys(packets))}, and no rule "
                           "of Coop's can change that")

    def _packets(self) -> Iterator[Packet]:
        network = IPv4Network(self.network)
        for port in self.ports:
            yield Packet("input", self.inner, source=network, port=port)
        if self.outer:
            for port in self.public:
                yield Packet("input", self.outer, port=port)
            yield Packet("forward", self.inner, self.outer, network)

    def _in_words(self, packet: Packet) -> str:
        if packet.hook == "forward":
            return f"what the rack forwards from {self.inner} to {self.outer}"
        return f"{packet.port} from {'the machines' if packet.interface == self.inner else self.outer}"
