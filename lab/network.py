"""The lab's switches and the cables to its machines; none of it touches the computer's own network.

The outer bridge lies in the namespace "internet", with the router of the campus and everything behind it; the
inner bridge lies in a namespace where nothing else is but the cards of emulated machines. Those have a third bridge, for
their BMCs. Each container has a namespace of its own. A cable is made with both ends in namespaces of the lab, so no device
ever shows up outside.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from .emulated import Emulated
from .machine import Machine, Port
from .places import Places

CAMPUS_ROUTER = "128.120.136.1"
RESOLVERS = ("128.120.136.129", "128.120.136.133", "128.120.136.134")
SITES, MIRROR, CLOCK = "203.0.113.80", "203.0.113.81", "203.0.113.123"  # of TEST-NET-3
SWITCH = {"outer": "internet", "inner": "inner", "management": "management"}  # bridge → the namespace it lies in
NO_DELAY = "type bridge forward_delay 0 stp_state 0"  # as edge ports of a real switch


def batch(lines: Iterable[str], namespace: str | None = None, force: bool = False) -> None:
    """Run lines of `ip` in one process. RuntimeError if one fails; with force, go on with the next."""
    text = "\n".join(lines)
    if not text:
        return
    command = ["ip", *(["-n", namespace] if namespace else []), *(["-force"] if force else []), "-batch", "-"]
    done = subprocess.run(command, input=text + "\n", text=True, capture_output=True)
    if done.returncode and not force:
        raise RuntimeError(f"ip, in {namespace or 'no namespace'}: {done.stderr.strip()}")


def create(places: Places) -> None:
    """Make the inner and the outer switch, and the campus router with the addresses of everything that the internet has."""
    internet, inner = places.namespace("internet"), places.namespace("inner")
    batch([f"netns add {internet}", f"netns add {inner}"])
    batch([
        "link set lo up",
        f"link add outer {NO_DELAY}",
        "link set outer up",
        f"addr add {CAMPUS_ROUTER}/24 dev outer",
        *(f"addr add {address}/24 dev outer" for address in RESOLVERS),
        *(f"addr add {address}/32 dev lo" for address in (SITES, MIRROR, CLOCK)),
    ], internet)
    batch([f"link add inner {NO_DELAY}", "link set inner up"], inner)


def create_management(places: Places, addresses: Iterable[str]) -> None:
    """Make the switch of the BMCs, who answer at these addresses of it."""
    management = places.namespace("management")
    batch([f"netns add {management}"])
    batch([f"link add management {NO_DELAY}", "link set management up", "link set lo up",
           *(f"addr add {address}/24 dev management" for address in addresses)], management)


def plug_in(places: Places, machine: Emulated) -> None:
    """Put an emulated machine's card into the inner switch; its other side is the emulator's."""
    batch([f"tuntap add dev {machine.name} mode tap", f"link set {machine.name} master inner up"], places.namespace("inner"))


def pull_out(places: Places, machine: Emulated) -> None:
    batch([f"link del {machine.name}"], places.namespace("inner"), force=True)


def plug(places: Places, machine: Machine) -> None:
    """Give a machine a fresh namespace with its cards in it, down and without addresses, as at power on."""
    own = places.namespace(machine.name)
    batch([f"netns add {own}", *(
        f"link add {port.name} address {port.mac} netns {own} type veth "
        f"peer name {cable} netns {places.namespace(SWITCH[port.bridge])}"
        for cable, port in cables(machine)
    )])
    for bridge, namespace in SWITCH.items():
        mine = (cable for cable, port in cables(machine) if port.bridge == bridge)
        batch((f"link set {cable} master {bridge} up" for cable in mine), places.namespace(namespace))


def unplug(places: Places, machine: Machine) -> None:
    """Pull a machine's cables. Nothing happens if it has none."""
    for bridge, namespace in SWITCH.items():
        batch((f"link del {cable}" for cable, port in cables(machine) if port.bridge == bridge),
              places.namespace(namespace), force=True)


def clear(places: Places, machine: Machine) -> None:
    """Take a machine's namespace away with all that was in it. Nothing happens if there is none."""
    unplug(places, machine)  # the kernel itself takes its time to clear a namespace
    batch([f"netns del {places.namespace(machine.name)}"], force=True)


def cables(machine: Machine) -> list[tuple[str, Port]]:
    """Each port with the name of the other end of its cable, at the switch."""
    return [(f"{machine.name}-{number}"[-15:], port) for number, port in enumerate(machine.ports)]


def namespaces(places: Places) -> list[str]:
    """The names of all namespaces that this lab has at the moment."""
    return sorted(path.name for path in Path("/run/netns").glob(f"{places.prefix}-*"))


def processes(places: Places) -> set[int]:
    """The ids of all processes in the lab's namespaces: its own, and who looks in by a shell or the door."""
    found: set[int] = set()
    for name in namespaces(places):
        done = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
        found |= set(map(int, done.stdout.split()))
    return found


def remove(places: Places) -> None:
    """Take all namespaces of the lab away, however far they had been made."""
    batch((f"netns del {name}" for name in namespaces(places)), force=True)
