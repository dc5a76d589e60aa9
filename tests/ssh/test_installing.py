"""node.install as its operator sees it, and rooster as it is meanwhile; the machine's installer is played by itself."""

from __future__ import annotations

import os
import re
import subprocess
import threading

import pytest
from boots import Boots
from installer import Installer
from toys import PROJECT

from fabfile.roles.netboot import IMAGES


@pytest.fixture
def boots(operate) -> Boots:
    return Boots(operate(chicks=2))


class Typed:
    """`inv node.install …` in a process of its own, with what is typed into it; None: nothing yet."""

    def __init__(self, boots: Boots, *words: str, typed: str | None = ""):
        environment = {**os.environ, "COOP_RACK": str(boots.operator.folder), "XDG_STATE_HOME": str(boots.operator.state)}
        self.process = subprocess.Popen([PROJECT / ".venv/bin/inv", *words], cwd=PROJECT, env=environment, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if typed is not None:
            self.process.stdin.write(typed)
            self.process.stdin.close()
        self.lines: list[str] = []
        self._reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True)
        self._reader.start()

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def end(self) -> tuple[int, str]:
        code = self.process.wait(timeout=120)
        self._reader.join(10)
        return code, self.said


def install(boots: Boots, machine: str, *words: str, typed: str | None = None) -> Typed:
    return Typed(boots, "node.install", machine, *words, typed=f"{machine}\n" if typed is None else typed)


def armed(boots: Boots, address: str) -> bool:
    return boots.rooster.run(f"test -e /srv/coop/boot/at/{address}/armed && echo yes", check=False) == "yes\n"


def test_from_an_order_to_a_pinned_key_and_killed_on_the_way(boots):
    hosts = boots.operator.folder / "hosts.yaml"
    before = hosts.read_text()
    key = boots.swarm.hosts["chick0"].host_key
    hosts.write_text(before.replace(f"    host_key: {key}\n", ""))

    code, said = install(boots, "chick0", typed="").end()
    assert code == 2 and "chick0 is alive: it answers by ssh, with a key that hosts.yaml does not have" in said
    code, said = install(boots, "chick0", "--reinstall", "--dry").end()
    assert code == 3 and "ata-DISK_S10\n           67108864 bytes, serial number S10" in said and not armed(boots, "10.0.0.100")
    for typed in ("", "yes\n", "chick1\n"):
        code, said = install(boots, "chick0", "--reinstall", typed=typed).end()
        assert code == 1 and "nothing was armed" in said and not armed(boots, "10.0.0.100")

    first = install(boots, "chick0", "--reinstall")
    boots.until(lambda: "Switch chick0 on now" in first.said, 60)
    assert armed(boots, "10.0.0.100") and not boots.boot("chick0", "bios")["local"]
    first.process.kill()
    first.end()
    (order,) = re.findall(r"order +([0-9a-f]{12});", first.said)

    installer = Installer(boots, "chick0")
    installer.early()
    assert f"order {order} is claimed, /tmp/made/dev/sda will be written" in installer.guard()
    assert boots.boot("chick0", "efi")["local"], "claimed: its next netboot boots its disk"
    second = install(boots, "chick0", typed="")  # the same command, and nothing is asked again
    boots.until(lambda: "it has claimed" in second.said, 60)
    assert "rooster lets nobody claim" not in second.said and "Type chick0" not in second.said
    installer.late()
    code, said = second.end()
    assert code == 0, said
    assert "its host key SHA256:" in said and "inv cluster.bootstrap" in said
    after = hosts.read_text()
    assert f"host_key: {key}" in after and sorted(after.splitlines()) == sorted(before.splitlines())
    code, said = install(boots, "chick0", typed="").end()
    assert code == 0 and "chick0 is installed" in said, "typed again, there is nothing to do"
    assert f"installed by order {order}" in said and "a new installation: --reinstall" in said
    code, said = install(boots, "chick0", "--reinstall", "--dry").end()
    assert code == 3 and "chick0 will be installed" in said and f"loses    what order {order} has installed" in said
    code, said = Typed(boots, "gateway.netboot").end()
    assert code == 0 and f"installed by order {order}" in said


def test_a_worker_is_not_added_while_there_is_no_cluster_although_its_control_plane_is_there(boots):
    hosts = boots.operator.folder / "hosts.yaml"
    hosts.write_text(hosts.read_text().replace(f"    host_key: {boots.swarm.hosts['chick1'].host_key}\n", ""))
    run = install(boots, "chick1", "--reinstall")
    boots.until(lambda: "Switch chick1 on now" in run.said or run.process.poll() is not None, 180)
    assert "Switch chick1 on now" in run.said, run.said
    installer = Installer(boots, "chick1")
    installer.early()
    installer.guard()
    installer.late()
    code, said = run.end()
    assert code == 0 and said.endswith("chick1 is installed. When the rack's other machines are, too: inv cluster.bootstrap\n"), said


def test_what_the_guard_refuses_is_told_and_a_new_order_takes_its_place(boots):
    run = install(boots, "chick1", "--reinstall")
    boots.until(lambda: "Switch chick1 on now" in run.said, 60)
    smaller = Installer(boots, "chick1", size=32 << 20)
    smaller.early()
    assert "ata-DISK_S11 has 33554432 bytes, and on file are 67108864" in smaller.guard()
    code, said = run.end()
    assert code == 1 and "refused, and wrote nothing: ata-DISK_S11 has 33554432 bytes" in said
    assert smaller.off and armed(boots, "10.0.0.101"), "not claimed"
    again = install(boots, "chick1", "--reinstall")
    boots.until(lambda: "Switch chick1 on now" in again.said, 60)
    assert "which it refused: ata-DISK_S11 has 33554432 bytes" in again.said
    code, said = Typed(boots, "gateway.netboot", "--disarm", "chick1").end()
    assert code == 0 and "chick1 is not armed any more" in said and boots.boot("chick1", "bios")["local"]
    code, said = again.end()
    assert code == 1 and "is withdrawn, unclaimed" in said


def test_it_is_not_armed_while_something_speaks_against_it(boots):
    foreign = boots.swarm.hosts["chick1"]
    foreign.run("dnsmasq --conf-file=/dev/null --port=0 --interface=enp1s0 --dhcp-range=10.0.0.50,10.0.0.60 --pid-file=/run/foreign.pid "
                ">/dev/null 2>&1 </dev/null")
    code, said = install(boots, "chick0", "--reinstall").end()
    assert code == 2 and f"another DHCP server is on rooster's inner port: 10.0.0.101 ({boots.swarm.mac('chick1')})" in said, said
    foreign.run("kill $(cat /run/foreign.pid)")
    boots.rooster.run(f"echo '6.12.9+deb13-amd64 (debian-kernel@x)' >{IMAGES}/linux")
    code, said = install(boots, "chick1", "--reinstall").end()
    assert code == 2 and "has kernel 6.12.9+deb13-amd64, and the mirror has components for 6.12.1+deb13-amd64" in said
    assert "the cluster cannot be asked" not in said, "chick0 holds no cluster"
    for words, why in ((("rooster",), "rooster is "), (("chick0", "--wipe", "ata-OTHER"), "does not write /dev/disk/by-id/ata-OTHER")):
        code, said = install(boots, *words).end()
        assert code == 2 and why in said
    for address in ("10.0.0.100", "10.0.0.101"):
        assert not armed(boots, address)
