"""The setup of a measurement: a number of a swarm's chicks, a route to them, and a network delay."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from json import dumps
from pathlib import Path
from typing import Any, Literal

from lab import kernel
from lab.handle import Lab
from lab.installer import host_key
from lab.rackfolder import proxy_command

HERE = Path(__file__).parent
PROJECT = HERE.parent
Way = Literal["jump", "direct"]  # as an operator at home goes, through rooster; or standing on rooster
ROOSTER, ROOSTER_CABLE = "rooster", "rooster-1"  # the other end of its inner cable, at the switch


@dataclass(frozen=True)
class Field:
    """`folder` is its own; everything that the tools are given about the machines is written there."""

    lab: Lab
    folder: Path
    size: int
    way: Way = "jump"
    delay: int = 0  # milliseconds, there and back

    @property
    def title(self) -> str:
        line = f", {self.delay} ms" if self.delay else ""
        return f"{self.size} machines, {'through rooster' if self.way == 'jump' else 'from rooster'}{line}"

    @property
    def key(self) -> str:
        return f"{self.size}-{self.way}-{self.delay}"

    @cached_property
    def hosts(self) -> dict[str, Any]:
        """hosts.yaml of the swarm, with as many chicks as this field has, and its own way in."""
        import yaml

        hosts = yaml.safe_load((self.lab.rack / "hosts.yaml").read_text())
        machines = dict(list(hosts["machines"].items())[:self.size + 1])
        operator = dict(hosts["operator"])
        if self.way == "direct":
            del operator["proxy_command"]
        elif self.delay:
            operator["proxy_command"] = proxy_command(self.lab.places, delay=self.delay / 2)
        return {**hosts, "operator": operator, "machines": machines}

    @property
    def chicks(self) -> dict[str, str]:
        """Name and address of each."""
        machines = self.lab.machines
        return {name: machines[name].address for name in self.hosts["machines"] if name != ROOSTER}

    @property
    def rack(self) -> Path:
        return self.folder / "rack"

    @property
    def ssh_config(self) -> Path:
        return self.folder / "ssh_config"

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory.py"

    def write(self) -> None:
        """A rack folder for Coop, an ssh_config for ssh and who reads it, an inventory for pyinfra."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.lab.rack / "configs", self.rack / "configs")
        (self.rack / "hosts.yaml").write_text(dumps(self.hosts))  # JSON is YAML too
        (self.folder / "known_hosts").write_text("".join(self._known_hosts()))
        self.ssh_config.write_text("\n".join(self._ssh_config()) + "\n")
        rows = [(name, {"ssh_config_file": str(self.ssh_config)}) for name in self.chicks]
        self.inventory.write_text(f"chicks = {rows!r}\n")
        (self.folder / "keys").mkdir()
        shutil.copy(host_key(self.lab.places, ROOSTER).with_suffix(".pub"),
                    self.folder / "keys/ssh_host_ed25519_key.pub")

    def _known_hosts(self) -> Iterator[str]:
        machines = self.lab.machines
        for name, entry in self.hosts["machines"].items():
            yield f"{name},{machines[name].address} {entry['host_key']}\n"

    def _ssh_config(self) -> Iterator[str]:
        """Through rooster goes one connection, which `through` opens and which carries all others."""
        for name, address in self.chicks.items():
            yield f"Host {name}\n    HostName {address}"
            if self.way == "jump":
                yield f"    ProxyCommand ssh -F {self.ssh_config} -W %h:%p {ROOSTER}"
        yield f"Host {ROOSTER}\n    HostName {self.lab.machines[ROOSTER].address}"
        yield f"    ControlPath {self.folder}/control"
        if command := self.hosts["operator"].get("proxy_command"):
            yield f"    ProxyCommand {command}"
        yield (f"Host *\n    User {self.hosts['operator']['user']}\n    IdentityFile {self.lab.places.key}\n"
               "    IdentitiesOnly yes\n    StrictHostKeyChecking yes\n"
               f"    UserKnownHostsFile {self.folder}/known_hosts\n    GlobalKnownHostsFile none\n"
               "    UpdateHostKeys no")

    def stand(self) -> None:
        """Move the calling process to where the operator of this field stands."""
        if self.way == "jump":
            return
        kernel.enter(self.lab.places.namespace_path(ROOSTER), kernel.NET)
        kernel.unshare(kernel.MOUNT)
        kernel.mount("none", "/", flags=kernel.RECURSIVE | kernel.PRIVATE)
        Path("/run/coop").mkdir(exist_ok=True)
        kernel.bind(self.folder / "keys", "/etc/ssh")  # rooster is known by its host key
        kernel.mount("tmpfs", "/run/coop", "tmpfs", options="mode=700")
