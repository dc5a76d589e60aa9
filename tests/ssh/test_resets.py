"""Power that goes, of machines that are installed and of rooster: an order is done once, and whoever typed it is told how it ended."""

from __future__ import annotations

import os
import random
import re
import time

import pytest
from boots import Boots
from installer import Installer
from invoke import Exit
from network_first import NetworkFirst
from test_installing import install

from fabfile.facts.installing import stage
from fabfile.facts.netboot import parse, question
from fabfile.resources.order import Order
from fabfile.tasks.ordering import carried_out, failed_words

ADDRESS, RESETS = "10.0.0.100", 60
KINDS = ("bios", "efi", "http")
LATER = "b" * 12


@pytest.fixture
def boots(operate) -> Boots:
    boots = Boots(operate(chicks=2))
    boots.reboot()
    return boots


def told(boots: Boots) -> str:
    """How the order ended, as the task judges it; empty: well."""
    rack = boots.operator.rack
    box, now = rack.machine("chick0"), parse(boots.rooster.run(question()))
    came = stage(now, box, Order("f" * 12, "chick0", disks=(box.disks["system"],)))
    assert came in ("finished", "failed"), (came, now.order(ADDRESS))
    return failed_words(now, box, now.order(ADDRESS)) if came == "failed" else ""


def typed_again(boots: Boots) -> str:
    """How it ended, as the task says it; empty: well."""
    rack = boots.operator.rack
    box = rack.machine("chick0")
    try:
        carried_out(rack, box, Order("f" * 12, "chick0", disks=(box.disks["system"],)))
    except Exit as end:
        assert end.code == 1
        return str(end.message)
    return ""


def next_second() -> None:
    """Rooster's clock of orders and requests has seconds; a machine's firmware takes longer."""
    time.sleep(1.02 - time.time() % 1)


def moments(seeded: random.Random, acts: list[str]) -> list[str]:
    """Where the power goes: a third each before the claim, at it, and behind it."""
    claim = next(number for number, act in enumerate(acts, 1) if "MOVE" in act)
    found = []
    for number in range(RESETS):
        at = (seeded.randint(1, claim - 1), claim, seeded.randint(claim + 1, len(acts)))[number % 3]
        phase = seeded.choice(("before", "during", "after"))
        found.append(f"{at} {phase}" + (f" {seeded.uniform(0, 0.03):.4f}" if phase == "during" else ""))
    return found


def test_an_order_wipes_once_wherever_the_power_goes_and_its_end_is_told(boots):
    seed = int(os.environ.get("COOP_SEED") or time.time_ns() % 1_000_000)
    seeded, machine = random.Random(seed), NetworkFirst(boots, "chick0")
    boots.arm("chick0", "0" * 12)
    machine.empty()
    assert machine.start("bios", "0" * 12) == "installed", machine.said()
    ends = {"finished": 0, "failed": 0}
    for number, moment in enumerate(moments(seeded, machine.acts()), 1):
        order, kind = f"{number:012x}", seeded.choice(KINDS)
        at = f"COOP_SEED={seed}, reset {number}: {kind}, {moment}"
        next_second()
        machine.empty()
        boots.arm("chick0", order)
        came = [machine.start(kind, order, moment)]
        claimed = parse(boots.rooster.run(question())).order(ADDRESS).state != "armed"
        next_second()
        while came[-1] == "stopped" and len(came) < 4:
            came.append(machine.start(kind, order))
        assert came == (["stopped", "disk"] if claimed else ["stopped", "installed"]), (at, came, machine.said())
        assert machine.wipes(order) <= 1, at
        why = told(boots)
        if why:
            assert claimed and f"it has claimed order {order}" in why and "was restarted while its disk was written" in why, (at, why)
        else:
            assert machine.disk == f"all of {order}", (at, machine.disk)
        end = "failed" if why else "finished"
        if not ends[end]:
            assert typed_again(boots) == why, at
        ends[end] += 1
    assert min(ends.values()) > RESETS / 10, (seed, ends)


def test_a_claim_whose_answer_is_lost_writes_nothing_and_is_told(boots):
    machine = NetworkFirst(boots, "chick0")
    boots.arm("chick0", LATER)
    machine.empty()
    assert machine.start("efi", LATER, "1 before") == "stopped"
    assert machine.start("efi", LATER, "claim deaf") == "stopped"
    assert f"rooster lets nobody claim order {LATER}" in machine.said()
    assert machine.wipes(LATER) == 0 and machine.disk == ""
    why = typed_again(boots)
    assert "did not hear that it had, and wrote nothing: rooster lets nobody claim" in why and "--again --reinstall" in why, why


def test_rooster_reboots_at_armed_claimed_and_finished_and_the_same_command_goes_on(boots):
    """Ten starts of the finished machine end it: its firmware asks the network first, and boots its disk."""
    hosts, key = boots.operator.folder / "hosts.yaml", boots.swarm.hosts["chick0"].host_key
    hosts.write_text(hosts.read_text().replace(f"    host_key: {key}\n", ""))
    boots.arm("chick1", LATER, seconds=0)  # nobody claims it in time, and its minute comes while rooster is off

    run = install(boots, "chick0", "--reinstall")
    boots.until(lambda: "Switch chick0 on now" in run.said, 120)
    (order,) = re.findall(r"order +([0-9a-f]{12});", run.said)
    boots.reboot()
    assert boots.boot("chick1", "bios")["local"] and boots.claim("chick1", LATER) == 404, "disarmed"
    installer = Installer(boots, "chick0")
    assert not boots.boot("chick0", "bios")["local"], "it is still armed"
    installer.early()
    assert f"order {order} is claimed" in installer.guard()
    boots.until(lambda: "it has claimed" in run.said, 120)  # it was connected again

    run.process.kill()
    boots.reboot()
    assert boots.claim("chick0", order) == 404, "claimed once"
    installer.late()
    boots.reboot()
    code, said = install(boots, "chick0", typed="").end()
    assert code == 0 and f"host_key: {key}" in hosts.read_text(), said
    assert boots.rooster.run(f"cd /srv/coop/boot/at/{ADDRESS}; ls -d armed claimed-* 2>/dev/null", check=False) == f"claimed-{order}\n"

    for start in range(10):
        began = time.monotonic()
        found = boots.boot("chick0", KINDS[start % 3])
        assert found["local"] and found["loader"] and not found["kernel"] and time.monotonic() - began < 10, found
    code, said = install(boots, "chick0", typed="").end()
    assert code == 0 and f"installed by order {order}" in said, said
