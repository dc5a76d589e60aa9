"""Which file has the last word on a kernel setting at the next boot: systemd-sysctl reads them all, in order of their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from shlex import quote

from .others import Line, numbered

# the first that has a file of a name hides the same name in the others; ufw's is read by ufw itself, after all of them
_FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d")
_UFW = "/etc/ufw/sysctl.conf"
_SAME = {"net.ipv4.ip_forward": ("net.ipv4.conf.all.forwarding",)}  # two names of one setting of the kernel


def probe(keys: Iterable[str]) -> str:
    """Shell text that prints the lines that may set one of these keys, with path and number."""
    ends = {name.replace("/", ".").rpartition(".")[2] for key in keys for name in (key, *_SAME.get(key, ()))}
    pattern = quote(f"^[^#;]*({'|'.join(sorted(map(re.escape, ends)))}|[*])[^=]*=")
    files = " ".join(f"{folder}/*.conf" for folder in _FOLDERS)
    return (f"set --; seen=/; for f in {files}; do\n"
            "  case $seen in */\"${f##*/}\"/*) continue ;; esac; seen=\"$seen${f##*/}/\"; set -- \"$@\" \"$f\"\ndone\n"
            f"grep -HnsE -e {pattern} -- \"$@\" || :\n"
            f"[ ! -f /etc/ufw/ufw.conf ] || ! grep -qi '^ENABLED=yes' /etc/ufw/ufw.conf || grep -HnsE -e {pattern} -- {_UFW} || :")


def later(facts: str, own: str, settings: Mapping[str, str]) -> list[Line]:
    """The lines of other files that set one of the settings to something else, after the file `own` has set it."""
    return [line for line in _lines(facts) if line.path != own and _comes_after(line.path, own)
            for key, wanted in settings.items() if _sets(line.key, key) and line.value != " ".join(wanted.split())]


def _lines(facts: str) -> Iterator[Line]:
    for path, number, text in numbered(facts):
        key, equals, value = text.strip().partition("=")
        if equals:
            yield Line(path, number, text, key.strip().removeprefix("-"), " ".join(value.split()))


def _comes_after(path: str, own: str) -> bool:
    return path == _UFW or path.rpartition("/")[2] > own.rpartition("/")[2]


def _sets(pattern: str, key: str) -> bool:
    """A key with `*` in it yields to those that name the setting itself, wherever these stand."""
    names = (key, *_SAME.get(key, ()))
    written = _dotted(pattern)
    return written in names or ("*" in written and any(fnmatchcase(name, written) for name in names[1:]))


def _dotted(key: str) -> str:
    """As sysctl(8) has it: what comes first, a dot or a slash, separates; the other one is part of a name."""
    first = next((letter for letter in key if letter in "./"), ".")
    return key if first == "." else key.translate(str.maketrans("./", "/."))
