"""Merging what the operator wrote with what the rack requires. Pure, and independent of what the keys mean.

Three trees meet. What the rack *demands* holds whatever is written, and a written value that contradicts it
is reported. What it *proposes* gives way to what is written. Everything else stands as the operator wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, TypeGuard

Path = tuple[str | int, ...]
Tree = Mapping[str, Any]


@dataclass(frozen=True)
class Contradiction:
    """A written value that cannot stand beside what the rack demands. `path` leads to it there."""

    path: Path
    demanded: object
    written: object


@dataclass(frozen=True)
class Merged:
    """Plain dicts and lists, nothing shared with what they came from; and where the operator is overruled."""

    values: dict[str, Any]
    contradictions: tuple[Contradiction, ...]


def merge(demanded: Tree, written: Tree, proposed: Tree | None = None) -> Merged:
    """Mappings merge key by key, lists whose items have a `name` by it; other lists grow by what is written.

    The demanded order comes first, then the written one.
    """
    contradictions: list[Contradiction] = []
    values = _both(demanded, overlay(proposed or {}, written), (), contradictions)
    return Merged(values, tuple(contradictions))


def overlay(below: object, above: object, *, null_removes: bool = False) -> Any:
    """`above`, and what it leaves unsaid from `below`; a list is said as a whole. `null_removes`: as helm lays values over
    a chart's defaults, where a null takes its key away."""
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        removed = {key for key in above if null_removes and above[key] is None}
        return _by_key(below, above, lambda key: overlay(below[key], above[key], null_removes=null_removes), removed)
    return plain(above)


def _by_key(one: Tree, other: Tree, both: Callable[[str], Any], without: Set[str] = frozenset()) -> dict[str, Any]:
    """What either says alone, and `both` where both say something, in the order of the first."""
    keys = [key for key in (*one, *(key for key in other if key not in one)) if key not in without]
    return {key: both(key) if key in one and key in other else plain(one[key] if key in one else other[key]) for key in keys}


def plain(value: object) -> Any:
    """A copy made of dicts, lists and scalars, to be written as YAML, TOML or JSON."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if _is_list(value):
        return [plain(inner) for inner in value]
    return value


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _named(items: Sequence[object]) -> bool:
    return bool(items) and all(isinstance(item, Mapping) and "name" in item for item in items)


def _both(demanded: Any, written: Any, path: Path, contradictions: list[Contradiction]) -> Any:
    if isinstance(demanded, Mapping) and isinstance(written, Mapping):
        return _by_key(demanded, written, lambda key: _both(demanded[key], written[key], (*path, key), contradictions))
    if _is_list(demanded) and _is_list(written):
        return _lists(demanded, written, path, contradictions)
    if type(demanded) is not type(written) or demanded != written:
        contradictions.append(Contradiction(path, plain(demanded), plain(written)))
    return plain(demanded)


def _lists(
    demanded: Sequence[Any], written: Sequence[Any], path: Path, contradictions: list[Contradiction],
) -> list[Any]:
    if not _named(demanded):
        return [plain(item) for item in (*demanded, *(item for item in written if item not in demanded))]
    merged = {item["name"]: item for item in demanded}
    others = []
    for index, item in enumerate(written):
        if isinstance(item, Mapping) and item.get("name") in merged:
            merged[item["name"]] = _both(merged[item["name"]], item, (*path, index), contradictions)
        else:
            others.append(plain(item))
    return [plain(item) for item in merged.values()] + others
