"""A job: one part being built. It is all that a recipe is given."""
from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.forge.event import ForgeError
from lab.forge.part import Part
from lab.forge.store import Store


@dataclass(frozen=True)
class Job:
    """`out` is the folder to fill; `job[part]` is the folder of an input."""

    part: Part
    out: Path
    store: Store

    def __getitem__(self, part: Part) -> Path:
        if part not in self.part.inputs:
            raise LookupError(f"{self.part.name} uses {part.name}, which is not among its inputs")
        return self.store.folder(part)

    @property
    def log(self) -> Path:
        return self.store.log(self.part)

    def scratch(self, name: str) -> Path:
        """A folder that outlives this job but not the build: for downloads and compilers."""
        folder = self.store.scratch / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def run(self, *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None,
            stdin: bytes = b"") -> str:
        """Run a command to its end and return what it printed; all it says goes to the log too.

        `env` is added to the environment. Raises ForgeError if it ends with anything but 0.
        """
        words = [os.fspath(word) for word in command]
        with self.log.open("ab") as log:
            log.write(f"$ {shlex.join(words)}\n".encode())
            log.flush()
            done = subprocess.run(words, cwd=cwd or self.out, env={**os.environ, **(env or {})}, input=stdin,
                                  stdout=subprocess.PIPE, stderr=log)
            log.write(done.stdout)
        if done.returncode:
            said = self.log.read_text(errors="replace").splitlines()[-8:]
            problem = "\n    ".join([f"{words[0]} failed with exit code {done.returncode}:", *said])
            raise ForgeError(self.part.name, problem, self.log)
        return done.stdout.decode(errors="replace")
