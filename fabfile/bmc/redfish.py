"""Redfish (DMTF DSP0266, DSP0268), as far as it is needed: which resources are read, what they say, and what is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fabfile.bmc import quirks
from fabfile.bmc.board import BmcProblem, State

SYSTEMS = "/redfish/v1/Systems"
USUAL = "usual"  # as without an override
TARGETS = {"network": "Pxe", "disk": "Hdd", "setup": "BiosSetup"}  # what the next start can be from
MODES = {"uefi": "UEFI", "bios": "Legacy"}
RESETS = {  # what is asked for → Redfish's words for it, the best first
    "on": ("On", "ForceOn"),
    "off": ("ForceOff",),
    "shut down": ("GracefulShutdown", "PushPowerButton"),
}
PATH = re.compile(r"/redfish/v1/[A-Za-z0-9._~/-]+")
ROUNDS = 6  # of questions until all is read; a login that is refused although it worked a moment ago costs one more


@dataclass(frozen=True)
class Answer:
    """To one request. Status 0: there was none, and `text` says why."""

    status: int
    text: str
    body: Mapping[str, Any]

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True)
class Request:
    """What a BMC is told. `body` is JSON."""

    method: str
    path: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class SshConsole:
    """How a BMC's SSH server gives the machine's console. `entry` is the command that begins it."""

    port: int = 22
    entry: str = ""


Answers = Mapping[str, Answer]  # by path


def to_read(answers: Answers) -> tuple[str, ...]:
    """The resources that are still to be read; none when all is known, or when no more can be. Raises BmcProblem."""
    if SYSTEMS not in answers:
        return (SYSTEMS,)
    if not answers[SYSTEMS].good:
        return ()
    system = system_path(answers)
    wanted = (system, *_linked(answers[system].body)) if system in answers else (system,)
    return tuple(path for path in wanted if path not in answers or answers[path].status == 401)


def system_path(answers: Answers) -> str:
    """The machine's resource. Raises BmcProblem."""
    members = [path for one in some(answers[SYSTEMS].body, "Members") if (path := path_of(one))]
    if len(members) != 1:
        raise BmcProblem(f"it has {len(members)} systems, and should have one")
    return members[0]


def _linked(system: Mapping[str, Any]) -> Iterator[str]:
    """The BMC itself, and where boot settings may be taken instead."""
    managers = [path for one in some(part(system, "Links"), "ManagedBy") if (path := path_of(one))]
    yield from managers[:1]
    if settings := path_of(part(part(system, "@Redfish.Settings"), "SettingsObject")):
        yield settings


def state(answers: Answers) -> State:
    """What the answers say. Raises BmcProblem when they do not say enough."""
    system = answers.get(SYSTEMS)
    path = SYSTEMS
    if system and system.good:
        path = system_path(answers)
        system = answers.get(path)
    if system is None or not system.good:
        raise BmcProblem(_why_not(path, system))
    body = system.body
    linked = [answers[one].body for one in _linked(body) if one in answers and answers[one].good]
    managers = [one for one in linked if "FirmwareVersion" in one]
    power = text(body, "PowerState")
    if not power:
        raise BmcProblem(f"{path} does not say whether the machine is on")
    health = part(body, "Status")
    return State(
        power=power.lower(), boot=override(answers), vendor=text(body, "Manufacturer"), model=text(body, "Model"),
        serials=tuple(filter(None, (text(body, "SerialNumber"), text(body, "SKU")))), uuid=text(body, "UUID"),
        firmware=text(managers[0], "FirmwareVersion") if managers else "",
        health=text(health, "HealthRollup") or text(health, "HealthRollUp") or text(health, "Health"))


def override(answers: Answers) -> str:
    """How the next start differs: "Once:Pxe"; empty where it does not."""
    boot = part(answers[boot_path(answers)].body, "Boot")
    enabled, target = text(boot, "BootSourceOverrideEnabled"), text(boot, "BootSourceOverrideTarget")
    return f"{enabled}:{target}" if enabled not in ("", "Disabled") and target not in ("", "None") else ""


def boot_path(answers: Answers) -> str:
    """The resource that takes boot settings: the one that @Redfish.Settings names, if it has any; else the system."""
    system = system_path(answers)
    for path in _linked(answers[system].body):
        if path in answers and "BootSourceOverrideTarget" in part(answers[path].body, "Boot"):
            return path
    return system


def reset(answers: Answers, wanted: str) -> Request | None:
    """"on", "off" or "shut down"; None: this BMC cannot."""
    action = part(part(answers[system_path(answers)].body, "Actions"), "#ComputerSystem.Reset")
    allowed = some(action, "ResetType@Redfish.AllowableValues")  # without them every word is tried
    word = next((word for word in RESETS[wanted] if word in allowed or not allowed), "")
    if not word:
        return None
    path = path_of(action, "target") or f"{system_path(answers).rstrip('/')}/Actions/ComputerSystem.Reset"
    return Request("POST", path, {"ResetType": word})


def boots(answers: Answers, target: str, firmware: str = "") -> tuple[Request, ...]:
    """Ways to have the next start come from somewhere else, once: each is tried until one is kept. Raises BmcProblem."""
    path = boot_path(answers)
    system = answers[system_path(answers)].body
    boot = part(answers[path].body, "Boot")
    if target == USUAL:  # without a target: some refuse "None"
        return (Request("PATCH", path, {"Boot": {"BootSourceOverrideEnabled": "Disabled"}}),)
    allowed = some(boot, "BootSourceOverrideTarget@Redfish.AllowableValues")
    if allowed and TARGETS[target] not in allowed:
        raise BmcProblem(f"it cannot boot once from {target}: it knows {', '.join(map(str, allowed))}")
    plain = {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": TARGETS[target]}
    mode = MODES.get(firmware) or text(boot, "BootSourceOverrideMode")
    forms = [plain]
    if "BootSourceOverrideMode" in boot and mode:
        with_mode = {**plain, "BootSourceOverrideMode": mode}
        second = quirks.of(text(system, "Manufacturer")).mode == "second"
        forms = [plain, with_mode] if second else [with_mode, plain]
    return tuple(Request("PATCH", path, {"Boot": form}) for form in forms)


def identify(answers: Answers, lit: bool) -> Request:
    """Its light, by which it is found in the rack. Raises BmcProblem."""
    path = system_path(answers)
    body = answers[path].body
    if "LocationIndicatorActive" in body:
        return Request("PATCH", path, {"LocationIndicatorActive": lit})
    if "IndicatorLED" in body:
        return Request("PATCH", path, {"IndicatorLED": "Blinking" if lit else "Off"})
    raise BmcProblem("it has no light that Redfish could switch")


def consoles(answers: Answers) -> dict[str, SshConsole]:
    """The ways to the machine's console that it says it offers: "SSH", "IPMI", "Telnet", …."""
    system = answers[system_path(answers)].body
    found = {way: SshConsole(number(about, "Port") or 22, text(about, "ConsoleEntryCommand"))
             for way, about in part(system, "SerialConsole").items()
             if isinstance(about, Mapping) and about.get("ServiceEnabled") is True}
    if found:
        return found
    older = [part(answers[path].body, "SerialConsole") for path in _linked(system) if path in answers]
    return {way: SshConsole() for one in older if one.get("ServiceEnabled") is True
            for way in some(one, "ConnectTypesSupported") if isinstance(way, str)}


def _why_not(path: str, answer: Answer | None) -> str:
    if answer is None:
        return f"it did not answer about {path}"
    said = answer.text.strip().splitlines()[-1] if answer.text.strip() else ""
    match answer.status:
        case 0 if "(90)" in said:
            return "it shows another key than hosts.yaml has, and nothing was said to it. Was its certificate renewed?"
        case 0:
            return f"it does not answer: {said.removeprefix('curl: ')}"
        case 401:
            return "it refuses the user or the password; neither is tried again, since BMCs lock accounts"
        case 403:
            return "its account may not read this"
        case 404 if path == SYSTEMS:
            return "it does not speak Redfish"
        case _:
            return f"{path} is answered with {answer.status}"


def path_of(body: Any, key: str = "@odata.id") -> str:
    """A link of the BMC's, if it is one to itself."""
    path = text(body, key)
    return path if PATH.fullmatch(path) else ""


def part(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = body.get(key)
    return value if isinstance(value, Mapping) else {}


def some(body: Mapping[str, Any], key: str) -> list[Any]:
    value = body.get(key)
    return value if isinstance(value, list) else []


def number(body: Any, key: str) -> int:
    value = body.get(key) if isinstance(body, Mapping) else None
    return value if isinstance(value, int) else 0


def text(body: Any, key: str) -> str:
    value = body.get(key) if isinstance(body, Mapping) else None
    return value.strip() if isinstance(value, str) else ""
