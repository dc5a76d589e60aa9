"""Which line of sshd's files has the last word on a setting: the first that sshd meets, and those of Match blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from .others import Line, numbered

MAIN = "/etc/ssh/sshd_config"

# Files that include others are read three deep. What sshd itself says of all that comes last, with the options of its service.
PROBE = f"""
set -f; f={MAIN}; for deep in 1 2 3; do
  [ -z "$f" ] || grep -HnsEv '^[[:space:]]*(#|$)' -- $f || :
  i=$([ -z "$f" ] || sed -n 's/^[[:space:]]*[Ii][Nn][Cc][Ll][Uu][Dd][Ee][[:space:]=]*//p' -- $f 2>/dev/null) || :; f=
  for w in $i; do
    case $w in /*) ;; *) w=/etc/ssh/$w ;; esac
    set +f; for one in $w; do [ ! -f "$one" ] || f="$f $one"; done; set -f
  done
done
echo effective
o=$(sed -n 's/^[[:space:]]*SSHD_OPTS=//p' /etc/default/ssh 2>/dev/null) || :
! command -v sshd >/dev/null || eval "set -- $o" && sshd -T "$@" 2>/dev/null || :
""".strip()

_ALIASES = {"challengeresponseauthentication": "kbdinteractiveauthentication", "skeyauthentication": "kbdinteractiveauthentication",
            "keyboardinteractiveauthentication": "kbdinteractiveauthentication"}
_VALUES = {"without-password": "prohibit-password"}
_STRICTER = {"permitrootlogin": {"no", "forced-commands-only"}, "passwordauthentication": {"no"},
             "kbdinteractiveauthentication": {"no"}}


@dataclass(frozen=True)
class SshdLine(Line):
    """`match` is the condition of the block that it is in."""

    match: str = ""

    @property
    def word(self) -> str:
        """The key as it is written there."""
        return re.split(r"[\s=]", self.text.strip())[0]


def settings(content: str) -> dict[str, str]:
    """What a file sets, by key in small letters."""
    lines = [line for line in content.split("\n") if line.strip() and not line.lstrip().startswith("#")]
    return dict(_setting(line) for line in lines)


def overriding(facts: str, path: str, wanted: Mapping[str, str]) -> list[SshdLine] | None:
    """The lines of other files that keep what the file `path` sets from being so; None when that file is not read at all."""
    order = list(_read(numbered(facts.partition("effective\n")[0]), path))
    own = next((index for index, line in enumerate(order) if line.path == path and not line.match), None)
    if own is None:
        return None
    found = []
    for key, value in wanted.items():
        for line in order[:own]:
            if line.key == key and not line.match:
                if _enough(key, line.value, value):
                    break
                found.append(line)
    return found + [line for line in order if line.match and line.path != path and line.key in wanted
                    and not _enough(line.key, line.value, wanted[line.key])]


def different(facts: str, wanted: Mapping[str, str]) -> dict[str, str]:
    """What sshd itself says of these settings, where that is something else. Empty where it says nothing."""
    said = settings(facts.partition("effective\n")[2])
    return {key: said[key] for key, value in wanted.items() if key in said and not _enough(key, said[key], value)}


def _enough(key: str, found: str, wanted: str) -> bool:
    return found == wanted or found in _STRICTER.get(key, ())


def _read(lines: Sequence[tuple[str, int, str]], own: str) -> Iterator[SshdLine]:
    """All settings in the order in which sshd meets them; of `own` only that it is there, even if it is not yet."""
    files: dict[str, list[tuple[int, str]]] = {own: []}
    for path, number, text in lines:
        files.setdefault(path, []).append((number, text))
    yield from _of(MAIN, files, own, "", 0)


def _of(path: str, files: Mapping[str, Sequence[tuple[int, str]]], own: str, match: str, depth: int) -> Iterator[SshdLine]:
    if path == own:
        yield SshdLine(path, 0, "", "", "", match)
        return
    for number, text in files.get(path, ()):
        key, value = _setting(text)
        if key == "match":
            match = value
        elif key == "include" and depth < 3:
            for pattern in value.split():
                whole = pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}"
                for one in sorted(name for name in files if fnmatchcase(name, whole) and name.count("/") == whole.count("/")):
                    yield from _of(one, files, own, match, depth + 1)
        else:
            yield SshdLine(path, number, text, key, value, match)


def _setting(text: str) -> tuple[str, str]:
    words = re.split(r"\s*=\s*|\s+", text.strip(), maxsplit=1)
    key = words[0].lower()
    value = re.sub(r"\s+#.*$", "", words[1] if words[1:] else "").strip().strip('"')
    if key not in ("match", "include"):
        value = value.lower()
    return _ALIASES.get(key, key), _VALUES.get(value, value)
