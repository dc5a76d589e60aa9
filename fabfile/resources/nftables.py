"""The packet filter: the file, and the live ruleset."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from . import cut_off, parts
from .base import Change, Command, Resource
from .file import File, FileFacts, undo

# The file is loaded into an empty network namespace and listed there: nft's own words for it. The tables that
# it makes, and ours, are listed live in the same words; other programs' tables are theirs. Counters are left
# out (-s).
_PROBE = r"""
live=
if command -v nft >/dev/null; then
  w=; [ ! -f @PATH@ ] || w=$(unshare -n sh -c 'nft -f "$1" && nft -s list ruleset' sh @PATH@ 2>&1) || :
  echo wanted; printf '%s\n' "$w"
  live=$({ printf '%s\n' "$w" | sed -n 's/^table \([a-z0-9]* [^ ]*\) {.*/\1/p'; printf '%s\n' @TABLES@; } |
    awk '!seen[$0]++' |
    while read -r family table; do nft -s list table "$family" "$table" 2>/dev/null || :; done)
  printf 'live\n%s\n' "$live"
fi
""".strip()


@dataclass(frozen=True)
class Nftables(Resource):
    """A ruleset in its file, and live: a rule flushed or changed by hand is seen and put back.

    Only the tables that the file defines are compared; it should begin by replacing them ("table inet rack"
    and "delete table inet rack"), and name interfaces by iifname and oifname. It goes live in one transaction,
    and is rolled back automatically unless a new connection comes in through it. What the first ones cut off, but for sockets
    of the programs `own`, interrupts.
    """

    ruleset: str
    path: str = "/etc/nftables.conf"
    own: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"packet filter {self.path}"

    def file(self) -> File:
        return File(self.path, self.ruleset, mode=0o644, check="nft -c -f {}", asks=True)

    def probe(self) -> str:
        tables = " ".join(map(quote, sorted(_tables(self.ruleset)))) or "''"
        return parts.probe(self.file().probe(),
                           _PROBE.replace("@PATH@", quote(self.path)).replace("@TABLES@", tables), cut_off.PROBE)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        kept, rules, reached = parts.facts(facts, 3)
        wanted, live = _rules(rules)
        first = not _tables(wanted) & _tables(self.ruleset)
        cut = cut_off.in_words(reached, self.ruleset, self.own) if first else ""
        for change in self.file().changes(kept, altered):
            if not change.alters:  # owner or mode alone
                yield change
                continue
            # A table that only the previous file had would stay for ever: it goes in the same transaction.
            gone = sorted(_tables(wanted) - _tables(self.ruleset))
            former = undo(self.path, FileFacts(kept))
            yield Change(change.what, (*change.commands, self._load(gone)), diff=change.diff,
                         interrupts="; ".join(filter(None, (change.interrupts, cut))),
                         undo=f"{former}\n{_restore(live, self.ruleset)}", alters=change.alters)
            return
        if wanted != live:
            yield Change(f"the live rules are not those of {self.path}", (self._load([]),),
                         diff=_listing_diff(live, wanted), undo=_restore(live, self.ruleset))

    def _load(self, gone: list[str]) -> Command:
        removals = "".join(f"table {table}\ndelete table {table}\n" for table in gone)
        load = f"nft -f {quote(self.path)}"
        if not gone:
            return Command(load)
        both = f"{{ printf %s {quote(removals)}; cat -- {quote(self.path)}; }}"
        return Command(f"{both} | nft -f -", shown=load)


def _rules(facts: str) -> tuple[str, str]:
    """What the file says and what is live, both in nft's words."""
    wanted, _, live = facts.removeprefix("wanted\n").partition("\nlive\n")
    return _without_learned(wanted), _without_learned(live)


def _without_learned(listing: str) -> str:
    """The listing without the elements of dynamic sets: those come and go with the traffic."""
    lines, dynamic, inside = [], False, False
    for line in listing.strip("\n").split("\n"):
        word = line.strip()
        if word.startswith(("set ", "map ")):
            dynamic = False
        elif word.startswith("flags ") and "dynamic" in word:
            dynamic = True
        if dynamic and word.startswith("elements = {"):
            inside = True
        if not inside:
            lines.append(line)
        elif word.endswith("}"):
            inside = False
    return "\n".join(lines)


def _tables(rules: str) -> set[str]:
    return {f"{family} {table}" for family, table in
            re.findall(r"^\s*table\s+(ip|ip6|inet|arp|bridge|netdev)\s+([\w-]+)\s*\{", rules, re.MULTILINE)}


def _restore(live: str, ruleset: str) -> str:
    """Shell text that makes the tables what they were."""
    tables = sorted(_tables(live) | _tables(ruleset))
    cleared = "".join(f"table {table}\ndelete table {table}\n" for table in tables)
    return f"printf %s {quote(f'{cleared}{live}' + chr(10))} | nft -f -"


def _listing_diff(live: str, wanted: str) -> str:
    import difflib

    return "\n".join(difflib.unified_diff(live.split("\n"), wanted.split("\n"), "live", "file", lineterm=""))
