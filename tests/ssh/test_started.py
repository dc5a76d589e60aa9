"""A machine that node.install has armed is started by its BMC, from the network once: with consent if it is on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bmcs import PASSWORD, Bmc, in_files
from boots import UUID, Boots
from installer import Installer
from test_in_ram import SILENT_SSHD
from test_installing import Typed, armed, install

HUB = "planted-secret-of-a-hub-41"


@pytest.fixture
def boots(operate) -> Boots:
    return Boots(operate(chicks=2))


def test_a_machine_that_is_on_goes_off_with_consent_alone(boots):
    bmc = Bmc(boots.operator, "chick1", "supermicro", "On", ("needs-mode",), uuid=f"{UUID}1")
    in_files(boots.operator, chick1=bmc.entry())
    code, said = Typed(boots, "rack.scan", "chick1", "--netboot").end()
    assert code == 2, said
    assert "chick1 is alive: it answers by ssh. Switch it off first: inv node.power chick1 off\nnothing was armed" in said, said
    code, said = install(boots, "chick1", "--reinstall", "--dry").end()
    assert code == 3 and "power    it is on: its BMC switches it off, boots it from the network once, and switches it on" in said, said
    code, said = install(boots, "chick1", "--reinstall", typed="yes\n").end()
    assert code == 1 and "Type chick1 to have these disks written, and to have it switched off: nothing was armed" in said, said
    assert bmc.changes == [] and not armed(boots, "10.0.0.101")

    first = install(boots, "chick1", "--reinstall")
    boots.until(lambda: "it has asked for nothing yet" in first.said, 120)
    assert armed(boots, "10.0.0.101") and bmc.starts == ["Pxe"] and "Switch chick1 on now" not in first.said
    assert [body.get("ResetType", "boot") for _, body in bmc.changes] == ["GracefulShutdown", "boot", "boot", "On"]
    first.process.kill()
    again = install(boots, "chick1", typed="")
    boots.until(lambda: "it has asked for nothing yet" in again.said, 60)
    assert "If it runs its former system: inv node.boot-next chick1 network, then inv node.power chick1 cycle" in again.said
    again.process.kill()
    assert len(bmc.changes) == 4, "nothing is repeated on a machine that may be starting"
    code, said = Typed(boots, "run.list").end()
    assert "node.install chick1 --reinstall" in said


def test_a_run_that_was_killed_before_it_started_the_machine_starts_it_when_typed_again(boots):
    bmc = Bmc(boots.operator, "chick0", "idrac", "Off", uuid=f"{UUID}0")
    in_files(boots.operator, chick0=bmc.entry())
    boots.arm("chick0", "0123456789ab")
    run = install(boots, "chick0", typed="")
    boots.until(lambda: bmc.starts == ["Pxe"], 60)
    boots.until(lambda: "it has asked for nothing yet" in run.said, 60)
    assert not boots.boot("chick0", "efi")["local"], "the installer, not its disk"
    run.process.kill()
    assert Typed(boots, "node.power", "chick0", "status").end() == (0, "chick0 is on\n")


def test_an_installation_that_fell_silent_is_begun_again_at_once_where_the_bmc_says_off(boots):
    bmc = Bmc(boots.operator, "chick1", "idrac", "On", uuid=f"{UUID}1")
    other = Bmc(boots.operator, "chick0", "idrac", "Off", uuid=f"{UUID}1")
    in_files(boots.operator, chick1=bmc.entry(), chick0=other.entry())
    for machine, order in (("chick0", "0123456789aa"), ("chick1", "0123456789ab")):
        boots.arm(machine, order)
        assert boots.claim(machine, order) in (201, 204)
    before = {name: boots.rooster.run(f"ls /srv/coop/boot/at/10.0.0.10{name}") for name in (0, 1)}

    code, said = install(boots, "chick0", "--again", "--reinstall").end()
    assert code == 2 and "it is of another machine" in said and "nothing was armed" in said, said
    run = install(boots, "chick1", "--again", "--reinstall")
    boots.until(lambda: "it has claimed order 0123456789ab and" in run.said, 60)
    assert "Its BMC says that it is on. To shorten that, switch it off (inv node.power chick1 off)" in run.said, run.said
    assert "--again begins a new order once nothing was heard of it for 20 minutes, that is in " in run.said, run.said
    run.process.kill()
    run.end()
    assert not bmc.changes and not other.changes
    assert {name: boots.rooster.run(f"ls /srv/coop/boot/at/10.0.0.10{name}") for name in (0, 1)} == before, "nothing was armed"

    assert Typed(boots, "node.power", "chick1", "off", "--hard", "--yes").end()[0] == 0
    bmc_was_told = len(bmc.changes)
    code, said = install(boots, "chick1", "--again", "--reinstall", "--dry").end()
    assert code == 3 and "nothing is written by that order any more" in said and "it is off: its BMC boots it" in said, said
    code, said = install(boots, "chick1", "--again", "--reinstall", typed="yes\n").end()
    assert code == 1 and "nothing was armed" in said and not armed(boots, "10.0.0.101") and len(bmc.changes) == bmc_was_told, said
    run = install(boots, "chick1", "--again", "--reinstall")
    boots.until(lambda: bmc.starts == ["Pxe"] or run.process.poll() is not None, 120)
    assert bmc.starts == ["Pxe"] and armed(boots, "10.0.0.101"), run.said
    assert not boots.boot("chick1", "efi")["local"], "the installer, not its disk"
    assert boots.claim("chick1", "0123456789ab") not in (201, 204), "the former order is not claimed again"
    run.process.kill()


def test_killed_at_twelve_points_the_same_command_goes_on_with_the_same_order(boots):
    """Its former system hangs: it is on, and does not answer by SSH."""
    chick, hosts = boots.swarm.hosts["chick0"], boots.operator.folder / "hosts.yaml"
    chick.run(f"nft '{SILENT_SSHD}'")
    hosts.write_text(hosts.read_text().replace(f"    host_key: {chick.host_key}\n", ""))
    bmc = Bmc(boots.operator, "chick0", "supermicro", "On", ("keeps",), uuid=f"{UUID}0")
    in_files(boots.operator, chick0=bmc.entry())
    installer, place = Installer(boots, "chick0"), f"/srv/coop/boot/at/{boots.swarm.address('chick0')}"
    points: list[str] = []

    def killed(point: str, holds: Callable[[Typed], bool], typed: str | None = "chick0\n") -> str:
        run = Typed(boots, "node.install", "chick0", typed=typed)
        boots.until(lambda: holds(run) or run.process.poll() is not None, 90)
        assert run.process.poll() is None and holds(run), (point, run.said)
        run.process.kill()
        points.append(point)
        return run.end()[1]

    def orders() -> list[str]:
        return boots.rooster.run(f"cat {place}/*/order 2>/dev/null | sed -n 's/^id //p'", check=False).split()

    killed("the plan is shown", lambda run: "takes it into the cluster" in run.said, typed=None)
    boots.rooster.run("cat >/usr/local/bin/debconf-set-selections <<'END'\n#!/bin/sh\n: >/run/held\nsleep 600\nEND\n"
                      "chmod 755 /usr/local/bin/debconf-set-selections")
    killed("the order lies aside", lambda run: boots.rooster.run("ls /run/held", check=False) != "")
    assert orders() == [] and not armed(boots, "10.0.0.100") and bmc.changes == []
    boots.rooster.run("rm /usr/local/bin/debconf-set-selections; kill $(pidof -x debconf-set-selections) $(pidof sleep)", check=False)
    killed("it is told to go off", lambda run: bmc.machine.stops != [])
    (order,) = orders()
    boots.until(lambda: not bmc.machine.on)
    killed("it is told to boot from the network", lambda run: bmc.changes[-1][0] != "ComputerSystem.Reset")
    assert bmc.starts == []
    killed("started", lambda run: bmc.starts == ["Pxe"])
    assert not boots.boot("chick0", "efi")["local"]
    killed("it loads", lambda run: "it loads" in run.said)
    boots.ask("chick0", f"/said/{order}/boot.machine", "PUT", "serial S1")
    killed("it looks at its disks", lambda run: "it looks at itself" in run.said)
    installer.early()
    assert f"order {order} is claimed" in installer.guard()
    killed("it has claimed", lambda run: "it has claimed" in run.said)
    boots.ask("chick0", "/debian/pool/one.deb")
    killed("it fetches packages", lambda run: "it fetches packages" in run.said)
    installer.late()
    killed("it has finished", lambda run: "it starts from its own disk" in run.said)
    chick.run("nft delete table inet off; mv /etc/coop/order /etc/coop/made; mkfifo /etc/coop/order")
    killed("its key is pinned", lambda run: f"host_key: {chick.host_key}" in hosts.read_text())
    chick.run("mv /etc/coop/made /etc/coop/order")
    killed("its BMC is told to boot as usual", lambda run: "again, although it was told to do so once" in run.said)
    code, said = Typed(boots, "node.install", "chick0", typed="chick0\n").end()
    assert code == 0 and f"installed by order {order}" in said and len(points) == 12, said
    assert orders() == [order] and bmc.starts == ["Pxe"], "one order, started once"
    code, said = Typed(boots, "node.install", "chick0", "--reinstall", typed="").end()
    assert code == 1 and f"what order {order} has installed" in said and orders() == [order], said


def test_another_machines_bmc_is_refused_and_a_silent_one_leaves_it_to_a_person(boots):
    other = Bmc(boots.operator, "chick1", "idrac", "Off", uuid=f"{UUID}0")
    refuses = Bmc(boots.operator, "chick0", "ami", "Off", ("forgets",))
    in_files(boots.operator, chick1=other.entry(), chick0=refuses.entry())
    code, said = install(boots, "chick1").end()
    assert code == 2 and "chick1 is alive" in said and other.heard == [], "nothing is said to a BMC before all else speaks for it"
    code, said = install(boots, "chick1", "--reinstall").end()
    assert code == 2 and "it is of another machine" in said and "nothing was armed" in said, said
    assert other.changes == [] and not armed(boots, "10.0.0.101")
    run = install(boots, "chick0", "--reinstall")
    boots.until(lambda: "chick0 is armed all the same. Switch chick0 on now" in run.said, 120)
    assert "does not keep what it should boot from" in run.said and refuses.starts == [], "it would have booted its disk"
    run.process.kill()
    assert Typed(boots, "gateway.netboot", "--disarm", "chick0").end()[0] == 0
    in_files(boots.operator, password="wrong-password", chick0=refuses.entry())
    run = install(boots, "chick0", "--reinstall")
    boots.until(lambda: "Switch chick0 on now" in run.said, 60)
    assert "power    switch it on yourself: the BMC of chick0" in run.said and "refuses the user or the password" in run.said
    run.process.kill()


def test_no_secret_of_the_rack_is_served_written_or_shown_by_an_installation(boots):
    """From the typed name to the claim: what the machine fetches, rooster's files and logs, output and journal. (That no process has
    a BMC's password among its arguments: test_redfish.py, test_ipmi.py.)"""
    bmc = Bmc(boots.operator, "chick1", "supermicro", "Off", uuid=f"{UUID}1")
    in_files(boots.operator, chick1=bmc.entry())
    secrets = boots.operator.folder / "configs/secrets.yaml"
    secrets.write_text(secrets.read_text() + f"hub: {{proxy: {{secretToken: {HUB}}}}}\n")
    planted = (PASSWORD.split()[-1].strip("\\"), HUB, boots.swarm.key.read_text().splitlines()[1])
    assert all(one in secrets.read_text() for one in planted[:2])
    run = install(boots, "chick1", "--reinstall")
    boots.until(lambda: bmc.starts == ["Pxe"] or run.process.poll() is not None, 240)
    assert bmc.starts == ["Pxe"], run.said
    installer = Installer(boots, "chick1")
    served = [boots.boot("chick1", "bios")["settings"], *map(installer.fetched, ("preseed.cfg", "late", "guard"))]
    installer.early()
    served.append(installer.guard())
    boots.until(lambda: "it has claimed" in run.said, 120)
    run.process.kill()
    assert "is claimed" in served[-1] and all(served)
    journal = [path.read_text() for path in boots.operator.state.rglob("*") if path.is_file()]
    for one in planted:
        places = "/srv/coop /etc/coop /var/log /var/lib/coop /run/coop"
        held = boots.rooster.run(f"grep -rlF -D skip -e {one} {places} 2>/dev/null", check=False)
        assert not held, held
        assert not [text for text in (*served, *journal, run.said) if one in text], one
