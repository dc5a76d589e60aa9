"""What the swarm is brought to while faults are made: the measured role, secrets, loans, and what needs confirming.

Four steps on rooster and the chicks. Names come from a name server, packages by name, so that both can be gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from planted import CHART_PASSWORD, JOIN_TOKEN, KUBECONFIG_KEY

from bench.role.coop import role as measured
from fabfile.engine.step import Step
from fabfile.rack import Machine, Rack
from fabfile.resources import File, Resource
from fabfile.resources.accounts import AuthorizedKeys
from fabfile.resources.base import Change, Check, Command, RemoteValue
from fabfile.secret import Secret

REPOSITORY, NAME = "10.0.0.2", "packages.flock.example"
FLOCK = "/etc/flock"
SECRETS = (f"{FLOCK}/admin.conf", f"{FLOCK}/values.yaml", f"{FLOCK}/token")  # where the planted ones belong
KUBECONFIG = f"users:\n- name: admin\n  user:\n    client-key-data: {KUBECONFIG_KEY}\n"
VALUES = f"proxy:\n  secretToken: {CHART_PASSWORD}\n"


@dataclass(frozen=True)
class Counted(Resource):
    """A line in a file that says how often it was made. It takes a while, and may borrow a token."""

    path: str
    long: bool = False
    remote_values: tuple[RemoteValue, ...] = ()

    @property
    def name(self) -> str:
        return f"count {self.path}"

    def probe(self) -> str:
        return f"cat {quote(self.path)} 2>/dev/null || :"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if not facts:
            use = f"umask 077; printf %s \"$TOKEN\" >{FLOCK}/token\n" if self.remote_values else ""
            script = f"{use}sleep 0.4; echo made >>{quote(self.path)}; sync {quote(self.path)}"
            yield Change(f"{self.path} was not made", (Command(script, self.long, shown=f"make {self.path}"),),
                         remote_values=self.remote_values)


def names(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """Where names and packages come from."""
    yield File("/etc/resolv.conf", f"nameserver {REPOSITORY}\noptions timeout:1 attempts:1\n")
    yield File("/etc/apt/sources.list", f"deb [signed-by=/etc/apt/keyrings/swarm.asc] http://{NAME}/ /\n")


def member(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """Files that nobody else may read; a short command and a long one that must not be done twice."""
    yield File(f"{FLOCK}/admin.conf", Secret(KUBECONFIG))
    yield File(f"{FLOCK}/values.yaml", Secret(VALUES))
    yield Counted(f"{FLOCK}/short")
    lender = rack.leader.name
    loans = () if machine.name == lender else (join_token(lender),)
    yield Counted(f"{FLOCK}/joined", long=True, remote_values=loans)


def join_token(lender: str) -> RemoteValue:
    """Put together there and then: no text of the run has it whole."""
    first, second = JOIN_TOKEN.split(".")
    return RemoteValue("TOKEN", lender, f"printf '%s.%s\\n' {first} {second}", "a join token", "[ -n \"$TOKEN\" ]")


def operators(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """One operator more may come in: this must be confirmed over a new connection."""
    own = Path(f"{rack.operator.identity_file}.pub").read_text().strip()
    yield AuthorizedKeys(rack.operator.user, (own, f"{own.rsplit(' ', 1)[0]} at another desk"))


def steps(rack: Rack) -> list[Step]:
    machines = (rack.gateway, *rack.chicks)
    speaking = [Check("the beacon speaks", each.name, "cat /run/flock-beacon; grep -q peep /run/flock-beacon", 20.0)
                for each in machines]
    return [
        Step("names", machines, names),
        Step("flock", machines, measured, verify=lambda rack, machines: speaking),
        Step("member", machines, member),
        Step("operators", machines, operators),
    ]
