"""A node that is to be removed or rebooted, and its pods."""

from __future__ import annotations

from dataclasses import dataclass

from fabfile.resources.api_question import ADMIN
from fabfile.resources.departure import POD_LINES, Pod, movable

_MARK = "#pods\n"


@dataclass(frozen=True)
class Leaving:
    """One node, and the pods that would leave it."""

    machine: str
    known: bool  # the cluster has a node of its name
    ready: bool
    dead: bool
    pods: tuple[Pod, ...]
    unreachable: str = ""  # why it could not be reached
    holds_the_cluster: bool = False
    runs: bool = False  # it answered, and let nobody in
    said_dead: bool = False  # by the operator
    etcd: str = ""  # why etcd cannot do without it

    @property
    def lost(self) -> tuple[Pod, ...]:
        """The pods that nobody would start again: of users, most likely."""
        return tuple(pod for pod in self.pods if not pod.owner)

    @property
    def doubt(self) -> str:
        """Why it may not be off after all, where it is taken to be."""
        if not self.dead:
            return ""
        return "the cluster says that it is Ready" if self.ready else "" if self.said_dead else "nobody has said that it is off (--dead)"

    def reboot_words(self, single: bool, drained: bool) -> str:
        """Who loses what when the machine reboots. `single`: no other API server; `drained`: its pods moved before."""
        lost = ", ".join(f"{pod.namespace}/{pod.name}" for pod in self.lost)
        stay = len(self.pods) - len(self.lost)
        told = [f"ends {lost}, which nobody starts again"] if lost else []
        if stay and not drained:
            told.append(f"{stay} pods stop until it is back, or start elsewhere")
        if single:
            told.append("the API server is away meanwhile")
        return f"{self.machine} reboots" + (f": {'; '.join(told)}" if told else "")

    def refusal(self, force: bool) -> str:
        """Why it must not be removed; empty if it may."""
        if self.holds_the_cluster:
            return f"{self.machine} is the only control plane: without it there is no cluster"
        if self.runs and not self.dead:
            return (f"{self.machine} runs, and lets nobody in ({self.unreachable}): what runs there would go on beside what takes its "
                    f"place. Fix the login (inv doctor), or switch it off, then: inv node.remove {self.machine} --dead")
        if self.unreachable and not self.dead:
            return (f"{self.machine} cannot be reached ({self.unreachable}), yet the cluster says it is "
                    f"Ready; if it is really off: inv node.remove {self.machine} --dead")
        if self.etcd and not self.dead:
            return self.etcd
        if self.lost and not force and not self.dead:
            names = ", ".join(f"{pod.namespace}/{pod.name}" for pod in self.lost)
            return (f"nobody would start these pods again: {names}; wait until they end, "
                    "or end them with --force")
        return ""


def question(machine: str) -> str:
    """The query to a control plane about a node. An API server that does not answer leaves the mark out."""
    return (f"{ADMIN} get node {machine} --ignore-not-found "
            "-o 'jsonpath=node {.status.conditions[?(@.type==\"Ready\")].status}{\"\\n\"}' || exit\n"
            f"echo; echo '{_MARK.strip()}'\n"
            f"{ADMIN} get pods -A --field-selector spec.nodeName={machine} {POD_LINES}")


def parse(machine: str, answer: str, *, said_dead: bool, unreachable: str,
          holds_the_cluster: bool, runs: bool = False) -> Leaving | None:
    """What the answer tells; None when the cluster could not be asked.

    A machine that cannot be reached and is not Ready is dead, whether or not the operator said so; not one that `runs`.
    """
    node, mark, pods = answer.partition(_MARK)
    if not mark:
        return None
    ready = node.startswith("node True")
    return Leaving(machine, known=node.startswith("node"), ready=ready,
                   dead=said_dead or (bool(unreachable) and not ready and not runs), pods=tuple(movable(pods)),
                   unreachable=unreachable, holds_the_cluster=holds_the_cluster, runs=runs, said_dead=said_dead)
