"""The sources that others have given apt: read as apt reads them, in both of its formats."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

from .others import numbered

_ONE_LINE = re.compile(r"\s*(deb|deb-src)\s+(?:\[(?P<options>[^]]*)\]\s*)?(?P<uri>\S+)\s+(?P<suite>\S+)")


@dataclass(frozen=True)
class AptSource:
    """One source: where it stands, what it names, and the key that may sign it ("" for apt's own keys)."""

    path: str
    line: int
    uri: str
    suite: str
    signed_by: str
    lines: Mapping[int, str]  # all that have to go with it


def probe(url: str, own: str) -> str:
    """Shell text that prints the files, other than `own`, that name this address: each line with path and number."""
    address = quote(url.rstrip("/").partition("://")[2])
    return (f"set --; for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do\n"
            f"  [ \"$f\" = {quote(own)} ] || [ ! -f \"$f\" ] || set -- \"$@\" \"$f\"\ndone\n"
            f"[ $# = 0 ] || grep -lsF -e {address} -- \"$@\" | while read -r f; do grep -Hn '' -- \"$f\"; done || :")


def conflicting(facts: str, url: str, suite: str, keyring: str) -> list[AptSource]:
    """The sources with the same address and suite, and another key: with both, apt refuses to read any list."""
    return [source for source in _sources(facts)
            if source.uri.rstrip("/") == url.rstrip("/") and _same_suite(source.suite, suite) and source.signed_by != keyring]


def _same_suite(one: str, other: str) -> bool:
    return one.strip("/") == other.strip("/")


def _sources(facts: str) -> Iterator[AptSource]:
    files: dict[str, list[tuple[int, str]]] = {}
    for path, number, text in numbered(facts):
        files.setdefault(path, []).append((number, text))
    for path, lines in files.items():
        yield from (_deb822 if path.endswith(".sources") else _one_line)(path, lines)


def _one_line(path: str, lines: Sequence[tuple[int, str]]) -> Iterator[AptSource]:
    for number, text in lines:
        if found := _ONE_LINE.match(text):
            options = dict(word.split("=", 1) for word in (found["options"] or "").split() if "=" in word)
            key = options.get("signed-by", "").strip("\"'")
            yield AptSource(path, number, found["uri"], found["suite"], key, {number: text})


def _deb822(path: str, lines: Sequence[tuple[int, str]]) -> Iterator[AptSource]:
    stanza: list[tuple[int, str]] = []
    for number, text in [*lines, (0, "")]:
        if text.strip():
            stanza.append((number, text))
            continue
        yield from _of_stanza(path, [line for line in stanza if not line[1].startswith("#")])
        stanza = []


def _of_stanza(path: str, stanza: Sequence[tuple[int, str]]) -> Iterator[AptSource]:
    fields: dict[str, tuple[int, str]] = {}
    name = ""
    for number, text in stanza:
        if text[0] in " \t":
            first, value = fields.get(name, (number, ""))
            fields[name] = first, f"{value} {text.strip()}".strip()
        else:
            name, _, value = text.partition(":")
            name = name.lower()
            fields[name] = number, value.strip()
    if fields.get("enabled", (0, "yes"))[1].lower() in ("no", "false", "0", "off", "without", "disable"):
        return
    at, key = fields.get("signed-by", fields.get("uris", (0, "")))
    key = fields.get("signed-by", (0, ""))[1]
    for uri in fields.get("uris", (0, ""))[1].split():
        for suite in fields.get("suites", (0, ""))[1].split():
            yield AptSource(path, at, uri, suite, key, dict(stanza))
