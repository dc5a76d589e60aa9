"""Changing single values in the text of a YAML file: comments, order, quotes and every other character stay."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from fabfile.rack.reading import UNCLEAR, WORDS, compose, read

Path = tuple[str, ...]
GONE = None  # as a value: the key is removed, and a mapping that would be empty without it, too

# what any reader of YAML takes for text without quotes, also inside of braces
_PLAIN = re.compile(r"[A-Za-z/]([A-Za-z0-9 ()/+=@._-]*[A-Za-z0-9)/+=@._-])?|[0-9]+[G-Zg-z][A-Za-z0-9]*|[0-9]+(\.[0-9]+){3}")


class Uneditable(ValueError):
    """The text is written in a form in which these values cannot be changed alone: with an alias, for example."""


@dataclass(frozen=True)
class _Splice:
    start: int
    end: int
    new: str = ""


def edited(text: str, changes: Mapping[Path, object]) -> str:
    """The text with these values: texts, numbers, booleans, mappings of them, or GONE. Raises Uneditable.

    A value that is there is replaced where it stands. A new key comes behind the other keys of its mapping, with a line of
    its own or between the braces; a removed one takes its line along.
    """
    wanted: Any = read("", text.encode()).values
    changes = {path: value for path, value in changes.items() if not _is(wanted, path, value)}
    if not changes:
        return text
    whole = text if text.endswith("\n") else f"{text}\n"
    root = compose(text)
    if not isinstance(root, yaml.MappingNode):
        raise Uneditable("this is no mapping")
    new = _Editor(whole).apply(root, _tree(changes))
    new = new if whole is text else new.removesuffix("\n")
    for path, value in changes.items():
        _put(wanted, path, value)
    if read("", new.encode()).values != wanted:
        raise Uneditable(f"{'.'.join(next(iter(changes)))} and the like cannot be changed without other values: is an alias used there?")
    return new


class _Editor:
    def __init__(self, text: str):
        self.text = text
        self.newline = "\r\n" if "\r\n" in text else "\n"

    def apply(self, root: yaml.MappingNode, tree: Mapping[str, Any]) -> str:
        parts, place = [], 0
        for splice in sorted(self._splices(root, tree), key=lambda one: one.start):  # in one place: the inner mapping's first
            parts += [self.text[place:splice.start], splice.new]
            place = max(place, splice.end)
        return "".join([*parts, self.text[place:]])

    def _splices(self, node: yaml.MappingNode, tree: Mapping[str, Any]) -> Iterator[_Splice]:
        values = {key.value: value for key, value in node.value}
        added = {key: _values(change) for key, change in tree.items() if key not in values and _values(change) is not GONE}
        removed = [index for index, (key, value) in enumerate(node.value) if key.value in tree and _leaves(value, tree[key.value])]
        for index, (key, value) in enumerate(node.value):
            if key.value not in tree or index in removed:
                continue
            change = tree[key.value]
            if isinstance(change, _Tree) and isinstance(value, yaml.MappingNode) and value.value:
                yield from self._splices(value, change)
            else:
                yield _Splice(value.start_mark.index, value.end_mark.index, _flow(_values(change)))
        yield from (self._in_braces if node.flow_style else self._in_lines)(node, removed, added)

    def _in_lines(self, node: yaml.MappingNode, removed: list[int], added: Mapping[str, Any]) -> Iterator[_Splice]:
        for index in removed:
            key, value = node.value[index]
            start = self.text.rfind("\n", 0, key.start_mark.index) + 1
            if self.text[start:key.start_mark.index].strip():
                raise Uneditable(f"{key.value} has no line of its own")
            yield _Splice(start, self._next_line(value))
        if added:
            place, indent = self._next_line(node), node.value[0][0].start_mark.column
            yield _Splice(place, place, "".join(f"{line}{self.newline}" for line in _lines(added, " " * indent)))

    def _in_braces(self, node: yaml.MappingNode, removed: list[int], added: Mapping[str, Any]) -> Iterator[_Splice]:
        pairs = node.value
        stays = [index for index in range(len(pairs)) if index not in removed]
        for index in removed:
            key, value = pairs[index]
            if stays and index > stays[0]:
                yield _Splice(pairs[index - 1][1].end_mark.index, value.end_mark.index)
            else:
                last = index + 1 == len(pairs)
                yield _Splice(key.start_mark.index, value.end_mark.index if last else pairs[index + 1][0].start_mark.index)
        if added:
            place = pairs[-1][1].end_mark.index if pairs else node.end_mark.index - 1
            yield _Splice(place, place, (", " if stays else "") + _flow(added)[1:-1])

    def _next_line(self, node: yaml.Node) -> int:
        """Where the line after a node begins; a block itself ends where the next thing begins."""
        if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
            return self._next_line(node.value[-1][1])
        if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
            return self._next_line(node.value[-1])
        end = node.end_mark.index
        while end > node.start_mark.index and self.text[end - 1].isspace():
            end -= 1
        return self.text.find("\n", end) + 1 or len(self.text)


class _Tree(dict[str, Any]):
    """Changes below a mapping that is there; other dicts are values."""


def _tree(changes: Mapping[Path, object]) -> _Tree:
    tree = _Tree()
    for path, value in changes.items():
        inner = tree
        for key in path[:-1]:
            inner = inner.setdefault(key, _Tree())
        inner[path[-1]] = value
    return tree


def _values(change: Any) -> Any:
    """What a change says where nothing is there yet."""
    if not isinstance(change, _Tree):
        return change
    inner = {key: value for key, one in change.items() if (value := _values(one)) is not GONE}
    return inner or GONE


def _leaves(node: yaml.Node, change: Any) -> bool:
    """Whether nothing of a value is left by a change."""
    if not isinstance(change, _Tree):
        return change is GONE
    if _values(change) is not GONE or not isinstance(node, yaml.MappingNode):
        return False
    return bool(node.value) and all(key.value in change and _leaves(value, change[key.value]) for key, value in node.value)


def _is(values: Any, path: Path, value: object) -> bool:
    """Whether this value is there already."""
    found = values
    for key in path:
        found = found.get(key, GONE) if isinstance(found, dict) else GONE
    return bool(found == value and type(found) is type(value))


def _put(values: dict[str, Any], path: Path, value: object) -> None:
    """The same change to values."""
    key, *inner = path
    if inner:
        below = values.setdefault(key, {})
        _put(below, tuple(inner), value)
        if value is GONE and not below:
            del values[key]
    elif value is GONE:
        values.pop(key, None)
    else:
        values[key] = value


def _lines(values: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping) and any(isinstance(one, Mapping) for one in value.values()):
            yield f"{indent}{_flow(key)}:"
            yield from _lines(value, f"{indent}  ")
        else:
            yield f"{indent}{_flow(key)}: {_flow(value)}"


def _flow(value: object) -> str:
    """In one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    text = str(value)
    plain = _PLAIN.fullmatch(text) and text.lower() not in {*WORDS, *UNCLEAR}
    return text if plain else json.dumps(text, ensure_ascii=False)
