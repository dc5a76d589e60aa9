"""configs/secrets.yaml: secret values of each service, never shown.

    hub:                       # a service's name; below it the chart's own keys
      proxy: {secretToken: …}

The file is the operator's own (0600) and never in git. Its texts are Secrets from the moment they are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fabfile.rack.files import SECRETS
from fabfile.rack.problem import Problem
from fabfile.rack.reading import Document, read_file
from fabfile.rack.values import NOTHING
from fabfile.secret import Secret


def read_secrets(folder: Path) -> tuple[Document, Mapping[str, Any]]:
    """The lines and problems of the file, without its values; and the values by service. No file: nothing in
    it."""
    if not (folder / SECRETS).exists():
        return Document(SECRETS, None, {}), NOTHING
    document = read_file(folder, SECRETS)
    problems = list(document.problems)
    mode = (folder / SECRETS).stat().st_mode & 0o777
    if mode & 0o077:
        problems.append(
            Problem(SECRETS, 0, "", f"others may read it (mode {mode:04o})", f"chmod 600 {SECRETS}"))
    values = document.values
    if values is not None and not isinstance(values, Mapping):
        problems.append(
            document.problem((), "keys and values are expected",
                             "a service's name, below it the chart's own keys"))
        values = None
    told = [replace(problem, message=_without_values(problem.message)) for problem in problems]
    return Document(SECRETS, None, document.lines, tuple(told)), hidden(values or {})


def hidden(values: Any) -> Any:
    """The same tree, unchangeable, with every text a Secret."""
    if isinstance(values, Mapping):
        return MappingProxyType({key: hidden(value) for key, value in values.items()})
    if isinstance(values, list | tuple):
        return tuple(hidden(value) for value in values)
    if isinstance(values, int | float) and not isinstance(values, bool):
        Secret(str(values))  # a number stays one, and is masked where it comes back
    return Secret(values) if isinstance(values, str) else values


def revealed(values: Any) -> Any:
    """Plain dicts and lists with the texts themselves: for a machine's eyes."""
    if isinstance(values, Mapping):
        return {key: revealed(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [revealed(value) for value in values]
    return values.reveal() if isinstance(values, Secret) else values


def _without_values(message: str) -> str:
    """YAML's own complaints may quote what stands in the file, and a string that begins with ! is a tag."""
    if message.startswith("the tag "):
        return "tags are not supported"
    return message if "'" not in message else "is not valid YAML from here"
