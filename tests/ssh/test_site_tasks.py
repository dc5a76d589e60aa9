"""The ten lines of docs/site-tasks.md, and what else a task of the site's own may do, on real machines."""

from __future__ import annotations

import json
import re

import pytest
from conftest import Operator
from swarm import PROJECT, Swarm
from test_safety import changed_key, other_key

PAGE = (PROJECT / "docs/site-tasks.md").read_text()
EXAMPLE = re.search(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1]
MORE = '''
"""More."""
from concurrent.futures import ThreadPoolExecutor

from fabfile.site import rack, task


@task
def names(c):
    """Ask all chicks at once."""
    with ThreadPoolExecutor() as pool:
        print(*pool.map(lambda name: rack.connection(name).run("hostname", hide=True).stdout.strip(), ("chick0", "chick1")))
    assert rack.connection("chick0") is rack.connection("chick0")


@task
def say(c, word="hello"):
    """Say a word there."""
    rack.connection("chick0").run(f"echo {word} | tr a-z A-Z")


@task
def here(c):
    """Where this is."""
    c.run("hostname")


@task
def fail(c):
    """End with another code than 0."""
    rack.connection("chick0").run("echo so; exit 7")


@task
def lose(c):
    """Lose the line."""
    rack.connection("chick0").run("kill -9 $PPID")
'''


@pytest.fixture(scope="module")
def swarm(tmp_path_factory):
    with Swarm(tmp_path_factory.mktemp("swarm"), chicks=2) as swarm:
        yield swarm


@pytest.fixture
def operator(swarm, tmp_path):
    operator = Operator(swarm, tmp_path / "state")
    (operator.folder / "site").mkdir(exist_ok=True)
    (operator.folder / "site/disks.py").write_text(EXAMPLE)
    (operator.folder / "site/more.py").write_text(MORE)
    return operator


def inv(operator, *words: str) -> tuple[int, str]:
    return operator.end(".venv/bin/inv", *words)


def fab(operator, *words: str) -> tuple[int, str]:
    return operator.end(".venv/bin/fab", *words)


def test_the_ten_lines_of_the_docs_work(operator):
    assert len(EXAMPLE.splitlines()) == 9
    assert re.search(r"disks\.free +Show how full a machine.s disks are\.", inv(operator, "--list")[1])
    code, said = inv(operator, "disks.free", "chick1")
    assert code == 0 and said.startswith("Filesystem") and "overlay" in said, said
    assert inv(operator, "more.names") == (0, "chick0 chick1\n")


def test_under_fab_a_task_is_called_with_a_connection_to_each(operator):
    assert fab(operator, "-H", "chick1,rooster", "more.here") == (0, "chick1\nrooster\n")


def test_a_machine_whose_key_is_another_is_not_spoken_to(operator):
    changed_key(operator, "chick0", other_key(operator))
    code, said = inv(operator, "more.say")
    assert code == 1 and "chick0: its host key is ssh-ed25519 SHA256:" in said and "HELLO" not in said and "Traceback" not in said, said


def test_flags_about_commands_hold_on_its_connections(operator):
    assert inv(operator, "more.say") == (0, "HELLO\n")
    code, said = inv(operator, "-e", "more.say")
    assert code == 0 and "echo hello | tr a-z A-Z" in said and "HELLO" in said, said
    code, said = inv(operator, "--dry", "more.say")
    assert code == 0 and "echo hello | tr a-z A-Z" in said and "HELLO" not in said, said
    assert inv(operator, "--hide=both", "more.say") == (0, "")
    assert inv(operator, "more.fail") == (7, "so\n") and inv(operator, "-w", "more.fail") == (0, "so\n")


def test_a_line_that_is_lost_is_a_sentence(operator):
    code, said = inv(operator, "more.lose")
    assert code == 1 and said.startswith("chick0: the connection was lost") and "Traceback" not in said, said


def test_flags_about_commands_hold_for_a_command(operator):
    """What follows `--` under `fab -H`."""
    assert fab(operator, "-H", "chick0", "--", "echo hello | tr a-z A-Z") == (0, "HELLO\n")
    code, said = fab(operator, "--dry", "-H", "chick0,chick1", "--", "echo hello | tr a-z A-Z")
    assert code == 0 and said.count("tr a-z A-Z") == 2 and "HELLO" not in said, said
    assert fab(operator, "-w", "-H", "chick0", "--", "exit 7") == (0, "")
    assert fab(operator, "-T", "1", "-H", "chick0", "--", "sleep 30")[0] != 0
    assert "not a tty" in fab(operator, "-H", "chick0", "--", "tty || true")[1]
    assert "/dev/pts/" in fab(operator, "-p", "-H", "chick0", "--", "tty || true")[1]


def test_another_key_may_be_named(operator, tmp_path):
    """With it -i is used in place of what hosts.yaml names, on the way through rooster, too."""
    hosts = operator.folder / "hosts.yaml"
    hosts.write_text(hosts.read_text().replace(str(operator.swarm.key), str(other_private_key(tmp_path))))
    code, said = fab(operator, "-H", "chick0", "--", "hostname")
    assert code == 1 and "login as root was refused" in said, said
    assert fab(operator, "-i", str(operator.swarm.key), "-H", "chick0", "--", "hostname") == (0, "chick0\n")
    code, said = fab(operator, "-i", str(hosts), "-H", "chick0", "--", "hostname")
    assert code == 2 and said == f"-i {hosts}: it holds no private key that ssh can read\n"


def other_private_key(folder):
    from swarm import _keygen
    _keygen(folder / "other")
    return folder / "other"


def test_coops_own_task_on_several_machines_is_one_run_limited_to_them(operator):
    hosts = operator.folder / "hosts.yaml"
    hosts.write_text(hosts.read_text() + "conflicts: {take_over: [/etc/ssh/sshd_config]}\n")  # the swarm's includes no other files
    code, said = fab(operator, "-H", "chick0,chick1", "cluster.bootstrap", "--dry", "--json")
    (result,) = [json.loads(said)]
    assert code == 3 and result["task"] == "cluster.bootstrap --limit chick0,chick1", said
    assert set(result["machines"]) == {"chick0", "chick1"}
