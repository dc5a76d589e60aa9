"""The code of a recipe as bytes: what a part is made from includes how it is made.

Comments, docstrings and layout do not count, so a clearer sentence costs nobody a rebuild.
"""
from __future__ import annotations

import ast
import functools
import importlib.util
from pathlib import Path

PACKAGE = "lab.forge."

#: They run recipes, but decide nothing about what comes out.
MACHINERY = frozenset(PACKAGE + name for name in ("code", "event", "job", "order", "part", "schedule", "store", "usual"))

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


def code_of(module: str) -> bytes:
    """The code of `module` and of every module of this package that it imports, directly or not."""
    found: dict[str, bytes] = {}
    _collect(module, found)
    return b"\n".join(found[name] for name in sorted(found))


def _collect(module: str, found: dict[str, bytes]) -> None:
    if module in found or module in MACHINERY or not module.startswith(PACKAGE):
        return
    source = _source(module)
    if source is None:                      # `from lab.forge.module import name`: the name is no module
        return
    found[module], imported = _digest(source)
    for name in imported:
        _collect(name, found)


def _source(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec and spec.origin else None


@functools.cache
def _digest(source: Path) -> tuple[bytes, tuple[str, ...]]:
    return essence(source.read_text())


def essence(text: str) -> tuple[bytes, tuple[str, ...]]:
    """Python source without comments, docstrings and layout; and the dotted names it imports, in order."""
    tree = ast.parse(text)
    imported: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree).encode(), tuple(dict.fromkeys(imported))
