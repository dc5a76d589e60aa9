"""BMCs in a swarm that speak IPMI: go-ipmi's server before machines that are played, and Debian's ipmitool, unpacked once from its
package; nothing is installed."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

from played import Played

from lab.bmc.ipmi import program

USER, PASSWORD = "ADMIN", "correct-battery"
PACKAGES = ("ipmitool", "libfreeipmi17", "freeipmi-common")


def ipmitool() -> Path:
    """The folder with ipmitool and its libraries."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coop" / "ipmi"
    if not (cache / "usr/bin/ipmitool").exists():
        building = cache.with_suffix(".building")
        building.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-q", *PACKAGES], check=True, cwd=building)
        for package in building.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package.name, "."], check=True, cwd=building)
            package.unlink()
        building.rename(cache)
    return cache


class Ipmi:
    """The BMC of one machine. `suites`: the ciphers that it knows; boards of 2012 know 3 alone."""

    def __init__(self, operator, machine: str, on: bool, suites: tuple[int, ...] = (3, 17), misbehaves: tuple[str, ...] = (),
                 serial: str = "", played: Played | None = None):
        self.rooster = operator.swarm.hosts["rooster"]
        self.address = f"192.168.0.{100 + operator.swarm.names.index(machine) - 1}"
        self.machine = played or Played(on, "never-shuts-down" in misbehaves)
        self.log = operator.swarm.folder / f"{machine}-ipmi.log"
        self.rooster.bring(ipmitool())
        libraries = f"{ipmitool()}/usr/lib/x86_64-linux-gnu:{ipmitool()}/lib/x86_64-linux-gnu"
        self.rooster.run(f"""
ip addr add {self.address}/32 dev lo 2>/dev/null
printf '#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {ipmitool()}/usr/bin/ipmitool "$@"\n' >/usr/local/bin/ipmitool
chmod 755 /usr/local/bin/ipmitool
""")
        settings = {"address": self.address, "user": USER, "password": PASSWORD, "suites": suites, "serial": serial,
                    "machine": str(self.machine.socket), "log": str(self.log), "misbehaves": misbehaves}
        self.process = subprocess.Popen([*self.rooster.network(), program()], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, stderr=self.log.with_suffix(".errors").open("w"))
        self.process.stdin.write(json.dumps(settings))
        self.process.stdin.close()
        until = time.monotonic() + 30
        while not self.log.exists():
            assert time.monotonic() < until and self.process.poll() is None, self.log.with_suffix(".errors").read_text()
            time.sleep(0.05)

    @property
    def on(self) -> bool:
        return self.machine.on

    @property
    def told(self) -> list[str]:
        """What changed something, in order."""
        return self.log.read_text().splitlines()[1:]

    @property
    def starts(self) -> list[str]:
        """What the machine was started from, each time."""
        return self.machine.starts

    def entry(self, suite: int = 3, **more: str) -> str:
        return json.dumps({"address": self.address, "protocol": "ipmi", "user": USER, "cipher_suite": suite, **more})
