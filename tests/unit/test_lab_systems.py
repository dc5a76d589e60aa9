"""The lab's emulated machines with a system: what QEMU is told is what the rack's files say; no emulator runs."""

from __future__ import annotations

import shlex

from fabfile.loading import load
from lab import emulated, rackfolder, systems
from lab.emulated import Emulated
from tests.unit.test_lab_machines import places, www  # noqa: F401  fixtures


def test_the_disks_of_the_rack_are_those_that_qemu_is_told_of(places, www):  # noqa: F811
    rackfolder.render(places, www)
    systems.write_rack(places)
    rack, hen = load(places.rack), systems.machines()[0]
    told = shlex.join(emulated.command(hen))
    disks = rack.machine("hen").disks
    assert len(disks) == systems.DATA + systems.LOG and told.count("scsi-hd,bus=shelf.0") == len(disks)
    for drive in hen.drives[1:]:
        assert f"/dev/disk/by-id/wwn-0x{drive.wwn}" in disks.values() and f"wwn=0x{drive.wwn}" in told and f"serial={drive.serial}" in told
    assert str(rack.machine("hen").address()) == systems.ADDRESSES["hen"]
    pool = rack.storage_classes.pools["nest"]
    assert [vdev.words[:2] for vdev in pool.layout] == [("raidz2", "front-0"), ("log", "mirror"), ("spare", "front-6")]


def test_a_machine_with_a_system_starts_from_the_kernel_in_its_folder():
    for machine in systems.machines():
        told = shlex.join(emulated.command(machine))
        assert f"-kernel {emulated.HERE}/vmlinuz" in told and "root=LABEL=root" in told
        assert Emulated.from_json(machine.to_json()) == machine
