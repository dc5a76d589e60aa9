"""Each flag of `inv` and `fab` is honoured or refused in a sentence, with 2, before anything is touched."""

import os
import subprocess
from pathlib import Path

import pytest
from fabric.main import Fab
from invoke import Argument

import fabfile
from fabfile.cli import flags
from fabfile.engine import wire

PROJECT = Path(__file__).parents[2]
KNOWN = {flags.long_name(flag): flag for flag in [*Fab().core_args(), *Fab().task_args()]}
REFUSED = [name for name, what in flags.FLAGS.items() if what not in (flags.HONOURED, flags.COMMANDS)]
COMMANDS = [name for name, what in flags.FLAGS.items() if what == flags.COMMANDS]


def types(*words: str, folder: Path = PROJECT, **environment: str) -> tuple[int, str]:
    done = subprocess.run([str(PROJECT / ".venv/bin" / words[0]), *words[1:]], cwd=folder, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **environment})
    return done.returncode, done.stdout


def typed(name: str) -> list[str]:
    """A flag as it is typed, with a value if it takes one."""
    return [f"--{name}", *["3"] * KNOWN[name].takes_value]


def test_the_table_has_every_flag_of_fabric_and_no_other():
    """A flag that a later Fabric brings needs a decision: honoured, for commands, or a sentence."""
    assert set(flags.FLAGS) == set(KNOWN)


def test_a_flag_that_nobody_thought_about_is_refused():
    new = Argument(names=("teleport", "x"), kind=bool)
    assert flags.refusal([new]) == ""
    new.value = True
    assert flags.refusal([new]) == f"-x/--teleport: {flags.UNKNOWN}"


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_flag_is_told_wherever_it_stands(name, asks, monkeypatch):
    """And nobody is asked for a password first."""
    monkeypatch.setattr("getpass.getpass", lambda prompt: pytest.fail("a password is asked for"))
    for words in (("fab", *typed(name), "--list"), ("fab", "-H", "chick0", *typed(name), "--", "uptime"),
                  ("fab", "rack.show", *typed(name))):
        code, said = asks(*words)
        assert code == 2 and said == f"{flags.spelt(KNOWN[name])}: {flags.FLAGS[name]}\n", (words, said)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_flag_about_commands_is_refused_by_coops_own_tasks(name, asks):
    for words in (("inv", *typed(name), "rack.show"), ("fab", "rack.show", *typed(name))):
        code, said = asks(*words)
        assert code == 2 and said.count("\n") == 1, said
        assert said.startswith(f"{flags.spelt(KNOWN[name])} is about commands that Fabric runs, and rack.show"), said


def test_a_dry_run_is_never_a_real_one():
    """`inv --dry hub.restart` would have restarted it: Fabric's --dry is not the task's."""
    code, said = types("inv", "--dry", "cluster.bootstrap")
    assert code == 2 and "its own is inv cluster.bootstrap --dry" in said, said
    code, said = types("inv", "hub.restart", "--dry")
    assert code == 2 and "hub.restart runs none by it" in said, said


SITES_OWN = """
from invoke import task

@task
def say(c):
    "Say what is set."
    run = c.config.run
    print("dry", run.dry, "echo", run.echo, "hide", run.hide, "pty", run.pty, "warn", run.warn, "limit", c.config.timeouts.command)
"""


@pytest.mark.parametrize("program", ["inv", "fab"])
def test_flags_about_commands_are_honoured_for_the_sites_own_tasks(program, site):
    site("say", SITES_OWN)
    said = types(program, "--dry", "-e", "--hide=both", "-p", "-w", "-T9", "say.say", folder=site.folder)
    assert said == (0, "dry True echo True hide both pty True warn True limit 9\n")
    assert types(program, "say.say", folder=site.folder) == (0, "dry False echo False hide None pty False warn False limit None\n")


def test_a_runtime_configuration_is_honoured_for_the_sites_own_tasks(site, tmp_path):
    site("say", SITES_OWN)
    (tmp_path / "more.yaml").write_text("run: {echo: true}\n")
    assert "echo True" in types("inv", "-f", str(tmp_path / "more.yaml"), "say.say", folder=site.folder)[1]


HONOURED = {
    "collection": (["inv", "--collection", "others", "--list"], "mine"),
    "complete": (["inv", "--complete", "--", "node.st"], "node.status"),
    "debug": (["inv", "--debug", "rack.check"], "invoke.executor.execute"),
    "help": (["fab", "--help"], "--prompt-for-passphrase"),
    "hosts": (["fab", "--hosts", "nobody", "node.status"], "there is no machine 'nobody'"),
    "identity": (["fab", "--identity", "nowhere", "-H", "rooster", "--", "uptime"], "-i nowhere cannot be read: no such file"),
    "list": (["inv", "--list", "node"], ".reboot"),
    "list-agent-keys": (["fab", "--list-agent-keys"], ""),
    "list-depth": (["inv", "--list", "--list-depth", "1"], "\n  node ["),
    "list-format": (["inv", "--list", "--list-format", "nested"], "'*' denotes collection defaults"),
    "no-dedupe": (["inv", "--no-dedupe", "rack.check", "rack.check"], "rack flock: 13 machines"),
    "print-completion-script": (["inv", "--print-completion-script", "bash"], "complete -F"),
    "search-root": (["inv", "--search-root", "elsewhere", "--list"], "mine"),
    "version": (["fab", "--version"], "Coop 0."),
    "write-pyc": (["inv", "--write-pyc", "rack.check"], "rack flock"),
}


@pytest.mark.parametrize("name", [name for name, what in flags.FLAGS.items() if what == flags.HONOURED])
def test_an_honoured_flag_does_what_the_manual_says(name, site):
    (site.folder / "elsewhere").mkdir()
    for file in ("others.py", "elsewhere/tasks.py"):
        (site.folder / file).write_text("from invoke import task\n\n@task\ndef mine(c):\n    pass\n")
    words, wanted = HONOURED[name]
    code, said = types(*words, folder=site.folder)
    assert wanted in said and "Traceback" not in said, said
    assert code == (2 if name in ("hosts", "identity") else 0), said
    if name == "no-dedupe":
        assert said.count("rack flock") == 2 and types("inv", "rack.check", "rack.check")[1].count("rack flock") == 1
    if name == "write-pyc":
        assert not list(site.folder.rglob("*.pyc"))


def test_what_the_sentences_say_is_so():
    assert f"{wire.PATIENCE:.0f} s to answer" in flags.FLAGS["connect-timeout"]


@pytest.mark.parametrize("words, told", [
    (["fab", "-H", "chick1,chick2", "hub.status"], "hub.status takes no -H"),
    (["fab", "-H", "chick1", "node.add", "chick2"], "node.add takes no -H"),
    (["fab", "-H", "chick1", "cluster.bootstrap", "--limit", "chick2"], "-H and --limit both say which machines"),
    (["fab", "-H", "chick1", "node.status", "chick2"], "-H and node.status chick2 both name a machine"),
    (["fab", "-H", "chick1", "rack.show", "--", "uptime"], "what stands behind -- is a command for machines"),
    (["inv", "rack.show", "--", "uptime"], "what stands behind -- is a command for machines"),
    (["fab", "--", "uptime"], "on which machines?"),
    (["fab", "-i", "one", "-i", "two", "-H", "chick1", "--", "uptime"], "-i names one key"),
    (["inv", "node.add"], "node.add needs MACHINE: inv node.add MACHINE"),
    (["inv", "nod.add"], "there is no task 'nod.add' (did you mean node.add?)"),
    (["inv", "rack.show", "chick1"], "rack.show takes no argument 'chick1', and no task has that name"),
    (["inv", "rack.show", "--colour"], "rack.show has no flag --colour: inv --help rack.show"),
    (["fab", "-H"], "-H needs a value: fab --help"),
    (["inv", "cluster.bootstrap", "--limit"], "--limit needs a value: inv --help cluster.bootstrap"),
    (["inv", "--help", "nowhere"], "there is no task 'nowhere'"),
    (["inv", "--collection", "nowhere", "--list"], "Can't find any collection named 'nowhere'"),
], ids=" ".join)
def test_what_cannot_be_meant_is_one_sentence(words, told, asks):
    code, said = asks(*words)
    assert code == 2 and said.startswith(told) and said.count("\n") == 1, said


def test_the_settings_of_an_operator_cannot_put_another_executor_in_place(site, tmp_path):
    (tmp_path / ".fabric.yaml").write_text("tasks: {executor_class: fabric.executor.Executor}\n")
    code, said = types("fab", "-H", "chick0", "--", "uptime", folder=site.folder, HOME=str(tmp_path))
    assert code == 2 and said.startswith("tasks.executor_class in the settings is fabric.executor.Executor"), said


def test_dash_h_is_one_run_limited_to_all_of_them():
    """Not one whole run after the other, as Fabric would have it."""
    from invoke import Call

    from fabfile.cli.fab import Executor
    from fabfile.loading import load

    class Core(list):
        remainder = ""

    class Initial:
        args = type("Args", (), {"hosts": Argument(name="hosts")})()

    Initial.args.hosts.value = "chick1, chick2,chick1"
    executor = Executor(fabfile.namespace, core=Core([Initial()]))
    (call,) = executor.expand_calls([Call(fabfile.namespace["cluster.bootstrap"], called_as="cluster.bootstrap")])
    assert call.kwargs == {"limit": "chick1,chick2"} and set(load().machines) >= {"chick1", "chick2"}
    each = executor.expand_calls([Call(fabfile.namespace["node.status"], called_as="node.status")])
    assert [call.kwargs["machine"] for call in each] == ["chick1", "chick2"]


def test_the_docs_have_every_flag():
    page = (PROJECT / "docs/for-those-who-know.md").read_text()
    assert not [flag for flag in KNOWN.values() if not any(f"`{name}" in page for name in flags.spelt(flag).split("/"))]
