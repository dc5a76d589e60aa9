"""What others have dnsmasq do: it reads every file of its folder, copies of Coop's too, and takes no setting back that another has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from fnmatch import fnmatchcase
from shlex import quote

from .base import Change, Resource, conflict
from .others import commented, numbered

# keys, and what comes of them beside Coop's
_KEYS = {
    "bind-interfaces": "keeps dnsmasq from starting, for Coop has it follow links that come and go (bind-dynamic)",
    "cache-size": "keeps dnsmasq from starting, which takes this once, and Coop sets it",
    "port": "has dnsmasq answer at another port than 53",
    "no-hosts": "keeps dnsmasq from answering with the names of the rack",
    "except-interface": "keeps dnsmasq from answering the rack",
    "no-dhcp-interface": "keeps dnsmasq from giving the rack addresses",
}


@dataclass(frozen=True)
class DnsmasqFiles(Resource):
    """No line of another file keeps dnsmasq from what `own`, Coop's file, has it do on `interface`. `reserved`: MAC to address."""

    own: str
    interface: str
    reserved: Mapping[str, str]

    @property
    def name(self) -> str:
        return "no other settings of dnsmasq"

    def probe(self) -> str:
        keys = "|".join([*_KEYS, "dhcp-host"])
        return ("for f in /etc/dnsmasq.conf /etc/dnsmasq.d/*; do\n"
                f"  case $f in {quote(self.own)}|*~|*/\\#*\\#|*.dpkg-dist|*.dpkg-old|*.dpkg-new) continue ;; esac\n"
                f"  grep -HnsE '^[[:space:]]*({keys})[[:space:]]*(=|#|$)' -- \"$f\" || :\ndone")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        wrong: dict[str, dict[int, tuple[str, str]]] = {}  # by file and line: its text, and what comes of it
        for path, number, text in numbered(facts):
            key, _, value = (part.strip() for part in text.partition("#")[0].partition("="))
            if why := self._why(key, value):
                wrong.setdefault(path, {})[number] = text, f"{path}:{number} ({key}) {why}"
        for path, lines in wrong.items():
            # dnsmasq restarts as behind Coop's own file: with a wrong line left in another file it would not start
            yield conflict(path, "; ".join(why for _, why in lines.values()),
                           commented(path, {number: text for number, (text, _) in lines.items()}), keepable=False,
                           alters=frozenset({f"file:{self.own}"}))

    def _why(self, key: str, value: str) -> str:
        if key == "dhcp-host":
            words = [word.strip().lower() for word in value.split(",")]
            for mac, address in self.reserved.items():
                if address in words:
                    return f"keeps dnsmasq from starting, for Coop gives {address} to the machine of hosts.yaml"
                if mac.lower() in words:
                    return f"gives {mac} another address than hosts.yaml"
            return ""
        if key == "port" and value == "53":
            return ""
        if key.endswith("-interface") and not any(fnmatchcase(self.interface, one.strip()) for one in value.split(",")):
            return ""
        return _KEYS[key]
