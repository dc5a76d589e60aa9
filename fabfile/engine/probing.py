"""Probing one machine: the probes of all its resources in one write."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fabfile.engine.errors import MachineError, ProbeFailed
from fabfile.engine.events import Event, Probed
from fabfile.engine.fleet import HostSession
from fabfile.engine.plan import Wanted
from fabfile.engine.shell import ShellCommand
from fabfile.secret import mask


def facts(session: HostSession, wants: Sequence[Wanted], step: str, tell: Callable[[Event], None]) -> list[str]:
    """What each probe printed, in order. Without any, only the session is set up. Raises MachineError."""
    found, seconds = [], 0.0
    probes = [ShellCommand(want.resource.probe(), want.resource.probe_limit, f"probe of {want.resource.name}") for want in wants]
    answers = session.shell.probe(probes or [ShellCommand(":", shown="first probe")])
    if not wants:
        seconds = next(answers).seconds
    for want in wants:
        try:
            answer = next(answers)
        except MachineError as error:
            raise error.at(want.step) from None
        seconds += answer.seconds
        if answer.code:
            raise ProbeFailed(session.machine.name, f"its probe failed with exit code {answer.code}", step=want.step,
                             resource=want.resource.name, command=f"probe of {want.resource.name}",
                             code=answer.code, tail=mask(answer.output).splitlines()[-10:])
        found.append(answer.output)
    session.commands += seconds
    if wants:
        tell(Probed(session.machine.name, step, len(wants), seconds))
    return found
