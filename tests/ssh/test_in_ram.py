"""Machines that are off, as their operator has them looked at, rescued, emptied and put to work; the environment is played."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import yaml
from boots import Boots
from environment import Environment
from test_installing import Typed, armed

from fabfile.roles import environment

ADDRESS = "10.0.0.101"
SILENT_SSHD = "add table inet off; add chain inet off in { type filter hook input priority 0; }; " \
    "add rule inet off in tcp dport 22 reject with tcp reset"


@pytest.fixture
def boots(operate) -> Boots:
    """chick1 is off, as far as ssh can tell."""
    boots = Boots(operate(chicks=2))
    boots.swarm.hosts["chick1"].run(f"nft '{SILENT_SSHD}'")
    return boots


def built(boots: Boots) -> None:
    boots.rooster.run(f"mkdir -p {environment.place()}; cd {environment.place()}; echo '6.12.1+deb13-amd64' >linux; echo ram >initrd")


def started(boots: Boots, *words: str, typed: str = "") -> tuple[Typed, Environment]:
    run = Typed(boots, *words, typed=typed)
    boots.until(lambda: "Switch chick1 on now" in run.said, 60)
    return run, Environment(boots, "chick1")


def test_a_machine_that_is_off_is_looked_at_and_recorded(boots):
    hosts = boots.operator.folder / "hosts.yaml"
    code, said = Typed(boots, "rack.scan", "chick1", "--netboot").end()
    assert code == 1 and "on rooster: inv image.build" in said and not armed(boots, ADDRESS), said
    built(boots)
    code, said = Typed(boots, "rack.scan", "chick0", "--netboot").end()
    assert code == 2 and "chick0 is alive: it answers by ssh. Switch it off first: inv node.power chick0 off" in said

    lines = yaml.safe_load(hosts.read_text())
    del lines["machines"]["chick1"]["hardware"]
    hosts.write_text(yaml.safe_dump(lines))
    run, ram = started(boots, "rack.scan", "chick1", "--netboot")
    for kind in ("bios", "efi", "http"):
        found = boots.boot("chick1", kind)
        assert (found["kernel"], found["initrd"], found["preseed"]) == ("6.12.1+deb13-amd64\n", "ram\n", None)
        assert f"coop.rooster=10.0.0.1:8080 coop.mac={boots.swarm.mac('chick1')} coop.machine=chick1" in found["settings"]
    assert "is claimed, nothing will be written" in ram.run() and ram.off
    code, said = run.end()
    assert code == 0 and "hosts.yaml has it now" in said, said
    disks = yaml.safe_load(hosts.read_text())["machines"]["chick1"]["hardware"]["disks"]
    assert disks["/dev/disk/by-id/ata-DISK_S11"]["serial"] == "S11" and "/dev/disk/by-id/ata-OTHER" in disks
    assert boots.boot("chick1", "bios")["local"] and ram.holds("sda")
    assert ram.host.run("ls /tmp/ro-*").split() == ["/tmp/ro-sda", "/tmp/ro-sda1", "/tmp/ro-sdb"]


def test_a_rescue_shows_the_reported_key_and_writes_only_when_it_was_typed(boots):
    built(boots)
    run, ram = started(boots, "node.rescue", "chick1")
    ram.run()
    code, said = run.end()
    key = ram.host.run("cut -d ' ' -f 1,2 /tmp/run/host_key.pub").strip()
    assert code == 0 and not ram.off and "ro-sda" in ram.host.run("ls /tmp"), said
    (config,) = [line.split()[2] for line in said.splitlines() if line.startswith("  ssh -F")]
    assert f"chick1 {key}\n" in (boots.operator.state / f"coop/{boots.operator.rack.name}/rescue-chick1.known_hosts").read_text()
    assert "HostKeyAlias chick1" in Path(config).read_text() and key.split()[1] not in (boots.operator.folder / "hosts.yaml").read_text()

    code, said = Typed(boots, "node.rescue", "chick1", "--write", typed="yes\n").end()
    assert code == 1 and "nothing was armed" in said and not armed(boots, ADDRESS)
    run, ram = started(boots, "node.rescue", "chick1", "--write", typed="chick1\n")
    ram.run()
    code, said = run.end()
    assert code == 0 and "its disks writable" in said and "ro-" not in ram.host.run("ls /tmp")


def test_disks_are_emptied_when_somebody_agreed_to_what_lies_there(boots):
    built(boots)
    code, said = Typed(boots, "node.wipe", "chick1", "--disks", "ata-OTHER").end()
    assert code == 2 and "ata-OTHER is not on file; chick1 has /dev/disk/by-id/ata-DISK_S11" in said

    for typed, agreed in (("no\n", False), ("chick1\n", True)):
        run, ram = started(boots, "node.wipe", "chick1", "--disks", "ata-DISK_S11", typed=typed)
        said: list[str] = []
        job = threading.Thread(target=lambda ram=ram, said=said: said.append(ram.run()))
        job.start()
        code, told = run.end()
        job.join(60)
        assert "sda, 67108864 bytes, serial number S11: ext4\n  sdb, 67108864 bytes, serial number OTHER: zfs_member" in told
        assert ram.holds("sdb") and ram.off and not armed(boots, ADDRESS)
        if agreed:
            assert code == 0 and "sda S11: zeros; 67108864 bytes, read as zeros at 20 places" in told and not ram.holds("sda"), told
        else:
            assert code == 1 and "nothing was written" in told and ram.holds("sda"), told
            assert "was withdrawn" in said[0]


def test_what_one_disk_s_order_shows_is_not_agreed_to_for_another(boots):
    built(boots)
    hosts = boots.operator.folder / "hosts.yaml"
    hosts.write_text(hosts.read_text().replace("serial: S11}}", "serial: S11}, /dev/disk/by-id/ata-OTHER: {size: 512, serial: OTHER}}"))
    run, _ = started(boots, "node.wipe", "chick1", "--disks", "ata-DISK_S11")
    run.process.kill()
    run.end()
    code, said = Typed(boots, "node.wipe", "chick1", "--disks", "ata-OTHER", typed="chick1\n").end()
    assert code == 2 and "which writes /dev/disk/by-id/ata-DISK_S11: inv gateway.netboot --disarm chick1, then again" in said, said
    assert armed(boots, ADDRESS) and not boots.rooster.run(f"ls /srv/coop/boot/at/{ADDRESS}/armed/http | grep consent", check=False)


def test_hours_of_work_end_with_what_got_worse(boots):
    built(boots)
    run, ram = started(boots, "node.burn-in", "chick1", "--hours", "1")
    run.process.kill()
    run.end()
    ram.run()
    code, said = Typed(boots, "node.burn-in", "chick1").end()
    assert code == 1 and "passed  processors" in said and "failed  SMART, sda S11: media errors 0 → 3" in said, said
    assert ram.holds("sda") and ram.off
    code, said = Typed(boots, "node.burn-in", "chick1", "--dry").end()
    assert code == 3 and "chick1 will be put to work" in said, "its result was shown"
