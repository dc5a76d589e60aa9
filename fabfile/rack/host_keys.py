"""Writing a machine's host key into hosts.yaml: that one value, and no other character of the file."""

from __future__ import annotations

from typing import Any

import yaml

from fabfile.rack.reading import compose, read


def with_host_key(text: str, machine: str, host_key: str) -> str:
    """The text of a hosts.yaml with this machine's `host_key`. Raises LookupError if it has no such machine.

    A key that is there is replaced; else it gets a line of its own below the machine's other keys, or the
    last place between its braces. Comments and order stay.
    """
    entry = _entry(compose(text), machine)
    place = _below(entry, "host_key")
    if place is not None:
        start, end, new = place.start_mark.index, place.end_mark.index, host_key
    elif entry.flow_style:
        start = end = entry.value[-1][1].end_mark.index
        new = f", host_key: {host_key}"
    else:
        line_end = text.find("\n", _end(entry))
        start = end = len(text) if line_end < 0 else line_end
        new = f"\n{' ' * entry.value[0][0].start_mark.column}host_key: {host_key}"
    changed = text[:start] + new + text[end:]
    assert _only_the_key_differs(text, changed, machine, host_key)
    return changed


def _entry(root: yaml.Node | None, machine: str) -> yaml.MappingNode:
    found = _below(_below(root, "machines"), machine)
    if not isinstance(found, yaml.MappingNode) or not found.value:
        raise LookupError(f"hosts.yaml has no machine {machine}")
    return found


def _below(node: yaml.Node | None, key: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)


def _end(node: yaml.Node) -> int:
    """Where the last character of a node stands; a block itself ends where the next thing begins."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return _end(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _end(node.value[-1])
    return node.end_mark.index


def _only_the_key_differs(before: str, after: str, machine: str, host_key: str) -> bool:
    was: Any = read("", before.encode()).values
    now = read("", after.encode()).values
    was["machines"][machine]["host_key"] = host_key
    return bool(was == now)
