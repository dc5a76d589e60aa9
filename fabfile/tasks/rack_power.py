"""The whole rack's power: off in the order in which nothing is lost, on in the order in which each finds what it needs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.announcing import SILENT, WAIT
from fabfile.tasks.task import DRY, JSON, task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.engine.errors import MachineError
    from fabfile.engine.step import Step
    from fabfile.finding import Finding, Severity
    from fabfile.rack import Machine, Rack
    from fabfile.resources import Resource

_PAUSE = 3.0  # seconds between two looks at a gate
_TOGETHER = 60.0  # seconds within which machines come that got their power together
_SILENT = "does not answer"
_ANNOUNCED = "Everything is switched off at {at}, and your server ends then: save your work, and log out."


@task(help={"gateway": "The gateway, too, last of all.", "wait": WAIT, "silent": SILENT, "dry": DRY, "yes": "Approve it without asking.",
            "json": JSON})
def power_off(c: Context, gateway: bool = False, wait: str = "10m", silent: bool = False, dry: bool = False, yes: bool = False,
              json: bool = False) -> None:
    """Switch the rack off: pods, workers, control planes, storage.

    Hubs announce it first. Users' servers end, then each kind of machine in turn.
    rooster stays on, for rack.power-on by BMCs, unless --gateway is given.
    """
    from fabfile.resources.api_question import ADMIN
    from fabfile.tasks.announcing import announced, states_of_hubs, stays
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.durations import seconds_of
    from fabfile.tasks.leader import connected, find_leader
    from fabfile.tasks.queries import ask
    from fabfile.tasks.rack import the_rack
    from fabfile.upstream.paths import ADMIN_CONF

    rack, notice = the_rack(), 0 if silent else seconds_of("--wait", wait)
    machines = [one for one in (*rack.chicks, *rack.storage_hosts) if one.host_key and not one.expected_off]
    with connected(rack) as ways:
        rack, _ = find_leader(ways)
        answers, errors = ask(rack, {one.name: f"[ ! -e {ADMIN_CONF} ] || {ADMIN} --request-timeout=10s get --raw /readyz"
                                     for one in machines}, 40.0, ways)
        api = answers.get(rack.leader.name, "").strip().endswith("ok")
        found = states_of_hubs(rack, ways) if api and not silent else {}
    refuse_those_that_run(errors)
    told = sys.stderr if json else sys.stdout
    for name, error in errors.items():
        print(f"{name} does not answer, and is taken for off ({error.problem})", file=told)
    on = [one for one in machines if one.name in answers]
    if not api:
        print("the API server does not answer: pods end with their machines", file=told)
    for name in (name for name, state in found.items() if not state.api):
        print(f"{name} does not answer: its users are not told", file=told)
    at, hubs = int(time.time()) + notice, [rack.services[name] for name, state in found.items() if state.api]
    announcing = [] if dry and json else announced(rack, hubs, at, _ANNOUNCED, dry)
    if announcing and not dry:
        rack = replace(the_rack(), leading=rack.leading)  # as it is written now
    try:
        converge(command(), partial(off_steps, on=on, api=api, gateway=gateway, hubs=[] if dry else announcing, at=at),
                 dry=dry, yes=yes, json=json, rack=rack)
    finally:
        if announcing and not (dry or json):
            print(stays(announcing))


def refuse_those_that_run(errors: Mapping[str, MachineError]) -> None:
    """Who lets nobody in is not off: it would lose what it needs, such as its homes. The task ends with code 1."""
    from fabfile.engine.errors import proves_that_it_runs

    running = {name: error for name, error in errors.items() if proves_that_it_runs(name, error)}
    if running:
        told = "".join(f"{name} runs, and cannot be asked ({error.problem}){f': {error.hint}' if error.hint else ''}\n"
                       for name, error in running.items())
        raise Exit(f"{told}nothing was switched off: what {', '.join(running)} needs would go off first. Fix that (inv doctor), or "
                   f"switch {', '.join(running)} off by hand", code=1)


def off_steps(rack: Rack, on: Sequence[Machine], api: bool, gateway: bool, hubs: Sequence[str] = (), at: int = 0) -> list[Step]:
    """The hubs that announce it, and the wait until then. Of the machines that answer: nodes get no pods, pods end, then workers,
    control planes, file servers, and rooster."""
    from fabfile.engine.step import Step
    from fabfile.resources import Cordoned, Once, PodsEnded, SwitchedOff
    from fabfile.resources.action import Action
    from fabfile.tasks.preparing import Preparing
    from fabfile.tasks.service_steps import service_steps

    def once(role: Callable[[Rack, Machine], Iterable[Resource]], rack: Rack, machine: Machine) -> list[Resource]:
        return [Once(resource) for resource in role(rack, machine)]

    nodes = tuple(one.name for one in on if one in rack.chicks)
    kinds = {"workers off": [one for one in on if one in rack.chicks and one not in rack.control_planes],
             "control planes off": [one for one in on if one in rack.control_planes],
             "storage off": [one for one in on if one not in rack.chicks],
             "gateway off": [rack.gateway] if gateway else []}
    wait = Action("wait until the time that users were told", f'while [ "$(date +%s)" -lt {at} ]; do sleep 2; done', long=True,
                  limit=max(0.0, at - time.time()) + 300.0)
    told = [replace(step, role=partial(once, step.role)) for step in service_steps(rack, hubs, Preparing(rack, hubs, renew=False))]
    told += [Step("wait", (rack.gateway,), lambda rack, _: [wait])] if hubs else []
    before = [Step("cordon nodes", (rack.leader,), lambda rack, _: [Cordoned(name) for name in nodes]),
              Step("end pods", (rack.leader,), lambda rack, _: [PodsEnded(nodes)])] if api and nodes else []
    return [*told, *before, *(Step(name, tuple(machines), lambda rack, machine: [SwitchedOff(machine.name)], at_once=len(machines))
                       for name, machines in kinds.items() if machines)]


@task(help={"wait": "How long each gate is waited for (default: 15m).", "json": "Print JSON of what is wrong."})
def power_on(c: Context, wait: str = "15m", json: bool = False) -> None:
    """Switch the rack on, or see that it has come back.

    Gate by gate: rooster, file servers, most control planes, one worker; then
    the others. By BMC where there is one; the others are named, to be switched
    on by hand.
    """
    from fabfile.finding import healthy
    from fabfile.screen.findings import as_data, as_text
    from fabfile.tasks.converge import converge
    from fabfile.tasks.durations import seconds_of
    from fabfile.tasks.rack import the_rack

    rack, limit, out = the_rack(), seconds_of("--wait", wait), sys.stdout
    with redirect_stdout(sys.stderr if json else out):  # JSON is one document: what is found
        found = came_up(rack, limit, partial(print, flush=True), lambda missing: converge(
            "rack.power-on", partial(open_steps, missing=missing), yes=True))
        if json:
            from json import dumps
            print(dumps(as_data(found), indent=1, ensure_ascii=False), file=out)
        elif found:
            print(as_text(found))
    if not healthy(found):
        raise Exit(code=3)


@dataclass(frozen=True)
class Gate:
    """Machines that come up together. `question`: shell text that prints "open" when such a machine does its work, else why
    not. The gate opens when `least` of them do; the others are waited for at the end."""

    name: str
    machines: Sequence[Machine]
    question: str
    least: int


def gates(rack: Rack) -> list[Gate]:
    """What comes up in which order; those of no machine are left out."""
    from fabfile.resources.api_question import ADMIN

    kubelet = "systemctl is-active -q kubelet || { echo 'kubelet does not run'; exit; }"
    ready = f"said=$({ADMIN} --request-timeout=5s get --raw /readyz 2>&1)"
    nfs = "! systemctl is-enabled -q nfs-server 2>/dev/null || systemctl is-active -q nfs-server"
    present = [one for one in rack.machines.values() if one.host_key and not one.expected_off]
    servers = [one for one in present if one in rack.storage_hosts]
    planes = [one for one in present if one in rack.control_planes]
    workers = [one for one in present if one in rack.chicks and one not in rack.control_planes]
    majority = min(len(rack.control_planes) // 2 + 1, len(planes))
    return [gate for gate in (
        Gate("gateway", [rack.gateway], "echo open", 1),
        Gate("file servers", servers, f"if {nfs}; then echo open; else echo 'NFS is not served'; fi", len(servers)),
        Gate("control planes", planes,
             f"{kubelet}\nif {ready}; then echo open; else echo \"the API server is not ready: $said\"; fi", majority),
        Gate("workers", workers, f"{kubelet}\necho open", 1),
    ) if gate.machines]


def came_up(rack: Rack, limit: float, say: Callable[[str], None], opens: Callable[[Collection[str]], object]) -> list[Finding]:
    """Goes through the gates: a finding for each machine that was waited for in vain. No gate after one that has not opened is
    asked. `opens` opens the rack without some machines: at the latest so long after the last gate, and again when more have come."""
    from fabfile.finding import Severity

    late: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for gate in gates(rack):
        began = time.monotonic()
        asked = {one.name: gate.question for one in gate.machines}
        why = closed(rack, asked)
        if why:
            say(f"{gate.name}: " + ", ".join(f"{machine} {reason}" for machine, reason in why.items()))
            switched_on(rack, [rack.machine(machine) for machine, reason in why.items() if reason.startswith(_SILENT)], say)
        while len(asked) - len(why) < gate.least and time.monotonic() < began + limit:
            time.sleep(_PAUSE)
            why = closed(rack, asked)
        waited = f"{time.monotonic() - began:.0f} s"
        if len(asked) - len(why) < gate.least:
            told = f"waited for {waited}; what comes after the {gate.name} was not looked at"
            return [late_one(rack.machine(name), reason, Severity.DOWN, told) for name, reason in why.items()]
        say(f"{gate.name}: up after {waited} ({', '.join(name for name in asked if name not in why)})")
        late |= dict.fromkeys(why, gate.question)
        reasons |= why
    began = time.monotonic()
    for patience in sorted({min(_TOGETHER, limit), limit}):
        waiting = [*late]
        if late:
            say(f"the others are waited for: {', '.join(late)}")
        while late and time.monotonic() < began + patience:
            time.sleep(_PAUSE)
            reasons = closed(rack, late)
            late = {name: late[name] for name in reasons}
        if patience == min(_TOGETHER, limit) or [*late] != waiting:
            opens(late.keys())
        if not late:
            break
    told = f"waited for {time.monotonic() - began:.0f} s; the rack is open without it"
    return [late_one(rack.machine(name), reasons[name], Severity.DEGRADED, told) for name in late]


def late_one(machine: Machine, reason: str, harm: Severity, told: str) -> Finding:
    """A machine that was waited for in vain."""
    from fabfile.finding import Finding

    if not reason.startswith(_SILENT):
        return Finding(f"{machine.name}: {reason}", machine.name, harm, told, fix=f"inv node.status {machine.name}")
    repair = "; in repair: `expect: off` in hosts.yaml" if machine.is_member else ""
    return Finding(f"{machine.name} {reason}", machine.name, harm, told,
                   fix=f"is it on? its console says why it does not start; then inv rack.power-on again{repair}")


def closed(rack: Rack, questions: Mapping[str, str]) -> dict[str, str]:
    """The machines that do not do their work yet, with why."""
    from fabfile.tasks.queries import ask

    answers, errors = ask(rack, questions, 20.0)
    why = {name: f"{_SILENT} ({error.problem})" for name, error in errors.items()}
    return why | {name: " ".join(said.split()) or "says nothing" for name, said in answers.items() if said.split()[-1:] != ["open"]}


def switched_on(rack: Rack, machines: Sequence[Machine], say: Callable[[str], None]) -> None:
    """By its BMC, where there is one that says that the machine is off, and is not another machine's; the others are named."""
    from fabfile.bmc.board import BmcProblem, OtherMachine, board, lacking
    from fabfile.engine.step import Step
    from fabfile.resources.bmc import Powered
    from fabfile.tasks.bmcs import compared
    from fabfile.tasks.converge import converge
    from fabfile.tasks.leader import connected

    by_bmc = [one for one in machines if one is not rack.gateway and one.bmc and not [*lacking(rack, one)]]
    if by_hand := [one.name for one in machines if one not in by_bmc]:
        say(f"switch {', '.join(by_hand)} on now: no BMC can do it")
    if not by_bmc:
        return
    with connected(rack) as ways:
        found = compared(rack, [board(rack, one) for one in by_bmc], ways)
    for name, known in found.items():
        if isinstance(known, OtherMachine):
            say(f"switch {name} on now: nothing was said to its BMC, as {known}. Which address in hosts.yaml is wrong? inv rack.bmc")
        elif isinstance(known, BmcProblem):
            say(f"switch {name} on now: its BMC cannot be asked ({known})")
    off = [known for known in found.values() if not isinstance(known, BmcProblem) and known.state.off]
    if off:
        step = Step("power", (rack.gateway,), lambda rack, _: [Powered(known, True) for known in off])
        converge("rack.power-on", lambda rack: [step], rack=replace(rack, leading=rack.leader.name))


def open_steps(rack: Rack, missing: Collection[str] = ()) -> list[Step]:
    """Nodes that rack.power-off has cordoned take pods again, and every node works with every other, but for the `missing` machines."""
    from fabfile.engine.step import Step
    from fabfile.resources import Uncordoned
    from fabfile.roles.pod_traffic import members_work_together

    nodes = [one for one in rack.chicks if one.host_key and not one.expected_off]
    there = tuple(one for one in nodes if one.name not in missing)
    return [Step("uncordon nodes", (rack.leader,), lambda rack, _: [Uncordoned(one.name) for one in nodes],
                 verify=lambda rack, _: members_work_together(rack, there))]
