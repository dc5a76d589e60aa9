"""What a chick leaves behind when it goes: looked at before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.rack import Machine, Rack
    from fabfile.resources.departure import Pod


@dataclass(frozen=True)
class Leaving:
    """One chick, and the pods that it would give away."""

    machine: str
    known: bool  # the cluster has a node of its name
    ready: bool
    dead: bool
    pods: tuple[Pod, ...]
    unreachable: str = ""  # why it could not be reached
    holds_the_cluster: bool = False

    @property
    def lost(self) -> tuple[Pod, ...]:
        """The pods that nobody would start again: of users, most likely."""
        return tuple(pod for pod in self.pods if not pod.owner)

    def refusal(self, force: bool) -> str:
        """Why it may not go; empty when it may."""
        if self.holds_the_cluster:
            return f"{self.machine} holds the cluster itself: it cannot be taken out of it"
        if self.unreachable and not self.dead:
            return (f"{self.machine} cannot be reached ({self.unreachable}), yet the cluster says it is Ready; "
                    f"if it is really off: inv node.remove {self.machine} --dead")
        if self.lost and not force and not self.dead:
            names = ", ".join(f"{pod.namespace}/{pod.name}" for pod in self.lost)
            return f"nobody would start these pods again: {names}; wait until they end, or end them with --force"
        return ""


def look(rack: Rack, machine: Machine, dead: bool) -> Leaving:
    """Asks the cluster about the machine's pods, and the machine whether it lives.

    One that does not answer and is not Ready is dead, whether or not `dead` was said.
    """
    from invoke import Exit

    from fabfile.resources.departure import POD_LINES, movable
    from fabfile.tasks.asking import ask

    first, kubectl = rack.first_control_plane.name, "kubectl --kubeconfig /etc/kubernetes/admin.conf"
    questions = {first: f"{kubectl} get node {machine.name} --ignore-not-found "
                        "-o 'jsonpath=node {.status.conditions[?(@.type==\"Ready\")].status}{\"\\n\"}' || exit\n"
                        "echo\necho '#pods'\n"
                        f"{kubectl} get pods -A --field-selector spec.nodeName={machine.name} {POD_LINES}"}
    if not dead and machine.name != first:
        questions[machine.name] = ":"
    answers, errors = ask(rack, questions)
    if first in errors:
        raise Exit(str(errors[first]), code=1)
    node, mark, pods = answers[first].partition("#pods\n")
    if not mark:
        raise Exit(f"the cluster cannot be asked about {machine.name}: {node.strip()}", code=1)
    ready, unreachable = node.startswith("node True"), str(errors.get(machine.name, ""))
    return Leaving(machine.name, known=node.startswith("node"), ready=ready,
                   dead=dead or (bool(unreachable) and not ready), pods=tuple(movable(pods)), unreachable=unreachable,
                   holds_the_cluster=machine is rack.first_control_plane)
