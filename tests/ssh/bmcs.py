"""BMCs in a swarm: Redfish services at addresses of a network that rooster alone reaches, and the rack's files that name them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import yaml
from played import Played
from toys import PROJECT

CASES = Path(__file__).parents[1] / "cases/bmc"
USER, PASSWORD = "ADMIN", 'correct "horse" \\battery'


class Bmc:
    """The BMC of one machine, made as `maker` makes them."""

    def __init__(self, operator, machine: str, maker: str, power: str, misbehaves: tuple[str, ...] = (), uuid: str = "",
                 console: dict | None = None):
        """`console`: what it says of its machine's serial console."""
        self.operator, self.name = operator, machine
        self.rooster = operator.swarm.hosts["rooster"]
        self.address = f"192.168.0.{100 + operator.swarm.names.index(machine) - 1}"
        self.machine = Played(power == "On", "never-shuts-down" in misbehaves)
        case = yaml.safe_load((CASES / f"{maker}.yaml").read_text())
        resources = {**case["answers"], **case.get("log", {})}
        (system,) = (one["@odata.id"] for one in resources["/redfish/v1/Systems"]["Members"])
        resources[system] |= {**({"UUID": uuid} if uuid else {}), **({"SerialConsole": console} if console else {})}
        here = operator.swarm.folder / f"{machine}-bmc"
        certificate, self.log = here.with_suffix(".pem"), here.with_suffix(".log")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=bmc", "-days", "2",
                        "-keyout", certificate, "-out", here.with_suffix(".crt")], check=True, stderr=subprocess.DEVNULL)
        self.public_key = "sha256//" + subprocess.run(
            f"openssl pkey -in {certificate} -pubout -outform der | openssl dgst -sha256 -binary | base64",
            shell=True, check=True, capture_output=True, text=True).stdout.strip()
        certificate.write_text(certificate.read_text() + here.with_suffix(".crt").read_text())
        self.rooster.run(f"ip addr add {self.address}/32 dev lo")
        settings = {"resources": resources, "address": self.address, "certificate": str(certificate), "log": str(self.log),
                    "account": f"{USER}:{PASSWORD}", "misbehaves": misbehaves}
        self.process = subprocess.Popen([*self.rooster.network(), sys.executable, "-m", "lab.bmc.redfish", self.machine.socket],
                                        cwd=PROJECT, text=True, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.process.stdin.write(json.dumps(settings))
        self.process.stdin.close()
        until = time.monotonic() + 30
        while not self.log.exists():
            assert time.monotonic() < until and self.process.poll() is None
            time.sleep(0.05)

    def ssh(self, port: int = 22, entry: str = "") -> str:
        """Its SSH server begins; its host key."""
        key, self.logins = (self.operator.swarm.folder / f"{self.name}-bmc.{end}" for end in ("ssh", "logins"))
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
        settings = {"address": self.address, "port": port, "user": USER, "password": PASSWORD, "key": str(key), "entry": entry,
                    "log": str(self.logins)}
        process = subprocess.Popen([*self.rooster.network(), sys.executable, "-m", "lab.bmc.ssh", self.machine.socket], cwd=PROJECT,
                                   text=True, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        process.stdin.write(json.dumps(settings))
        process.stdin.close()
        until = time.monotonic() + 30
        while not self.logins.exists():
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.05)
        return " ".join(key.with_suffix(".ssh.pub").read_text().split()[:2])

    @property
    def heard(self) -> list[dict]:
        """Every request, in order."""
        return [json.loads(line) for line in self.log.read_text().splitlines()][1:]

    @property
    def changes(self) -> list[tuple[str, dict]]:
        """What it was told: the last part of the path, and the body."""
        return [(one["path"].rstrip("/").rpartition("/")[2], one["body"]) for one in self.heard if one["method"] in ("POST", "PATCH")]

    @property
    def starts(self) -> list[str]:
        """What the machine was started from, each time."""
        return self.machine.starts

    def entry(self, **other: str) -> str:
        """The value of `bmc` in hosts.yaml."""
        return json.dumps({"address": self.address, "protocol": "redfish", "user": USER, "public_key": self.public_key, **other})


def in_files(operator, password: str = PASSWORD, **entries: str) -> None:
    """Names BMCs in the rack's files: machine → the value of `bmc`."""
    hosts = operator.folder / "hosts.yaml"
    text = hosts.read_text()
    for machine, entry in entries.items():
        text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("    bmc: ") or machine not in line)
        text = text.replace(f"  {machine}:\n", f"  {machine}:\n    bmc: {entry}  # {machine}\n")
    hosts.write_text(text)
    secrets = operator.folder / "configs/secrets.yaml"
    secrets.write_text(f"bmc: {{password: {json.dumps(password)}}}\n")
    secrets.chmod(0o600)


class Watched:
    """Every argument list and environment of rooster's processes while a task runs, as far as one sees them in time; and of
    one program each, however short it runs."""

    def __init__(self, host, program: str):
        self.host, self.program, self.seen = host, program, ""
        self._ended = threading.Event()

    def __enter__(self):
        real = self.host.run(f"command -v {self.program}").strip()
        self.host.run(f"""
[ {real} != /usr/local/bin/{self.program} ] || mv {real} {real}.real
cat >/usr/local/bin/{self.program} <<'END'
#!/bin/sh
{{ tr '\\0' ' ' </proc/$$/cmdline; echo; env; }} >>/run/calls
exec {real if not real.startswith('/usr/local') else f'{real}.real'} "$@"
END
chmod 755 /usr/local/bin/{self.program}""")
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
        self.calls = self.host.run("cat /run/calls")
        self.seen += self.calls

    def _look(self):
        while not self._ended.is_set():
            self.seen += self.host.run("for p in /proc/[0-9]*; do "
                                       "cat $p/cmdline $p/environ; echo; done 2>/dev/null | tr '\\0' ' '", check=False)
            time.sleep(0.05)
