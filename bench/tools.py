"""The tools that are measured: how each is called to bring a field's machines to the role."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from hashlib import sha256
from pathlib import Path

from fabfile.engine.parallel import WIDTH

from .field import HERE, Field


class Tool(ABC):
    """One tool."""

    name: str
    ends: Collection[int] = (0,)  # the exit codes of a run that has done all

    def prepare(self) -> None:  # noqa: B027
        """Install it, if it has to be."""

    @abstractmethod
    def command(self, field: Field, edition: int) -> list[str]:
        """What brings the field's machines to the role, in this edition."""

    def asked(self, field: Field) -> float | None:
        """How often a run just made asked a machine for something and waited, on average, where a tool says so.

        On the wire there is more: the connection's own beginning, signs of life, windows that are moved.
        """
        return None

    def close(self, field: Field) -> None:  # noqa: B027
        """End what is left of a run, so that the next begins as the first."""

    def environment(self, field: Field) -> Mapping[str, str]:
        """What its process is given beside the usual."""
        return {}


def through(field: Field, command: list[str]) -> list[str]:
    """The command, with the one connection to rooster around it that its own go through."""
    return [str(HERE / "through"), str(field.ssh_config), *command] if field.way == "jump" else command


class Floor(Tool):
    """A shell script, and ssh: what no tool can do without."""

    name = "floor"

    def command(self, field: Field, edition: int) -> list[str]:
        script = field.folder / f"floor-{edition}.sh"
        script.write_text(f"edition={edition}\n" + (HERE / "role/floor.sh").read_text())
        floor = [str(HERE / "floor"), str(field.ssh_config), str(script), str(WIDTH)]
        return through(field, [*floor, *field.chicks])


class Coop(Tool):
    """Coop, by the path that every task takes; journal and screen too."""

    name = "Coop"

    def command(self, field: Field, edition: int) -> list[str]:
        return [sys.executable, "-m", "bench.role.coop", "--edition", str(edition)]

    def environment(self, field: Field) -> Mapping[str, str]:
        return {"COOP_RACK": str(field.rack), "XDG_STATE_HOME": str(field.folder / "state")}

    def asked(self, field: Field) -> float:
        newest = max((field.folder / "state").rglob("*.jsonl"))
        machines = json.loads(newest.read_text().splitlines()[-1])["machines"].values()
        return sum(machine["round_trips"] for machine in machines) / len(machines)


class Installed(Tool):
    """A tool of Python in an environment of its own, from a lock with checksums."""

    lock: str

    @property
    def programs(self) -> Path:
        lock = HERE / "requirements" / self.lock
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coop/bench"
        return cache / f"{lock.stem}-{sha256(lock.read_bytes()).hexdigest()[:12]}" / "bin"

    def prepare(self) -> None:
        place = self.programs.parent
        if (place / "whole").exists():
            return
        print(f"{self.name}: installing it into {place}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        subprocess.run([place / "bin/pip", "install", "--quiet", "--require-hashes",
                        "-r", HERE / "requirements" / self.lock], check=True)
        (place / "whole").touch()


class Pyinfra(Installed):
    """pyinfra, without its question and the look before it."""

    name, lock = "pyinfra", "pyinfra.lock"

    def command(self, field: Field, edition: int) -> list[str]:
        pyinfra = [str(self.programs / "pyinfra"), "-y", "--sudo", "--parallel", str(WIDTH)]
        return through(field, [*pyinfra, "--data", f"edition={edition}", str(field.inventory),
                               str(HERE / "role/deploy.py")])


class Ansible(Installed):
    """Ansible with what makes it fast: pipelining, connections that stay, no facts gathered."""

    name, lock = "Ansible", "ansible.lock"

    def command(self, field: Field, edition: int) -> list[str]:
        inventory = field.folder / "hosts"
        inventory.write_text("\n".join(field.chicks) + "\n")
        ansible = [str(self.programs / "ansible-playbook"), "-i", str(inventory), "-f", str(WIDTH)]
        return through(field, [*ansible, "-e", f"edition={edition}", str(HERE / "role/playbook.yaml")])

    def environment(self, field: Field) -> Mapping[str, str]:
        return {
            "ANSIBLE_HOME": str(field.folder / "ansible"),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
            "ANSIBLE_SSH_ARGS": f"-F {field.ssh_config} -o ControlMaster=auto -o ControlPersist=60",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(field.folder / "c"),
        }

    def close(self, field: Field) -> None:
        for control in (field.folder / "c").glob("*"):
            subprocess.run(["ssh", "-S", control, "-O", "exit", "chick"], capture_output=True)


TOOLS: tuple[Tool, ...] = (Floor(), Coop(), Pyinfra(), Ansible())
