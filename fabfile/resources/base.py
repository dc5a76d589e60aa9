"""The base of all resources: a resource probes its machine and gives the differences."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from shlex import quote
from typing import ClassVar

REVOKE_LIMIT = 300.0  # seconds that giving a borrowed value back may take


@dataclass(frozen=True)
class RemoteValue:
    """A value that another machine makes at the moment it is needed, such as a join token.

    It is held in memory alone, given to the change's commands as the shell variable `name`, masked, unless it is no secret, wherever
    anything is printed or kept, and given back when the change has ended, well or not.
    """

    name: str
    machine: str
    obtain: str  # shell text run there; what it prints is the value
    shown: str  # what a plan says in its place: "a join token of 15 minutes, made on chick0"
    revoke: str = ""  # shell text run there afterwards, with the same variable set
    secret: bool = True


@dataclass(frozen=True)
class RemoteFile:
    """A file of another machine, which a change's commands find as `target` on their own: of root, mode 0600. It goes through the
    run's own connections."""

    machine: str
    path: str  # there
    target: str  # in a folder that others cannot read


@dataclass(frozen=True)
class Command:
    """POSIX shell text, run by the machine's root shell with `set -e`.

    A long one (apt, kubeadm, helm) runs as a transient systemd unit: a lost connection neither ends nor doubles it.
    """

    script: str = field(repr=False)  # it may carry a secret
    long: bool = False
    limit: float = 60.0  # seconds; then the run says so and goes no further on this machine
    shown: str = ""  # printed and kept instead of a script that carries a whole file or a secret
    says: bool = False  # what it prints is what it was run for: told when it has ended


@dataclass(frozen=True)
class Change:
    """One difference between a resource and its machine, and what makes it so."""

    what: str  # for a person: "net.ipv4.ip_forward is 0, should be 1"
    commands: tuple[Command, ...]
    diff: str = field(default="", repr=False)  # unified diff, secrets already masked
    remote_values: tuple[RemoteValue, ...] = ()
    remote_files: tuple[RemoteFile, ...] = ()
    # puts the previous state back; with it, the change stays only if a new connection confirms it
    undo: str = field(default="", repr=False)
    rejected: bool = False  # the rack's files ask for what cannot be: told before anything is touched, with exit code 2
    reboots: bool = False  # its one command takes the machine down: the change is made when it is back
    powers_off: bool = False  # its one command takes the machine down: the run asks nothing of it afterwards
    interrupts: str = ""  # what people or pods lose while or after it is made, in words. It then wants consent, and is
    # made on one machine after another, each verified before the next: "the API server of chick0 restarts"
    typed: str = ""  # what somebody types to agree to it, in place of yes: what would be destroyed by mistake. It interrupts, too
    alters: frozenset[str] = field(default_factory=frozenset)  # "file:/etc/x", "unit:x": their watchers follow
    conflict: str = ""  # what hosts.yaml calls what others have set here: its path, "table inet site". The commands take it
    # over, and run only where hosts.yaml says so; without commands Coop cannot
    keepable: bool = True  # a conflict that hosts.yaml may also keep


def refusal(told: str, *, what: str = "", shown: str = "") -> Change:
    """A difference that is not to be fixed here: to make it so fails, and tells why. `what` says it in a plan,
    `told` unless given."""
    return Change(what or told, (Command(f"echo {quote(told)} >&2; exit 1", shown=shown),))


def rejection(what: str) -> Change:
    """A difference that the rack's files ask for and that cannot be made so. Nothing of the whole run is done."""
    return Change(what, (Command(f"echo {quote(what)} >&2; exit 1", shown="nothing: it cannot be done"),), rejected=True)


def conflict(called: str, what: str, take_over: Command | None = None, *, keepable: bool = True, undo: str = "",
             alters: frozenset[str] = frozenset()) -> Change:
    """Others set what Coop sets too, and Coop's setting would not be what holds: rejected, unless hosts.yaml decides."""
    return Change(what, (take_over,) if take_over else (), conflict=called, keepable=keepable, undo=undo, alters=alters)


class Resource(ABC):
    """The smallest thing that a machine should have. Subclasses are frozen dataclasses: values, no connections."""

    probe_limit: ClassVar[float] = 60.0  # seconds for its probe: most are cheap, but a machine may be very busy
    lasting: ClassVar[bool] = True  # False: work that is done once a run, and is not looked for in the plan made after it

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is, for plans and errors: "file /etc/hosts"."""

    @abstractmethod
    def probe(self) -> str:
        """Read-only POSIX shell text. What it prints to stdout are the facts; it ends with 0 whatever it
        found, also on a machine where nothing is installed yet."""

    @abstractmethod
    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        """What differs between the facts and this resource, in the order in which it is to be made so.

        `altered` names what earlier resources of the same plan are about to alter on this machine: a unit
        that watches a file restarts when the file is in it.
        """


NOTE = "note: "  # how a check's script begins a line that is told although the check holds
PENDING = 75  # how a check's script exits where it does not hold yet, and there is progress


@dataclass(frozen=True)
class Check:
    """Something that must come true on a machine after a step: asked again and again until it does."""

    what: str  # "every node is Ready"
    machine: str  # whose shell is asked
    script: str  # POSIX shell text; exit 0 when it holds, else what it prints is why not (yet)
    limit: float = 60.0  # seconds since it was asked first, or since the script last exited with PENDING
    most: float = 0.0  # seconds since it was asked first, after which that counts no more
    about: tuple[str, ...] = ()  # machines: when it does not hold, those have failed that begin a line of what it says (or
    # the only one); where none does, the step has failed, and the run ends
    stage: int = 0  # asked when the checks of lower stages, on the same machine, hold or have failed
