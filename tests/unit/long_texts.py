"""Which texts of a Python file are long: strings, also such as are put together of pieces and of named ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

_KEEP = {"strip", "lstrip", "rstrip", "replace", "format", "removesuffix", "removeprefix", "splitlines", "split"}


class LongTexts:
    """Reads the files of a package; a name that another of them gives counts with all its lines."""

    def __init__(self, top: Path):
        self._top = top
        self._names: dict[Path, dict[str, ast.expr | tuple[Path, str]]] = {}

    def of(self, path: Path, most: int) -> Iterator[tuple[int, int]]:
        """The first line, and the number of its own, of each text of more than `most` lines; no docstrings."""
        tree = ast.parse(path.read_text())
        passed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for scope in ast.walk(tree):
            if not isinstance(scope, ast.Module | ast.FunctionDef):
                continue
            names = self._given(path) | (_assigned(scope) if isinstance(scope, ast.FunctionDef) else {})
            for node in _within(scope):
                if id(node) in passed or not isinstance(node, ast.expr) or isinstance(node, ast.Name):
                    continue
                text = self._text(node, path, names)
                if text is not None and (length := len(text.strip("\n").split("\n"))) > most:
                    passed |= {id(inner) for inner in ast.walk(node)}
                    yield node.lineno, length

    def _given(self, path: Path) -> dict[str, ast.expr | tuple[Path, str]]:
        if path not in self._names:
            tree = ast.parse(path.read_text())
            names = self._names[path] = dict(_assigned(tree))
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and (module := self._module(path, node)):
                    names |= {alias.asname or alias.name: (module, alias.name) for alias in node.names}
        return self._names[path]

    def _module(self, path: Path, node: ast.ImportFrom) -> Path | None:
        if node.level:
            base = path.parents[node.level - 1]
        elif (node.module or "").split(".")[0] == self._top.name:
            base = self._top.parent
        else:
            return None
        module = base.joinpath(*(node.module or "").split(".")).with_suffix(".py")
        return module if module.exists() else None

    def _text(self, node: ast.expr, path: Path, names: dict, depth: int = 0) -> str | None:
        """The text that an expression surely is, "?" for each piece that only a run knows; None for no text."""
        def inner(one: ast.expr) -> str | None:
            return self._text(one, path, names, depth + 1)

        if depth > 30:
            return None
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.JoinedStr):
            return "".join((inner(one.value) or "?") if isinstance(one, ast.FormattedValue) else one.value
                           for one in node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = inner(node.left), inner(node.right)
            return None if left is None and right is None else (left or "?") + (right or "?")
        if isinstance(node, ast.Name):
            found = names.get(node.id)
            if isinstance(found, tuple):
                module, name = found
                given = self._given(module)
                there = given.get(name)
                return self._text(there, module, given, depth + 1) if isinstance(there, ast.expr) else None
            return self._text(found, path, {**names, node.id: None}, depth + 1) if found else None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in _KEEP:
                return inner(node.func.value)
            if node.func.attr == "join" and len(node.args) == 1 and (between := inner(node.func.value)) is not None:
                pieces = self._pieces(node.args[0], names)
                return None if pieces is None else between.join(inner(one) or "?" for one in pieces)
        return None

    def _pieces(self, node: ast.expr, names: dict) -> list[ast.expr] | None:
        if isinstance(node, ast.Name):
            found = names.get(node.id)
            return self._pieces(found, {**names, node.id: None}) if isinstance(found, ast.expr) else None
        if not isinstance(node, ast.List | ast.Tuple):
            return None
        pieces: list[ast.expr] = []
        for one in node.elts:
            more = self._pieces(one.value, names) if isinstance(one, ast.Starred) else [one]
            pieces += more or []
        return pieces


def _within(scope: ast.AST) -> Iterator[ast.AST]:
    """What belongs to a module or function itself, outermost first, and not to a function in it."""
    for node in ast.iter_child_nodes(scope):
        if not isinstance(node, ast.FunctionDef):
            yield node
            yield from _within(node)


def _assigned(scope: ast.AST) -> dict[str, ast.expr]:
    """What names stand for here, a list with all that is added to it."""
    found: dict[str, ast.expr] = {}
    for node in _within(scope):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            former = found.get(node.target.id)
            if isinstance(former, ast.List) and isinstance(node.value, ast.List):
                found[node.target.id] = ast.List([*former.elts, *node.value.elts])
    return found
