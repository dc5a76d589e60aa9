"""The house rules of the code: imports point one way, a file holds one concept, nothing hides in a drawer."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

# which part may import which, within fabfile/; `screen` shows what the engine and the rack say and is called by tasks only
MAY_IMPORT = {
    "cli": {"cli", "tasks", "engine", "loading", "rack", "folder", "secret"},
    "site": {"tasks", "engine", "loading", "rack"},  # what the site's own tasks import
    "tasks": {"tasks", "bmc", "rules", "facts", "engine", "roles", "resources", "loading", "upstream", "rack", "screen", "secret",
              "finding", "news"},
    "screen": {"screen", "bmc", "facts", "engine", "resources", "upstream", "rack", "secret", "finding", "news"},
    "engine": {"engine", "resources", "programs", "loading", "rack", "secret", "finding"},
    "rules": {"rules", "engine", "facts", "roles", "upstream", "rack", "finding", "news"},
    "facts": {"facts", "resources", "programs", "upstream", "rack", "secret", "finding"},
    "roles": {"roles", "resources", "programs", "upstream", "rack", "secret", "finding"},
    "resources": {"resources", "bmc", "programs", "upstream", "rack", "secret", "finding"},
    "bmc": {"bmc", "programs", "rack", "secret"},  # what BMCs are asked, and say
    "loading": {"loading", "folder", "upstream", "rack", "secret", "finding"},
    "upstream": {"upstream", "programs", "rack", "secret", "finding"},
    "programs": {"programs"},  # what runs on machines
    "rack": {"rack", "secret", "finding"},
    "folder": set(),
    "secret": set(),
    "news": {"finding"},
    "finding": set(),
}
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc"}


def source_files():
    for top in ("fabfile", "lab", "tests", "bench"):
        yield from (PROJECT / top).rglob("*.py")
    yield PROJECT / "coop_guard.py"


def part(path: Path) -> str:
    """"roles" for fabfile/roles/node.py, "secret" for fabfile/secret.py, "" for fabfile/__init__.py."""
    inside = path.relative_to(PROJECT / "fabfile").parts
    return inside[0].removesuffix(".py") if inside != ("__init__.py",) else ""


def imported(path: Path) -> set[str]:
    """The names of modules, and of what is in them, that a file imports, at its top, for types, or inside a function."""
    package = path.relative_to(PROJECT).with_suffix("").parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[:len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return found


def imported_parts(path: Path) -> set[str]:
    """The parts of fabfile/ that a file imports."""
    return {name.split(".")[1] for name in imported(path) if name.startswith("fabfile.")}


def named(path: Path) -> str:
    """"fabfile.roles.node", and "fabfile.roles" for its __init__.py."""
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", sorted((PROJECT / "fabfile").rglob("*.py")), ids=lambda p: str(p.relative_to(PROJECT)))
def test_imports_point_one_way(path):
    if part(path) == "":
        return  # the collection itself gathers the tasks
    wrong = imported_parts(path) - MAY_IMPORT[part(path)]
    assert not wrong, f"{path.relative_to(PROJECT)} imports {', '.join(sorted(wrong))}"


@pytest.mark.parametrize("top", ["fabfile", "lab", "bench"])
def test_no_files_import_each_other(top):
    """Not in a circle of any length either, and not for types alone."""
    files = {named(path): path for path in (PROJECT / top).rglob("*.py")}
    graph = {name: (imported(path) & set(files)) - {name} for name, path in files.items() if path.name != "__init__.py"}
    TopologicalSorter(graph).prepare()


def test_the_lab_is_only_another_rack():
    """The product never asks whether it is in a lab: only the lab's own tasks know it."""
    for path in (PROJECT / "fabfile").rglob("*.py"):
        if path == PROJECT / "fabfile/tasks/lab.py":
            continue
        names = {alias.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import) for alias in node.names}
        froms = {node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom) and not node.level}
        assert not [name for name in names | froms if name.split(".")[0] == "lab"], path


@pytest.mark.parametrize("path", sorted(source_files()), ids=lambda p: str(p.relative_to(PROJECT)))
def test_a_file_holds_one_concept(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    assert path.stem not in DRAWERS
    if path.name != "__init__.py" or text.strip():
        assert ast.get_docstring(ast.parse(text)), "the first lines say what the file is about"
