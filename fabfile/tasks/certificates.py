"""The cluster's certificates: shown as they are in files and as they are served, and made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.engine.step import Step
    from fabfile.rack import Machine, Rack


def show(json: bool) -> None:
    """Prints the certificates of the members that answer and of rooster's kubeconfigs; ends the task with 3 when one is wrong."""
    from time import time

    from fabfile.facts.look import Look
    from fabfile.facts.machine import parse, question
    from fabfile.finding import healthy
    from fabfile.rules.examine import examine
    from fabfile.screen import certificates as screen
    from fabfile.tasks.looking import unreachable
    from fabfile.tasks.queries import ask
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    answers, errors = ask(rack, {one.name: question(rack, one) for one in (rack.gateway, *rack.chicks) if not one.expected_off})
    seen = Look(rack, time(), {name: parse(name, answer) for name, answer in answers.items()}, unreachable(errors))
    found = examine(seen, ("certificates", "machines"))
    print(screen.as_json(seen, found) if json else screen.as_text(seen, found))
    if not healthy(found):
        raise SystemExit(3)


def renewal_steps(rack: Rack) -> list[Step]:
    """One control plane after the other, then workers' kubelets, then the operators' kubeconfig on rooster."""
    from fabfile.engine.procedure import rolling
    from fabfile.engine.step import Step
    from fabfile.roles.operators import operators
    from fabfile.roles.renewal import all_answer, control_plane_certificates, kubelet_certificate

    def stages(batch: tuple[Machine, ...]) -> list[Step]:
        return [Step(f"certificates of {machine.name}", (machine,), control_plane_certificates) for machine in batch]

    workers = tuple(machine for machine in rack.chicks if machine not in rack.control_planes)
    return [*rolling(rack.control_planes, stages),
            *([Step("kubelets", workers, kubelet_certificate)] if workers else []),
            Step("operators", (rack.gateway,), operators, verify=all_answer)]
