"""Pages and values written for an older JupyterHub: what would break on JupyterHub 5, where, and the fix.

Measured with a repository that served JupyterHub 1: its init container was refused, its clone could not be
written, its own pages gave 500, its buttons did nothing, its menu was gone. Everything here is a function of
texts.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fabfile.rack.problem import Problem

# names of images that start as root: the hub's pod (runAsNonRoot) refuses them unless a user is given
ROOTS = re.compile(r"(^|/)(alpine|busybox|debian|ubuntu|git|curl|bitnami/git|python|node)(/git)?([:@]|$)")
FILLED_BLOCKS = (
    "scripts", "script", "stylesheet")  # JupyterHub's own page puts into these what its buttons need
BLOCK = re.compile(r"{%-?\s*block\s+(\w+).*?%}(.*?){%-?\s*endblock", re.DOTALL)
FORMER = {  # Bootstrap 3 → 5
    r"data-toggle=": "data-bs-toggle=",
    r"data-target=": "data-bs-target=",
    r"data-dismiss=": "data-bs-dismiss=",
    r"data-parent=": "data-bs-parent=",
    r"\bnavbar-default\b": "navbar-expand-lg bg-body-tertiary",
    r"\bnavbar-(left|right)\b": "me-auto or ms-auto",
    r"\bnavbar-toggle\b(?!r)": "navbar-toggler",
    r"\bicon-bar\b": "navbar-toggler-icon",
    r"\bpull-left\b": "float-start",
    r"\bpull-right\b": "float-end",
    r"\btext-left\b": "text-start",
    r"\btext-right\b": "text-end",
    r"\bpanel(-\w+)?\b(?=[^<]*[\"'])": "card",
    r"\bcol-xs-\d+\b": "col-…",
    r"\bhidden-xs\b": "d-none d-sm-block",
    r"\bbtn-default\b": "btn-secondary",
    r"\bimg-responsive\b": "img-fluid",
    r"\bglyphicon\b": "fa",
    r"\bcenter-block\b": "mx-auto d-block",
    r"\bsr-only\b": "visually-hidden",
}
CLASSES = re.compile(r"\b(class|data-[a-z]+)\s*=\s*(\"[^\"]*\"|'[^']*')")


def lint(files: Mapping[str, str]) -> list[Problem]:
    """Problems of pages and handlers: path → text, as they lie in a repository or in configs/templates."""
    problems: list[Problem] = []
    for path, text in files.items():
        if path.endswith((".html", ".htm", ".j2")):
            problems += page_problems(path, text)
        elif path.endswith(".py"):
            problems += [Problem(path, line, "", *told) for line, told in handler_faults(text)]
    return sorted(problems)


def page_problems(path: str, text: str) -> Iterator[Problem]:
    """Faults of one page."""
    for found in BLOCK.finditer(text):
        name, inside = found.groups()
        if name in FILLED_BLOCKS and "super()" not in inside:
            yield Problem(
                path, _line(text, found.start()), "",
                f"the block {name} throws away what JupyterHub's page puts there: "
                "buttons such as Stop My Server do nothing", "begin it with {{ super() }}")
    own = path.rpartition("/")[2]
    for found in re.finditer(r"{%-?\s*extends\s+[\"']([^\"']+)[\"']", text):
        if found[1] == own:
            yield Problem(path, _line(text, found.start()), "", "extends itself",
                          f'{{% extends "templates/{own}" %}} is JupyterHub\'s')
    for found in re.finditer(r"[\"'][^\"']*(bootstrap(?:\.min)?\.js)[\"']", text):
        yield Problem(path, _line(text, found.start()), "", f"{found[1]} is loaded beside JupyterHub's own",
                      "leave it out: {{ super() }} loads the bundle")
    for attribute in CLASSES.finditer(text):
        for former, now in FORMER.items():
            if old := re.search(former, attribute[0]):
                yield Problem(path, _line(text,
                                          attribute.start()), "", f"{old[0].rstrip('=')} is of Bootstrap 3",
                              f"Bootstrap 5 has {now.rstrip('=')}")


def handler_faults(code: str) -> Iterator[tuple[int, tuple[str, str]]]:
    """Line, and message with hint, of each page that is rendered and not awaited."""
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        yield error.lineno or 1, (f"is no Python: {error.msg}", "")
        return
    awaited = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Await)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and id(node) not in awaited and _renders(node):
            yield node.lineno, ("render_template is not awaited: the page is an error 500",
                                "await self.render_template(…) in an async def")


def _renders(call: ast.Call) -> bool:
    return (isinstance(call.func, ast.Attribute) and call.func.attr == "render_template"
            and not any(word.arg == "sync" for word in call.keywords))


def value_faults(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], int, str, str]]:
    """Faults of a hub's values: the path of the value, lines below its first one, message, hint."""
    hub = values.get("hub")
    hub = hub if isinstance(hub, Mapping) else {}
    for index, container in _items(hub.get("initContainers")):
        for key, message, hint in _container_faults(container):
            yield ("hub", "initContainers", index, key), 0, message, hint
    code = hub.get("extraConfig")
    for name, text in code.items() if isinstance(code, Mapping) else ():
        if isinstance(text, str):
            yield from ((("hub", "extraConfig", name), line, *told) for line, told in handler_faults(text))


def _container_faults(container: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    context = container.get("securityContext") or {}
    user = context.get("runAsUser") if isinstance(context, Mapping) else None
    if user == 0 or (user is None and ROOTS.search(str(container.get("image", "")))):
        yield "image", "starts as root, which the hub's pod refuses", \
            "securityContext: {runAsUser: 1000, runAsGroup: 1000}"
    said = "\n".join(_texts([container.get("command"), container.get("args")]))
    elsewhere = container.get("workingDir") or re.search(r"\bcd\s+/|\bclone\b[^\n;&|]*\s/\w", said)
    if "git clone" in said.replace("\n", " ") and not elsewhere:
        yield "args" if "args" in container else "command", \
            "clones into the image's own folder, where root alone may write", "cd /tmp first"


def _items(value: object) -> Iterable[tuple[int, Mapping[str, Any]]]:
    return ((index, one)
            for index, one in enumerate(value)
            if isinstance(one, Mapping)) if isinstance(value, list | tuple) else ()


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
