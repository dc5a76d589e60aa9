"""Trees of settings in upstream's own keys: what should be set beside what is, and one made to be like the other.

Upstream's programs write a duration in their own way ("60s" is "1m0s"), and leave out, or write, what was never
set: "", 0, false, null, an empty list. These are no differences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

Tree = Mapping[str, Any]
Path = tuple[str, ...]

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:h|ms|m|us|µs|ns|s))+")
_PIECE = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|us|µs|ns|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Difference:
    """A setting that is not as it should be. None: it is not set, or should not be."""

    path: Path
    found: Any
    expected: Any

    def __str__(self) -> str:
        is_, should = (f"is {_said(self.found)}" if self.found is not None else "is not set",
                       f"should be {_said(self.expected)}" if self.expected is not None else "should not be set")
        return f"{'.'.join(self.path)} {is_}, {should}"


def differences(expected: Tree, found: Tree, *, exact: bool = True, unsaid: Set[str] = frozenset(),
                ignored: Set[Path] = frozenset()) -> tuple[Difference, ...]:
    """What of `found` is not as expected, in the order of `expected`.

    `exact`: whatever is set and not expected is a difference too. `unsaid` are keys that upstream leaves out where
    their value is "", 0 or false, so that the two mean the same; `ignored` are paths that nobody looks at.
    """
    return tuple(_differences(expected, found, (), exact, unsaid, ignored))


def _differences(expected: Tree, found: Tree, path: Path, exact: bool, unsaid: Set[str],
                 ignored: Set[Path]) -> Iterator[Difference]:
    for key, wanted in expected.items():
        here = (*path, key)
        if here in ignored:
            continue
        is_ = found.get(key)
        if isinstance(wanted, Mapping) and (is_ is None or isinstance(is_, Mapping)):
            yield from _differences(wanted, is_ or {}, here, exact, unsaid, ignored)
        elif is_ is None and (wanted is None or wanted in ([], ()) or (key in unsaid and not wanted)):
            continue
        elif not same(wanted, is_):
            yield Difference(here, is_, wanted)
    if exact:
        for key, is_ in found.items():
            here = (*path, key)
            if key not in expected and here not in ignored and not nothing(is_):
                yield Difference(here, is_, None)


def same(one: Any, other: Any) -> bool:
    """Whether two values say the same."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, str) and isinstance(other, str):
        first = seconds(one)
        return one == other or (first is not None and first == seconds(other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def nothing(value: Any) -> bool:
    """Whether a value is what upstream writes for something that was never set."""
    if isinstance(value, Mapping):
        return all(map(nothing, value.values()))
    if isinstance(value, list | tuple):
        return not value
    return value in (None, "", "0", "0s") or (not isinstance(value, str) and not value)


def seconds(duration: str) -> float | None:
    """A duration as Go writes it, "1h30m0s", in seconds; None for any other text."""
    if not _DURATION.fullmatch(duration):
        return None
    return round(sum(float(number) * _SECONDS[unit] for number, unit in _PIECE.findall(duration)), 9)


def applied(found: Tree, changes: Iterable[Difference]) -> dict[str, Any]:
    """`found` with these differences made as expected, nothing else altered."""
    tree: dict[str, Any] = _copy(found)
    for change in changes:
        at = tree
        for key in change.path[:-1]:
            if not isinstance(at.get(key), dict):
                at[key] = {}
            at = at[key]
        if change.expected is None:
            at.pop(change.path[-1], None)
        else:
            at[change.path[-1]] = _copy(change.expected)
    return tree


def read(text: str) -> dict[str, Any]:
    """A YAML document of settings; empty when it is no such thing."""
    tree: dict[str, Any] = _copy(_read(text))
    return tree


@cache  # every machine of a rack has the same
def _read(text: str) -> Any:
    try:
        tree = yaml.load(text, _LOADER)
    except yaml.YAMLError:
        return {}
    return tree if isinstance(tree, dict) else {}


def written(tree: Tree) -> str:
    """A document as upstream writes it: keys by the alphabet."""
    return yaml.safe_dump(_copy(tree), sort_keys=True, width=10_000)


def listed(changes: Iterable[Difference]) -> str:
    """The differences in one line."""
    return "; ".join(map(str, changes))


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(inner) for inner in value]
    return value


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value or '""'
    if isinstance(value, list | tuple) and value and all(
            isinstance(one, Mapping) and one.keys() == {"name", "value"} for one in value):
        return " ".join(f"{one['name']}={one['value']}" for one in value)  # arguments, variables
    return yaml.safe_dump(_copy(value), default_flow_style=True, width=10_000).removesuffix("\n").removesuffix("\n...")
