"""The docs are in step with the code: every task and key is documented, every shown command is run or marked as not."""

import json
import re
import subprocess
import sys

import pytest

from tests.pages import PAGES, PROJECT, blocks, commands


def invoke_list() -> dict:
    command = [sys.executable, "-m", "invoke", "--list", "--list-format=json"]
    return json.loads(subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout)


def tasks(collection: dict, prefix: str = "") -> dict[str, str]:
    """Every task's full name and the first line of its help."""
    found = {prefix + task["name"]: task["help"] or "" for task in collection["tasks"]}
    for inner in collection["collections"]:
        found |= tasks(inner, f"{prefix}{inner['name']}.")
    return found


TASKS = tasks(invoke_list())


@pytest.mark.parametrize("task", sorted(TASKS))
def test_a_task_helps(task):
    help_line = TASKS[task]
    assert re.fullmatch(r"[A-Z].{0,58}\.", help_line), f"imperative, at most 60 characters, a full stop: {help_line!r}"


def test_no_letter_stands_for_an_option():
    """By Invoke's choice `-d` would be --dry in one task and --dead in another."""
    from fabfile import namespace

    letters = {task: [name for argument in namespace[task].get_arguments() for name in argument.names if len(name) == 1]
               for task in TASKS}
    assert not {task: found for task, found in letters.items() if found}


@pytest.mark.parametrize("program, task", [("inv", "node.add"), ("inv", "hub.user.add"), ("fab", "node.remove")])
def test_help_may_be_asked_for_after_a_task_that_wants_a_word(program, task):
    def said(*words: str) -> str:
        return subprocess.run([PROJECT / ".venv/bin" / program, *words], cwd=PROJECT, capture_output=True, text=True,
                              check=True).stdout
    assert said(task, "--help") == said("--help", task)
    assert f"{task} [--options]" in said(task, "--help")


@pytest.mark.parametrize("task", sorted(TASKS))
def test_a_task_is_documented(task):
    assert f"### `{task}`" in (PROJECT / "docs/tasks.md").read_text()


def test_the_documented_tasks_exist():
    documented = set(re.findall(r"^### `([a-z.-]+)`", (PROJECT / "docs/tasks.md").read_text(), re.MULTILINE))
    assert documented <= set(TASKS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_shown_command_is_run_or_marked(page):
    unmarked = [block.splitlines()[0] for _, where, block in blocks(page) if not where]
    assert not unmarked, f"say run-here, run-in-lab or not-run: {unmarked}"


@pytest.mark.parametrize("command", sorted({c for page in PAGES for c in commands(page, "run-here")}))
def test_shown_command_runs(command):
    environment_first = f"PATH={PROJECT}/.venv/bin:$PATH; {command}"
    done = subprocess.run(["sh", "-c", environment_first], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def keys(model, prefix: str = "") -> set[str]:
    """Every key that a file of the rack may hold, dotted; upstream's own trees end at their name."""
    from pydantic import BaseModel

    def models_in(annotation):
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
        for inner in getattr(annotation, "__args__", ()):
            yield from models_in(inner)

    found = set()
    for name, field in model.model_fields.items():
        found.add(prefix + name)
        for inner in models_in(field.annotation):
            found |= keys(inner, f"{prefix}{name}.")
    return found


def files_of_a_rack():
    from fabfile.rack.cluster import Cluster
    from fabfile.rack.conflicts import Conflicts
    from fabfile.rack.install import Install
    from fabfile.rack.machines import Machine
    from fabfile.rack.model import Operator
    from fabfile.rack.networks import NetworkPlan
    from fabfile.rack.operators import Operators
    from fabfile.rack.organisations import Organisations
    from fabfile.rack.services import Hub, Services
    from fabfile.rack.storage import Storage
    from fabfile.rack.versions import Versions
    from fabfile.rack.watching import Watching

    yield "hosts.yaml", {"rack", "conflicts"} | keys(Conflicts, "conflicts.") | \
        keys(Operator, "operator.") | keys(Machine, "machines.NAME.")
    yield "configs/network.yaml", keys(NetworkPlan)
    yield "configs/versions.yaml", keys(Versions)
    yield "configs/cluster.yaml", keys(Cluster)
    yield "configs/install.yaml", keys(Install)
    yield "configs/operators.yaml", keys(Operators)
    yield "configs/storage.yaml", keys(Storage)
    yield "configs/hub.yaml", keys(Hub)
    yield "configs/services.yaml", keys(Services)
    yield "configs/organisations.yaml", keys(Organisations)
    yield "configs/watch.yaml", keys(Watching)


@pytest.mark.parametrize("file, wanted", [*files_of_a_rack()], ids=lambda value: value if isinstance(value, str) else "")
def test_every_key_is_documented(file, wanted):
    page = (PROJECT / "docs/configuration.md").read_text()
    section = page.partition(f"## {file}\n")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `([A-Za-z0-9_.-]+)`", section, re.MULTILINE))
    assert documented == wanted, f"missing: {sorted(wanted - documented)}; gone: {sorted(documented - wanted)}"
