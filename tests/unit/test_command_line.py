"""What a run is called, and what goes on with it, is what was typed: through Invoke, which copies the tasks it loads."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SHOW = """
import sys
import fabfile
from fabfile.cli.inv import program
from fabfile.tasks import command_line
program.execute = lambda: None
program.run(["inv", *sys.argv[1:]])
(context,) = program.tasks
task = program.collection[context.name]
command_line.remember(fabfile.namespace, task, {argument.name: argument.value for argument in context.args.values()})
print(command_line.command())
"""


@pytest.mark.parametrize("line", [
    "cluster.bootstrap", "cluster.bootstrap --from join --limit chick1", "hub.upgrade --hub real", "hub.user.add ada --hub real",
    "node.remove chick1 --dead", "node.status chick1", "node.status", "hub.lint docs/examples", "hub.lint",
])
def test_a_task_is_called_what_was_typed(line):
    done = subprocess.run([sys.executable, "-c", SHOW, *line.split()], cwd=PROJECT, capture_output=True, text=True)
    assert done.stdout.strip() == line, done.stderr


def test_the_list_of_tasks_loads_nothing_that_only_a_task_needs():
    show = "import sys\nfrom fabfile.cli.inv import program\nprogram.run('inv --list', exit=False)\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", show], cwd=PROJECT, capture_output=True, text=True)
    assert "cluster.bootstrap" in done.stdout
    assert "invoke" in done.stderr.split()
    assert {"pydantic", "jinja2", "rich", "paramiko", "asyncssh", "fabfile.rack", "fabfile.engine"} & set(done.stderr.split()) == set()


@pytest.mark.parametrize("asked", ["--list", "cluster.bootstrap --help"])
def test_a_reader_of_the_list_may_leave_early(asked):
    line = f"{Path(sys.executable).parent}/inv {asked} | head -n 1"
    done = subprocess.run(["bash", "-c", line], cwd=PROJECT, capture_output=True, text=True)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
