"""Whether a machine may be installed, and how far its installation has come: values in, words out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote
from typing import Literal

from fabfile.facts.netboot import Boots, Ordered
from fabfile.rack import Machine, Problem, Rack
from fabfile.rack.files import HOSTS, INSTALL
from fabfile.resources.installation import written_disks
from fabfile.resources.order import KINDS, KindName, Order
from fabfile.upstream.paths import ADMIN_CONF
from fabfile.upstream.preseed import system_of

SILENT = 1200  # seconds without a word or a request after which an installer that has claimed is given up
# what firmware and loaders ask for, and neither an installer nor the environment in RAM once it has claimed its order
_START = re.compile(r"TFTP |GET /([^/]+|(pxelinux\.cfg|debian-installer|grub)/.*)$")
Stage = Literal["order", "watch", "other", "busy", "failed", "finished"]


def lacking(rack: Rack, machine: Machine) -> Iterator[Problem]:
    """What the rack's files have to say before the machine can be installed."""
    if rack.install is None:
        yield Problem(INSTALL, 0, "", "there is no such file", "docs/install.md says what is in it")
        return
    at = ("machines", machine.name)
    layout = system_of(rack, machine).layout
    for role in ("system", "mirror") if "mirror" in layout else ("system",):
        if role not in machine.disks:
            yield rack.problem(HOSTS, (*at, "disks"), f"no disk is named `{role}`, and the layout {layout} writes it",
                               f"disks: {{{role}: /dev/disk/by-id/…}}; docs/install.md says how to find it out")
    for disk in written_disks(rack, machine):
        if disk not in machine.hardware.disks:
            yield rack.problem(HOSTS, (*at, "hardware", "disks"), f"size and serial number of {disk} are not on file",
                               f"inv rack.scan {machine.name} writes them, with --netboot if it is off")
    if not (machine.hardware.uuid or machine.hardware.serial):
        yield rack.problem(HOSTS, (*at, "hardware"), "neither `uuid` nor `serial` is recorded, which tell it from other machines",
                           f"inv rack.scan {machine.name} writes them, with --netboot if it is off")


@dataclass(frozen=True)
class Seen:
    """What was found out about a machine before it is armed."""

    known: bool  # rooster gives it its address
    misfit: str  # why the installer would not find its components; empty: it does
    foreign: tuple[str, ...] | None  # other DHCP servers; None: it could not be asked
    key: str  # the host key that it shows now; empty: it does not answer
    member: bool  # its node is in the cluster
    unasked: str  # why the cluster could not be asked; empty: it was, or there is none


def other_control_planes(rack: Rack, machine: Machine) -> list[Machine]:
    """Those that can be asked whether the machine is a node. One without a host key never was in a cluster."""
    return [one for one in rack.control_planes if one is not machine and one.host_key and not one.expected_off]


# the first line says whether there is a cluster, the last whether it was asked
def member_question(name: str) -> str:
    """Shell text for a control plane: "none", or the node if there is one, and "asked"."""
    return (f"[ -e {ADMIN_CONF} ] || {{ echo none; exit 0; }}\n"
            f"kubectl --kubeconfig={ADMIN_CONF} --request-timeout=10s get node {quote(name)} -o name --ignore-not-found 2>&1 && echo asked")


def member(name: str, answer: str) -> tuple[bool, str]:
    """Whether the machine is a node, and why that could not be asked."""
    lines = answer.split()
    if lines in (["none"], ["asked"]):
        return False, ""
    if lines == [f"node/{name}", "asked"]:
        return True, ""
    return False, answer.strip().splitlines()[-1] if answer.strip() else "nothing was answered"


def known_question(machine: Machine) -> str:
    """Shell text for rooster: does it give the machine its address, and files for it?"""
    return (f"grep -qs '^dhcp-host={machine.inner.mac},{machine.address()},' /etc/dnsmasq.d/rack.conf && "
            f"grep -qs '{machine.address()} {machine.name};' /etc/coop/boot-nginx.conf && echo known")


def refusals(rack: Rack, machine: Machine, seen: Seen, kind: KindName, *, reinstall: bool = False) -> list[str]:
    """Why it is not armed; empty: it may be."""
    name, found, about = machine.name, [], KINDS[kind]
    if not seen.known:
        found.append(f"rooster does not know {name} as hosts.yaml does: inv gateway.apply")
    if seen.misfit and kind == "install":
        found.append(seen.misfit)
    if seen.foreign is None:
        found.append("whether another DHCP server is on the inner port could not be asked: inv gateway.apply")
    elif seen.foreign:
        found.append(f"another DHCP server is on rooster's inner port: {', '.join(seen.foreign)}. It would boot {name} with its own "
                     "files: take it off that network")
    if about.writes == "named":
        if seen.unasked:
            found.append(f"the cluster cannot be asked whether {name} is in it: {seen.unasked}. Power a control plane on, or write "
                         f"`expect: off` in {HOSTS} at those that are gone")
        if seen.member:
            found.append(f"{name} is a node of the cluster: inv node.remove {name} first")
    if not about.installs:
        if seen.key:
            found.append(f"{name} is alive: it answers by ssh. Switch it off first: inv node.power {name} off")
    elif seen.key and not reinstall:
        whose = "with its own key" if seen.key == machine.host_key else "with a key that hosts.yaml does not have"
        found.append(f"{name} is alive: it answers by ssh, {whose}. Whoever is sure that its system may go types --reinstall")
    elif machine.host_key and not reinstall:
        line = rack.problem(HOSTS, ("machines", name, "host_key"), "").line
        found.append(f"{HOSTS}:{line}: {name} has a host key, so it was installed before. Whoever is sure that its system may go "
                     "types --reinstall")
    return found


def active(boots: Boots, address: str, order: Ordered) -> int:
    """When the machine was last heard of: a word, a file, a package."""
    asked = boots.asked.get(address, (0, ""))[0]
    return max(order.since, asked, *(word.time for word in order.words), 0)


def restarted(boots: Boots, address: str, order: Ordered) -> bool:
    """Whether it was started again after its claim, and before it had finished: it was served what boots its disk."""
    asked, what = boots.asked.get(address, (0, ""))
    return order.state == "claimed" and asked > order.since and _START.match(what) is not None


def unheard(order: Ordered) -> str:
    """Why a machine gave up although rooster has noted its claim: the answer did not come to it. Empty: it did not."""
    word = order.word("refused")  # an earlier start may have refused the order that a later one claimed
    return word.text.strip() if order.state == "claimed" and word and word.time >= order.since else ""


def lost(boots: Boots, address: str, order: Ordered) -> bool:
    """Whether an order that was claimed does not come to its end any more."""
    ended = order.word("failed") or unheard(order) or restarted(boots, address, order)
    return bool(ended) or boots.now - active(boots, address, order) >= SILENT


def seconds_left(boots: Boots, address: str, order: Ordered) -> int:
    """How long an installer that has claimed may still be silent before it is given up."""
    return max(0, active(boots, address, order) + SILENT - boots.now)


def closed(machine: Machine, order: Ordered) -> bool:
    """Whether its installation came to its end: hosts.yaml has the host key that the new system reported."""
    word = order.word("finished")
    return word is not None and word.text.strip() == machine.host_key


def stage(boots: Boots, machine: Machine, new: Order, again: bool = False, reinstall: bool = False, off: bool = False) -> Stage:
    """What is to be done for the machine now, for whoever wants this order. "other": it is armed to write other disks. "busy": it
    is at work on another order. `off`: that it is off was seen, before rooster was asked for `boots`."""
    address = str(machine.address())
    order = boots.order(address)
    if order is None or order.state in ("expired", "withdrawn"):
        return "order"
    wanted = new.about
    same = order.kind == new.kind or (wanted.installs and order.kind in KINDS and KINDS[order.kind].installs)
    if order.state == "armed":
        if order.word("refused") or order.kind != new.kind:  # refused: it is not what it was armed with
            return "order"
        return "watch" if order.disks == new.disks else "other"
    if order.state == "claimed":
        if not lost(boots, address, order) and not (off and again and same and wanted.installs):
            return "watch" if same and (wanted.installs or order.disks == new.disks) else "busy"
        return "failed" if same and wanted.installs and not again else "order"
    if same and wanted.kept:
        return "order" if order.word("shown") else "finished"
    over = again or (reinstall and closed(machine, order))  # one that is not closed is continued, by the same command
    return "finished" if same and wanted.installs and not over else "order"
