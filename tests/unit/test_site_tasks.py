"""Tasks of the site's own, RACK/site/*.py: listed beside Coop's, and what is wrong with a file is told by its line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fabfile.engine.unread import unread_entries
from tests.unit.test_flags import types

PROJECT = Path(__file__).parents[2]
LAMPS = '''
"""The lamps."""
from fabfile.site import rack, task

@task(help={"machine": "Its name in hosts.yaml."})
def switch_on(c, machine, bright=2):
    "Switch a machine's lamp on."
    print(rack.machine(machine).address(), rack.name, bright)
'''


def test_a_file_is_one_more_collection(site):
    """From the rack's folder, a folder below it, and elsewhere by COOP_RACK; with `inv` and `fab`."""
    site("blue_lamps", LAMPS)
    for program, folder, environment in (("inv", site.folder, {}), ("inv", site.folder / "configs", {}),
                                         ("fab", Path("/"), {"COOP_RACK": str(site.folder)})):
        code, said = types(program, "--list", folder=folder, **environment)
        assert code == 0 and "blue-lamps.switch-on   Switch a machine's lamp on." in said and "node.reboot" in said, said
    assert types("inv", "blue-lamps.switch-on", "chick0", folder=site.folder) == (0, "10.0.0.100 flock 2\n")
    said = types("inv", "blue-lamps.switch-on", "--help", folder=site.folder)[1]
    assert "--bright=INT" in said and "Its name in hosts.yaml." in said
    assert "blue-lamps" not in types("inv", "--list")[1]


def test_files_may_share_what_begins_with_an_underscore(site):
    site("_colours", "COLOUR = 'blue'\n")
    site("lamps", LAMPS.replace("from fabfile", "import _colours\nfrom fabfile").replace("bright)", "_colours.COLOUR)"))
    assert types("inv", "lamps.switch-on", "chick1", folder=site.folder) == (0, "10.0.0.101 flock blue\n")


@pytest.mark.parametrize("name, text, told", [
    ("lamps", LAMPS.replace("(c, machine", "(c machine"), "site/lamps.py:6: "),
    ("lamps", LAMPS + "\nlamp = lamps\n", "site/lamps.py:10: NameError: name 'lamps' is not defined"),
    ("lamps", LAMPS.replace("import rack, task", "import rack, tusk"), "site/lamps.py:3: ImportError: cannot import name 'tusk'"),
    ("lamps", "import no_such_library\n" + LAMPS, "site/lamps.py:1: ModuleNotFoundError: No module named 'no_such_library'"),
    ("lamps", "raise SystemExit('enough')\n", "site/lamps.py:1: SystemExit: enough"),
    ("lamps", LAMPS.replace('{"machine"', '{"lamp"'), "site/lamps.py:5: switch_on: Help field was set for"),
    ("lamps", LAMPS.replace("@task", "# task"), "site/lamps.py: it has no task: `from fabfile.site import task`"),
    ("lamps", "\0", "site/lamps.py"),
    ("hub", LAMPS, "site/hub.py: Coop has a collection hub of its own"),
    ("Lamps 2", LAMPS, "site/Lamps 2.py: its name becomes the first word of its tasks"),
])
def test_a_broken_file_is_one_sentence_with_its_line(site, asks, monkeypatch, name, text, told):
    site(name, text)
    monkeypatch.chdir(site.folder)
    monkeypatch.setattr("sys.path", [*sys.path])
    for words in (("inv", "--list"), ("fab", "rack.check")):
        code, said = asks(*words)
        assert code == 2 and said.startswith(told) and said.count("\n") == 1 and "Traceback" not in said, said


def test_what_a_task_raises_is_a_sentence(site):
    """Of the site's, not of Coop; an error on the way to a machine as Coop's own tasks tell it."""
    site("lamps", LAMPS.replace("print(", "print(None + "))
    code, said = types("inv", "lamps.switch-on", "chick0", folder=site.folder)
    assert code == 1 and said == ("TypeError: unsupported operand type(s) for +: 'NoneType' and 'IPv4Address' (site/lamps.py:8); "
                                  "run again with --debug to see where it comes from\n"), said
    site("lamps", LAMPS.replace("print(rack", "rack.connection('chick0')\n    print(rack"))
    code, said = types("inv", "lamps.switch-on", "chick0", folder=site.folder)
    assert code == 2 and said.startswith("rooster: hosts.yaml names no host_key for it\n"), said
    site("lamps", LAMPS.replace("(machine)", "('chikc1')"))
    code, said = types("inv", "lamps.switch-on", "chick0", folder=site.folder)
    assert code == 2 and "there is no machine 'chikc1'" in said and "did you mean chick" in said, said


def test_a_tasks_py_of_the_sites_own_is_taken_as_invoke_does(site, tmp_path):
    """Where it is nearer than the rack; one in a folder above the rack is not."""
    (site.folder / "configs/tasks.py").write_text("from invoke import task\n\n@task\ndef mine(c):\n    pass\n")
    (tmp_path / "tasks.py").write_text("from invoke import task\n\n@task\ndef above(c):\n    pass\n")
    assert "mine" in types("inv", "--list", folder=site.folder / "configs")[1]
    said = types("inv", "--list", folder=site.folder)[1]
    assert "above" not in said and "node.reboot" in said
    assert "above" in types("inv", "--list", folder=tmp_path)[1]


def test_a_fabfile_of_the_sites_own_does_not_hide_coops_package(tmp_path):
    (tmp_path / "fabfile.py").write_text("from fabfile.site import rack, task\n\n@task\ndef mine(c):\n    print(rack.name)\n")
    for program in (("fab",), ("python", "-m", "fabric")):
        assert types(*program, "mine", folder=tmp_path, COOP_RACK=str(PROJECT)) == (0, "flock\n")


def test_without_a_rack_it_is_said_what_to_do(site, tmp_path):
    """As in an environment that Coop was installed in: no clone, and no folder of a rack here."""
    only_tasks = ("import fabfile.folder as f, pathlib; f.PROJECT = pathlib.Path('/nowhere')\n"
                  "from fabfile.cli.inv import program; program.run()")
    done = subprocess.run([PROJECT / ".venv/bin/python", "-c", only_tasks, "rack.check"], cwd=tmp_path, capture_output=True, text=True,
                          env={name: value for name, value in os.environ.items() if name != "COOP_RACK"})
    assert done.returncode == 2 and done.stderr == (
        "hosts.yaml: there is none in this folder, nor in one above it (cd into the rack's folder, or name it: export COOP_RACK=FOLDER)\n")


ENTRIES = [
    ("Host chick0\n  User me\n", "chick0"), ("Host ro* chick?\n  Port 23\n", "rooster, chick0"), ("Host *\n  User me\n", ""),
    ("Host elsewhere\n  User me\n", ""), ("Include more\n", ""), ("Match bogus\n\0", ""),
]


@pytest.mark.parametrize("text, named", ENTRIES, ids=[text for text, _ in ENTRIES])
def test_an_ssh_config_with_an_entry_for_a_machine_is_said_not_to_be_read(text, named, tmp_path, monkeypatch):
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text(text)
    monkeypatch.setenv("HOME", str(tmp_path))
    sentence = f"~/.ssh/config has an entry for {named}, which is not read: hosts.yaml says how the rack's machines are reached"
    assert unread_entries(["rooster", "chick0"]) == (sentence if named else "")


def test_it_is_said_once_where_it_would_have_mattered(site, tmp_path):
    """For the machines of -H, and of rack.connection; not for who is not asked for."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text("Host chick0\n  ProxyJump elsewhere\n")
    site("lamps", LAMPS.replace("print(", "rack.connection(machine); print("))
    for words in (("fab", "-H", "rooster,chick0", "--", "uptime"), ("fab", "-H", "chick0,chick1", "node.status"),
                  ("inv", "lamps.switch-on", "chick0")):
        said = types(*words, folder=site.folder, HOME=str(tmp_path))[1]
        assert said.startswith("~/.ssh/config has an entry for chick0, which") and said.count(".ssh/config") == 1, said
        assert "names no host_key" in said, said
    for words in (("fab", "-H", "chick1", "--", "uptime"), ("inv", "lamps.switch-on", "chick1")):
        assert ".ssh/config" not in types(*words, folder=site.folder, HOME=str(tmp_path))[1]
