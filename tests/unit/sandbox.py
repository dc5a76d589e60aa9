"""A copy of this computer's root that nothing outside it sees, for running what resources say.

An overlay in memory over /, in own mount, process, network, IPC and UTS namespaces: what is written there, and
the hostname, sysctls and packet filter set there, are gone with it. It needs root and the kernel's overlay.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from shlex import quote

import pytest

from fabfile.resources import Change, Resource

_SETUP = """
set -e
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
mount -t proc proc /mnt/root/proc
mount -t sysfs sys /mnt/root/sys
mount --rbind /dev /mnt/root/dev
mount -t tmpfs none /mnt/root/run
rm -rf /mnt/root/var/lib/coop
exec chroot /mnt/root dash
"""


class Sandbox:
    """`run` is one shell text in a subshell, as the engine does it; `make` is a resource, wholly."""

    def __init__(self) -> None:
        self._shell = subprocess.Popen(
            ["unshare", "--mount", "--uts", "--net", "--ipc", "--pid", "--fork", "--kill-child",
             "sh", "-c", _SETUP],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if self.run("echo ready") != (0, "ready\n"):
            raise OSError("no sandbox on this computer")
        children = f"/proc/{self._shell.pid}/task/{self._shell.pid}/children"
        with open(children) as file:
            self.pid = int(file.read().split()[0])  # as this computer counts: its first process is dash

    def run(self, script: str) -> tuple[int, str]:
        """The exit code and what was said."""
        mark = secrets.token_hex(8)
        text = f"( eval {quote(script)} ) </dev/null 2>&1; printf '{mark} %s\\n' $?\n"
        self._shell.stdin.write(text.encode("utf-8", "surrogateescape"))
        self._shell.stdin.flush()
        said = b""
        while mark.encode() not in said:
            line = self._shell.stdout.readline()
            if not line:
                return 255, said.decode("utf-8", "surrogateescape")
            said += line
        output, _, code = said.decode("utf-8", "surrogateescape").rpartition(f"{mark} ")
        return int(code), output

    def plan(self, resource: Resource, altered: frozenset[str] = frozenset()) -> list[Change]:
        """What differs; a probe that fails is an error."""
        code, facts = self.run("set -e\n" + resource.probe())
        assert code == 0, (resource.name, facts)
        return list(resource.changes(facts, altered))

    def apply(self, changes: list[Change], **variables: str) -> None:
        """Run the commands; each must end well."""
        given = "".join(f"{name}={quote(value)}\n" for name, value in variables.items())
        for command in [command for change in changes for command in change.commands]:
            code, said = self.run(f"{given}set -e\n{command.script}")
            assert code == 0, said

    def make(self, resource: Resource) -> list[str]:
        """Plan, apply, plan again: the second plan must be empty. What differed at first."""
        changes = self.plan(resource)
        self.apply(changes)
        assert not (again := self.plan(resource)), [change.what for change in again]
        return [change.what for change in changes]

    def write(self, path: str, content: str) -> None:
        """A file, by hand."""
        folder = quote(path.rpartition("/")[0])
        code, said = self.run(f"mkdir -p {folder}; printf %s {quote(content)} >{quote(path)}")
        assert code == 0, said

    def read(self, path: str) -> str:
        """What a file holds."""
        code, said = self.run(f"cat {quote(path)}")
        assert code == 0, said
        return said

    def close(self) -> None:
        """Everything in it is gone."""
        self._shell.stdin.close()
        self._shell.stdout.close()
        self._shell.kill()
        self._shell.wait()


@contextmanager
def a_sandbox() -> Iterator[Sandbox]:
    """A fresh one; skips the test where there can be none."""
    if os.geteuid():
        pytest.skip("a sandbox needs root")
    try:
        sandbox = Sandbox()
    except OSError as problem:
        pytest.skip(str(problem))
    try:
        yield sandbox
    finally:
        sandbox.close()
