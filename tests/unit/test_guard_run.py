"""The guard before an installer's first write, run by this computer's own shell: over a /dev and a /sys that are made for it,
with programs beside it that say what udev, LVM and rooster would say. Nothing is claimed unless everything is as on file."""

import random
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fabfile.facts.drift import changes, compare
from fabfile.facts.inventory import parse, question
from fabfile.loading import load
from fabfile.programs import shell
from fabfile.rack.editing import edited
from fabfile.resources.installation import guard
from fabfile.resources.order import Order
from tests.pages import PROJECT

MB = 1 << 20
UUID = "4c4c4544-0042-3510-8056-b4c04f4e3732"
# what is asked of udev and LVM lies in files; what is told to the kernel, the installer and rooster is written down
PROGRAMS = {
    "udevadm": 'for last; do :; done; name=${last##*/}; cat "$TABLE/$name" 2>/dev/null; :',
    "pvs": 'cat "$TABLE/pvs"',
    "blockdev": 'case $1 in --setro) [ -e "$TABLE/writable-${2##*/}" ] || : >"$TABLE/ro-${2##*/}" ;;\n'
                '--getro) if [ -e "$TABLE/ro-${2##*/}" ]; then echo 1; else echo 0; fi ;; esac\necho "blockdev $*" >>"$TABLE/done"',
    "debconf-set": 'echo "debconf-set $*" >>"$TABLE/done"',
    "poweroff": 'echo "poweroff $*" >>"$TABLE/done"; kill $PPID',
    "sync": ":", "sleep": ":",
    "wget": 'for word; do case $word in --body-file=*) cat "${word#*=}" >>"$TABLE/told" ;; esac; done\n'
            'echo "wget $*" >>"$TABLE/done"\ncase "$*" in *MOVE*) [ ! -e "$TABLE/claimed" ] || exit 8; : >"$TABLE/claimed" ;; esac',
}


@dataclass
class Disk:
    """One disk of the machine; `parts`: what udev says of each partition."""

    name: str
    serial: str
    size: int = 64 * MB
    ids: tuple[str, ...] = ()
    removable: int = 0
    ro: int = 0
    about: dict = field(default_factory=dict)
    parts: tuple[dict, ...] = ()  # and its `bytes`
    bytes: bytes = b""


SYSTEM = Disk("sda", "S1", ids=("ata-A_S1",))
OTHER = Disk("sdb", "S2", ids=("ata-B_S2",), about={"ID_PART_TABLE_TYPE": "gpt"}, parts=({"ID_FS_TYPE": "zfs_member"},))
GIVEN = {"order": "0123456789ab", "machine": "chick1", "rooster": "10.0.0.1:8080", "serial": "", "uuid": UUID, "firmware": "bios",
         "disks": f"ata-A_S1 {64 * MB} S1", "writes": "named", "wipe": "", "former": "", "frozen": "", "consent": "", "layout": "plain"}


class Bench:
    """A machine on which the guard runs, and what it did there."""

    def __init__(self, folder: Path, *disks: Disk, uuid: str = UUID.upper(), serial: str = "SN1", efi: bool = False):
        self.dev, self.sys, self.table, self.bin = (folder / name for name in ("dev", "sys", "table", "bin"))
        for place in (self.dev / "disk/by-id", self.sys / "class/block", self.sys / "class/dmi/id", self.table, self.bin):
            place.mkdir(parents=True)
        for name, text in PROGRAMS.items():
            (self.bin / name).write_text(f"#!/bin/sh\n{text}\n")
            (self.bin / name).chmod(0o755)
        (self.sys / "class/dmi/id/product_uuid").write_text(f"{uuid}\n")
        (self.sys / "class/dmi/id/product_serial").write_text(f"{serial}\n")
        if efi:
            (self.sys / "firmware/efi").mkdir(parents=True)
        for disk in disks:
            self._plug(disk)

    def _plug(self, disk: Disk) -> None:
        self._block(disk.name, {"ID_SERIAL_SHORT": disk.serial, **disk.about}, disk.bytes)
        block = self.sys / "class/block" / disk.name
        (block / "device").mkdir(parents=True)
        for name, value in (("size", disk.size // 512), ("removable", disk.removable), ("ro", disk.ro)):
            (block / name).write_text(f"{value}\n")
        for one in disk.ids:
            (self.dev / "disk/by-id" / one).symlink_to(self.dev / disk.name)
        for number, about in enumerate(disk.parts, 1):
            part = f"{disk.name}{number}"
            self._block(part, {key: value for key, value in about.items() if key != "bytes"}, about.get("bytes", b""))
            (block / part).mkdir()
            (block / part / "partition").write_text(f"{number}\n")
            (self.sys / "class/block" / part).mkdir()
            (self.sys / "class/block" / part / "partition").write_text(f"{number}\n")

    def _block(self, name: str, about: dict, content: bytes) -> None:
        (self.dev / name).write_bytes(content)
        (self.table / name).write_text("".join(f"{key}={value}\n" for key, value in about.items()))

    def guard(self, **given: str) -> str:
        """What it said; `given` in place of what is on file."""
        return self.run(shell("disks", "guard", "claim", "installer", **GIVEN | given, dev=str(self.dev), sys=str(self.sys)))

    def run(self, text: str) -> str:
        """What a text said there."""
        done = subprocess.run(["dash", "-c", text], env={"PATH": f"{self.bin}:/usr/bin:/bin", "TABLE": str(self.table)},
                              capture_output=True, text=True, timeout=30)
        self.code = done.returncode
        assert not done.stderr, done.stderr
        return done.stdout

    def acts(self, word: str) -> list[str]:
        file = self.table / "done"
        return [line for line in file.read_text().splitlines() if line.startswith(word)] if file.exists() else []

    @property
    def claimed(self) -> bool:
        return (self.table / "claimed").exists()


def test_all_as_on_file_is_claimed_once_and_named_to_the_installer(tmp_path):
    bench = Bench(tmp_path, SYSTEM, OTHER)
    said = bench.guard()
    assert bench.claimed and bench.code == 0 and "is claimed" in said
    assert bench.acts("debconf-set") == [f"debconf-set {question} {bench.dev}/sda" for question in (
        "partman-auto/disk", "grub-installer/bootdev")]
    (move,) = [line for line in bench.acts("wget") if "MOVE" in line]
    assert "Destination: http://10.0.0.1:8080/claimed-0123456789ab/" in move and "Overwrite: F" in move
    assert not bench.acts("poweroff")


def test_what_a_scan_has_recorded_is_what_the_guard_finds(tmp_path):
    """The text is the one that rooster serves, made of a hosts.yaml that the scan wrote."""
    bench = Bench(tmp_path / "machine", SYSTEM, OTHER, efi=True)
    shutil.copytree(PROJECT / "configs", tmp_path / "configs")
    hosts, at = tmp_path / "hosts.yaml", "    bmc: 192.168.0.101\n"
    hosts.write_text((PROJECT / "hosts.yaml").read_text().replace(at, f"{at}    disks: {{system: /dev/disk/by-id/ata-A_S1}}\n"))
    seen = parse(bench.run(question(str(bench.dev), str(bench.sys))))
    hosts.write_text(edited(hosts.read_text(), changes("chick1", compare(load(tmp_path).machine("chick1"), seen))))
    rack = load(tmp_path)
    known = rack.machine("chick1").hardware
    assert (known.serial, known.uuid, known.firmware) == ("SN1", UUID, "uefi")
    order = Order("0123456789ab", "chick1", disks=("/dev/disk/by-id/ata-A_S1",))
    text = guard(rack, rack.machine("chick1"), order, dev=str(bench.dev), sys=str(bench.sys))
    assert "is claimed" in bench.run(text) and bench.claimed


def test_every_other_disk_is_read_only_before_the_claim(tmp_path):
    bench = Bench(tmp_path, SYSTEM, OTHER, Disk("nvme0n1", "S3"))
    bench.guard()
    done = [line for line in bench.acts("") if "setro" in line or "MOVE" in line]
    assert [line.split("/")[-1] for line in done[:-1]] == ["nvme0n1", "sdb", "sdb1"] and "MOVE" in done[-1]


def test_a_disk_that_stays_writable_is_refused(tmp_path):
    bench = Bench(tmp_path, SYSTEM, OTHER)
    (bench.table / "writable-sdb1").touch()
    assert "sdb1 cannot be made read-only" in bench.guard() and not bench.claimed


def test_a_second_claim_is_refused_and_no_disk_is_named(tmp_path):
    bench = Bench(tmp_path, SYSTEM)
    (bench.table / "claimed").touch()
    assert "rooster lets nobody claim order" in bench.guard()
    assert not bench.acts("debconf-set") and bench.acts("poweroff") == ["poweroff -f"]


@pytest.mark.parametrize("start", range(20))
def test_whatever_the_disks_are_called_at_a_start_the_order_s_is_written_and_no_other(tmp_path, start):
    """Five disks, of which four hold something; each start gives them other names, and another one is the order's."""
    seeded = random.Random(start)
    names = seeded.sample(["sda", "sdb", "sdc", "sdd", "sde", "nvme0n1", "nvme1n1", "vda"], 5)
    wanted = f"S{seeded.randrange(5)}"
    canaries = {f"S{number}": seeded.randbytes(MB) for number in range(5)}
    held = {serial: {"ID_FS_TYPE": seeded.choice(["ext4", "zfs_member", "LVM2_member"]), "bytes": canaries[serial]} for serial in canaries}
    disks = [Disk(name, serial, ids=(f"ata-{serial}", f"wwn-{serial}"), bytes=b"" if serial == wanted else canaries[serial],
                  parts=() if serial == wanted else (held[serial],)) for name, serial in zip(names, canaries, strict=True)]
    bench = Bench(tmp_path, *seeded.sample(disks, 5))
    assert "is claimed" in bench.guard(disks=f"ata-{wanted} {64 * MB} {wanted}")
    (name,) = [disk.name for disk in disks if disk.serial == wanted]
    named = bench.acts("debconf-set")[0].split()
    assert named == ["debconf-set", "partman-auto/disk", f"{bench.dev}/{name}"] and not (bench.table / f"ro-{name}").exists()
    Path(named[2]).write_bytes(b"partitioned")
    for disk in disks:
        if disk.serial != wanted:
            for block in (disk.name, f"{disk.name}1"):
                assert (bench.table / f"ro-{block}").exists() and (bench.dev / block).read_bytes() == canaries[disk.serial]


LVM = {"ID_FS_TYPE": "LVM2_member", "ID_FS_UUID": "pv"}
RAID = {"ID_FS_TYPE": "linux_raid_member", "ID_FS_UUID": "array-1"}


def with_parts(*parts: dict, **more) -> Disk:
    return Disk("sda", "S1", ids=("ata-A_S1",), about={"ID_PART_TABLE_TYPE": "gpt"}, parts=parts, **more)


@pytest.mark.parametrize("disks, given, why", [
    ([OTHER], {}, "there is no disk ata-A_S1"),
    ([SYSTEM, Disk("sdc", "S1")], {}, "several disks call themselves S1: sda sdc"),
    ([SYSTEM], {"disks": f"ata-A_S1 {128 * MB} S1"}, f"ata-A_S1 has {64 * MB} bytes, and on file are {128 * MB}"),
    ([SYSTEM], {"disks": f"ata-A_S1 {64 * MB} S9"}, "the serial number of ata-A_S1 is 'S1', and on file is 'S9'"),
    ([Disk("sda", "S1", ids=("ata-A_S1",), removable=1)], {}, "ata-A_S1 is a removable disk"),
    ([Disk("sda", "S1", ids=("ata-A_S1",), ro=1)], {}, "ata-A_S1 is read-only"),
    ([Disk("sda", "S1", ids=("ata-A_S1", "wwn-1"))], {"disks": f"ata-A_S1 {64 * MB} S1\nwwn-1 {64 * MB} S1"}, "names twice"),
    ([SYSTEM], {"uuid": UUID.replace("4c", "5c")}, "this machine's UUID is '4c4c"),
    ([SYSTEM], {"serial": "SN2"}, "this machine's serial number is 'SN1', and chick1's on file is 'SN2'"),
    ([SYSTEM], {"uuid": "", "serial": ""}, "neither UUID nor serial number of chick1 is on file"),
    ([SYSTEM], {"firmware": "uefi"}, "came up by bios"),
    ([SYSTEM], {"disks": ""}, "no disk of chick1 is on file"),
    ([Disk("sda", "S1", ids=("ata-A_S1",), about={"ID_FS_TYPE": "zfs_member"})], {}, "it holds zfs_member. Whoever is sure"),
    ([with_parts({"ID_FS_TYPE": "zfs_member"})], {"former": "yes"}, "it holds gpt zfs_member"),
    ([with_parts({"ID_FS_TYPE": "ext4"})], {}, "it holds gpt ext4"),
    ([with_parts({"ID_FS_TYPE": "ceph_bluestore"})], {"former": "yes", "wipe": "ata-B_S2"}, "it holds gpt ceph_bluestore"),
    ([Disk("sda", "S1", ids=("ata-A_S1",), bytes=b"\0" * 9000 + b"what is this")], {"former": "yes"}, "it holds unknown"),
    ([with_parts({"ID_FS_TYPE": "ext4"}, {"bytes": b"\0" * 9000 + b"a database"})], {"former": "yes"}, "it holds gpt ext4 unknown"),
    ([with_parts(RAID), Disk("sdb", "S2", parts=(RAID,))], {"wipe": "ata-A_S1"}, "belongs to a RAID with sdb"),
    ([with_parts({"ID_FS_TYPE": "linux_raid_member"})], {"wipe": "ata-A_S1"}, "a RAID that does not say its name"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_it_refuses_reports_and_switches_off(tmp_path, disks, given, why):
    bench = Bench(tmp_path, *disks)
    assert why in bench.guard(**given)
    assert not bench.claimed and not bench.acts("debconf-set") and not bench.acts("blockdev --setro")
    assert bench.acts("poweroff") == ["poweroff -f"]
    assert why in (bench.table / "told").read_text()


@pytest.mark.parametrize("pvs, why", [
    ("  data {dev}/sda1\n  data {dev}/sdb1\n", "belongs to the LVM group data with {dev}/sdb1"),
    ("  data {dev}/sda1\n  data [unknown]\n", "belongs to the LVM group data with [unknown]"),
    ("  data {dev}/sdb1\n", "belongs to LVM, and pvs does not name it"),
])
def test_lvm_across_other_disks_is_refused_whatever_was_said(tmp_path, pvs, why):
    bench = Bench(tmp_path, with_parts(LVM), Disk("sdb", "S2", parts=(LVM,)))
    (bench.table / "pvs").write_text(pvs.format(dev=bench.dev))
    assert why.format(dev=bench.dev) in bench.guard(wipe="ata-A_S1", former="yes") and not bench.claimed


def test_lvm_that_cannot_be_asked_is_refused(tmp_path):
    bench = Bench(tmp_path, with_parts(LVM))
    assert "pvs does not say to which group" in bench.guard(wipe="ata-A_S1") and not bench.claimed


def test_a_partition_is_no_disk(tmp_path):
    bench = Bench(tmp_path, Disk("sda", "S1", parts=({"ID_SERIAL_SHORT": "S1"},)))
    (bench.dev / "disk/by-id/ata-A_S1").symlink_to(bench.dev / "sda1")
    assert "ata-A_S1 is no whole disk" in bench.guard() and not bench.claimed


def test_a_disk_in_use_is_refused(tmp_path):
    bench = Bench(tmp_path, SYSTEM)
    (bench.sys / "class/block/sda/holders/dm-0").mkdir(parents=True)
    assert "ata-A_S1 is in use, by dm-0" in bench.guard(wipe="ata-A_S1", former="yes") and not bench.claimed


def test_lvm_and_raid_on_named_disks_alone_may_go_when_it_was_said(tmp_path):
    second = Disk("sdb", "S2", ids=("ata-B_S2",), about={"ID_PART_TABLE_TYPE": "gpt"}, parts=(RAID,))
    bench = Bench(tmp_path, with_parts(RAID, LVM), second)
    (bench.table / "pvs").write_text(f"  data {bench.dev}/sda2\n")
    both = f"ata-A_S1 {64 * MB} S1\nata-B_S2 {64 * MB} S2"
    bench.guard(disks=both, former="yes", layout="mirror")
    assert bench.claimed
    assert bench.acts("debconf-set")[0] == f"debconf-set partman-auto/disk {bench.dev}/sda {bench.dev}/sdb"
    assert bench.acts("debconf-set")[2] == f"debconf-set partman-auto-raid/recipe 1 2 0 ext4 / {bench.dev}/sda3#{bench.dev}/sdb3 ."


@pytest.mark.parametrize("kind", ["21686148-6449-6e6f-744e-656564454649", "0xf"])
def test_partitions_without_a_file_system_go_with_a_former_system_when_they_are_empty_or_grub_s(tmp_path, kind):
    bench = Bench(tmp_path, with_parts({"ID_PART_ENTRY_TYPE": kind, "bytes": b"GRUB"}, {"ID_FS_TYPE": "ext4"}, {"bytes": b"\0" * MB}))
    assert "is claimed" in bench.guard(former="yes") and bench.claimed


def test_wipe_names_what_may_go(tmp_path):
    bench = Bench(tmp_path, with_parts({"ID_FS_TYPE": "zfs_member"}, {"bytes": b"a database"}))
    bench.guard(wipe="ata-A_S1")
    assert bench.claimed


def test_it_tells_everything_that_it_saw(tmp_path):
    bench = Bench(tmp_path, SYSTEM, OTHER, efi=True)
    bench.guard(disks="")
    told = (bench.table / "told").read_text().splitlines()
    assert told[:5] == ["serial SN1", f"uuid {UUID}", "firmware uefi",
                        f"disk sda size={64 * MB} serial=S1 holds=nothing ids=ata-A_S1",
                        f"disk sdb size={64 * MB} serial=S2 holds=gpt zfs_member ids=ata-B_S2"]
