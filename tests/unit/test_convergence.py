"""Random wishes and random drifts, by the engine's own shell in a sandbox: what was applied differs no more.
"""

from __future__ import annotations

from shlex import quote

import pytest
import simulated
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.role.line import FileLine
from fabfile.engine import detached
from fabfile.engine.local import LocalShell
from fabfile.engine.run import run
from fabfile.engine.shell import Shell, ShellCommand
from fabfile.engine.step import Step
from fabfile.resources import Absent, Directory, Download, File, Hostname, Ran, Symlink, Sysctls
from fabfile.resources.accounts import AuthorizedKeys, Group, User
from fabfile.secret import Secret
from tests.unit.sandbox import Sandbox, a_sandbox

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
LINES = st.text(st.characters(codec="utf-8", exclude_characters="\0\n"), min_size=1, max_size=30)
NAMES = st.sampled_from([f"/any/{name}" for name in (
    "plain", "with space", "it's", 'say "x"', "-rf", "$HOME", "ünï", "a\nb", "deep/er/file", "*", "\\",
    "%s", ".hidden")])
OWNERS, MODES = st.sampled_from(["root", "nobody", "daemon"]), st.sampled_from([0o644, 0o600, 0o755, 0o4750])
FOO = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"  # its sha256
KEYS = st.lists(st.sampled_from([f"ssh-ed25519 AAAA{n} key {n}" for n in range(4)]), min_size=1, unique=True)


def at(path: str):
    """Any one thing that can be wanted at a path."""
    return st.one_of(
        st.builds(File, st.just(path), st.one_of(TEXTS, st.binary(max_size=40), TEXTS.map(Secret)),
                  owner=OWNERS, mode=MODES),
        st.builds(Directory, st.just(path), owner=OWNERS, mode=MODES),
        st.builds(Symlink, st.just(path), LINES), st.builds(FileLine, st.just(path), LINES),
        st.just(Absent(path)),
        st.just(Ran("make it", "printf made >{}", path)),
        st.just(Download("file:///srv/tool", FOO, path)))


OTHERS = st.one_of(
    st.builds(Hostname, st.sampled_from(["chick0", "chick1"])),
    st.builds(Sysctls, st.just("any"), st.dictionaries(
        st.just("net.ipv4.ip_local_port_range"), st.sampled_from(["20000 60000", "1024 65000"]), min_size=1)),
    st.builds(Group, st.just("flock"), system=st.booleans()),
    st.builds(User, st.just("milky"), shell=st.sampled_from(["/bin/sh", "/bin/bash"])),
    KEYS.map(lambda keys: AuthorizedKeys("root", tuple(keys))))
WISHES = st.tuples(st.lists(NAMES, max_size=5, unique=True).flatmap(lambda paths: st.tuples(*map(at, paths))),
                   st.lists(OTHERS, max_size=3, unique_by=type)).map(lambda pair: (*pair[0], *pair[1]))

# What others do to a path. A directory in a file's place, or the other way round, is a person's affair.
TO_A_FILE = (
    "rm -rf -- {}", "rm -rf -- {}; ln -s /nowhere {}", "rm -rf -- {}; ln -s /etc/hostname {}", ": >{}",
    "echo more >>{}", "printf '\\377\\376' >{}", "chmod 0606 -- {}", "chown daemon:daemon -- {}",
    "touch -d 2001-01-01 -- {}")
TO_A_DIRECTORY = ("rm -rf -- {}", "chmod 0700 -- {}", "chown daemon -- {}", "touch -- {}/theirs")
ELSEWHERE = (
    "hostname other", "echo other >/etc/hostname", "sysctl -q -w net.ipv4.ip_local_port_range='3000 4000'",
    ": >/etc/hosts", "sed -i '/^# end/d' /etc/hosts", "echo '9.9.9.9 theirs' >>/etc/hosts",
    "rm -f /etc/sysctl.d/any.conf", "userdel milky", "groupdel flock", "usermod --shell /bin/false milky",
    "chmod 0755 /root/.ssh", "rm -rf /root/.ssh/authorized_keys",
    "printf 'ssh-rsa \\374 odd\\n' >>/root/.ssh/authorized_keys", "rm -rf /any", "rm -rf /var/lib/coop",
    "mkdir -p /any; echo half >/any/.coop-new.plain; echo half >'/any/.coop-new.it'\"'\"'s'")


class SandboxShell(LocalShell):
    """The engine's own root shell on this computer, but in the sandbox."""

    def __init__(self, sandbox: Sandbox):
        inside = ["nsenter", "--target", str(sandbox.pid), "--all", "--root", "dash", "-s", "here"]
        self._start("sandbox", inside)


class Ways:
    def __init__(self, sandbox: Sandbox):
        self.sandbox = sandbox

    def shell(self, machine, *, fresh=False):
        return SandboxShell(self.sandbox)

    def close(self):
        pass


@pytest.fixture(scope="module")
def sandbox():
    with a_sandbox() as sandbox:
        sandbox.write("/srv/tool", "foo")
        yield sandbox


def converge(sandbox: Sandbox, wishes) -> int:
    """A run on the sandbox; how much it changed. It must end well, and nothing may differ afterwards."""
    rack = simulated.rack("rooster")
    step = Step("all", (rack.gateway,), lambda rack, machine: wishes)
    result = run(rack, "test", [step], ways=Ways(sandbox))
    assert not result.errors and not result.remaining, (result.errors, result.remaining)
    return result.changes


def drifts(wishes):
    """Texts that change what was made, each by others."""
    mine = [(wish.path, TO_A_DIRECTORY if isinstance(wish, Directory) else TO_A_FILE) for wish in wishes
            if not isinstance(wish, Absent) and getattr(wish, "path", "").startswith("/any/")]
    texts = [st.sampled_from([text.replace("{}", quote(path)) for text in commands]) for path, commands in mine]
    return st.lists(st.one_of(*texts, st.sampled_from(ELSEWHERE)), max_size=5)


@settings(max_examples=25)
@given(WISHES.flatmap(lambda wishes: st.tuples(st.just(wishes), drifts(wishes))))
def test_what_was_applied_differs_no_more_whatever_others_did(sandbox, story):
    wishes, by_hand = story
    sandbox.run("rm -rf /any /root/.ssh; mkdir -p /any")
    converge(sandbox, wishes)
    assert converge(sandbox, wishes) == 0
    for text in by_hand:
        sandbox.run(text)
    converge(sandbox, wishes)
    assert converge(sandbox, wishes) == 0


def test_what_goes_back_by_itself_is_what_it_was_byte_by_byte(sandbox):
    """Also where the previous file is no UTF-8 text, or longer than a plan shows."""
    sandbox.run("mkdir -p /root/.ssh")
    for former in ("printf 'ssh-rsa \\374 odd\\n'", "yes ssh-rsa | head -c 300000", "printf 'no newline'"):
        sandbox.run(f"{former} >/root/.ssh/authorized_keys")
        before = sandbox.run("sha256sum /root/.ssh/authorized_keys")
        shell = Shell("sandbox", SandboxShell(sandbox))
        keys = AuthorizedKeys("root", ("ssh-ed25519 AAAA new",))
        facts = next(shell.probe([ShellCommand(keys.probe())])).output
        [change] = keys.changes(facts, frozenset())
        answers = shell.act([ShellCommand(command.script) for command in change.commands])
        assert [answer.code for answer in answers] == [0]
        assert sandbox.run("sha256sum /root/.ssh/authorized_keys") != before
        assert shell.ask(change.undo).code == 0
        assert sandbox.run("sha256sum /root/.ssh/authorized_keys") == before
        shell.close()


@settings(max_examples=25)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=3))
def test_what_is_quoted_arrives_as_it_was_by_every_way(sandbox, texts):
    """Probed, run, given as a variable, and through the script of a command that outlives its line."""
    shell = Shell("sandbox", SandboxShell(sandbox))
    for number, (text, what) in enumerate(texts):
        given, name = f"given={quote(text)}\n", detached.name("sandbox", what, text + str(number))
        say = 'printf %s "$given"'
        asked = [f"printf %s {quote(text)}", given + say]
        assert [one.output for one in shell.probe([ShellCommand(script) for script in asked])] == [text, text]
        long = detached.run(name, what, given + say, 10)
        answers = list(shell.act([ShellCommand(script) for script in (*asked, long)]))
        assert [(one.code, one.output) for one in answers] == [(0, text)] * 3
    shell.close()
    assert sandbox.run("ls /run/coop/units")[1] == ""
