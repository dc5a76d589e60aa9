"""Writing a machine's host key into hosts.yaml: that one value, and no other character of the file."""

from __future__ import annotations

import yaml

from fabfile.rack.editing import edited
from fabfile.rack.reading import compose


def with_host_key(text: str, machine: str, host_key: str) -> str:
    """The text of a hosts.yaml with this machine's `host_key`. Raises LookupError if it has no such machine, Uneditable."""
    node = compose(text)
    for key in ("machines", machine):
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        node = next((value for name, value in pairs if name.value == key), None)
    if not isinstance(node, yaml.MappingNode) or not node.value:
        raise LookupError(f"hosts.yaml has no machine {machine}")
    return edited(text, {("machines", machine, "host_key"): host_key})
