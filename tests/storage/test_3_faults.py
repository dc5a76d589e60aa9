"""What breaks: a disk that is pulled, silent rot, and the power."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from mail_relay import RELAY

from lab.emulated import CONTROL, image
from lab.monitor import tell

MIB, SECTOR = 1 << 20, 4096
MARK = b"a file that rots"
CUTS = int(os.environ.get("COOP_CUTS", "1"))  # of the power; 20 take as many minutes and more


def rot(rack, disks: Iterable[int], places: Callable[[BinaryIO], Iterable[int]]) -> str:
    """Other content at these places of some disks, while the pool is exported; then a scrub. What the pool's state is after it."""
    rack.ask("hen", "systemctl stop nfs-server; sync; zpool export nest")  # who serves files keeps them open for a while
    for number in disks:
        with (rack.lab.places.machine("hen") / image(number)).open("r+b") as disk:
            for place in [*places(disk)]:
                disk.seek(place)
                disk.write(b"rot" * 1000)
    rack.ask("hen", "echo 3 >/proc/sys/vm/drop_caches; zpool import -d /dev/disk/by-id nest; systemctl start nfs-server; "
             "zpool scrub -w nest; systemctl start coop-homes.service || :")  # which failed while the pool was away
    return rack.ask("hen", "zpool status -v nest")


def anywhere(disk: BinaryIO) -> Iterator[int]:
    """Wherever something is, past the labels at both ends."""
    for place in range(8 * MIB, disk.seek(0, os.SEEK_END) - 8 * MIB, MIB // 4):
        disk.seek(place)
        if disk.read(4096).strip(b"\0"):
            yield place


def marked(disk: BinaryIO) -> Iterator[int]:
    """Where a sector begins with MARK."""
    size = disk.seek(0, os.SEEK_END)
    for start in range(8 * MIB, size - 8 * MIB, MIB):
        disk.seek(start)
        piece = disk.read(MIB)
        if MARK in piece:
            yield from (start + place for place in range(0, MIB, SECTOR) if piece.startswith(MARK, place))


def test_rot_on_one_disk_is_repaired(rack):
    rack.ask("hen", "dd if=/dev/urandom of=/nest/homes/sums bs=1M count=48 status=none; sync; sha256sum /nest/homes/sums >/root/sums")
    status = rot(rack, [1], anywhere)
    assert "repaired" in status and "with 0 errors" in status and "repaired 0B" not in status, status
    rack.ask("hen", "sha256sum -c --quiet /root/sums; zpool clear nest")


def test_a_file_that_rots_on_more_disks_than_the_parity_is_named_and_its_earlier_version_comes_back(rack):
    home = "/nest/homes/hub/user2"
    rack.ask("hen", f"[ -d {home} ]; echo earlier >{home}/precious; sync; zfs snapshot nest/homes@earlier")
    content = b"".join(MARK + os.urandom(SECTOR - len(MARK)) for _ in range(4 * MIB // SECTOR))
    subprocess.run([*rack.ssh("hen"), "sudo", "tee", f"{home}/precious"], input=content, stdout=subprocess.DEVNULL, check=True)
    status = rot(rack, range(1, 7), marked)
    print(status)
    assert f"{home}/precious" in status and rack.at("hen", f"cat {home}/precious >/dev/null").code != 0
    told = rack.inv("storage.status")
    assert told.code == 3 and re.search(r"\d+ files? in pool nest cannot be read", told.said), told.said  # in sanoid's snapshots, too
    assert f"{home}/precious" in told.said and "inv storage.restore hub/user2 precious" in " ".join(told.said.split()), told.said
    done = rack.inv("storage.restore", "hub/user2", "precious", "--at", "earlier")
    assert done.code == 0 and rack.ask("hen", f"cat {home}/precious.*") == "earlier", done.said
    rack.ask("hen", f"rm {home}/precious*; zfs destroy nest/homes@earlier; "
             "zpool status -v nest | sed -n 's/^ *\\(nest.homes@[^:]*\\):.*/\\1/p' | sort -u | xargs -r -n 1 zfs destroy; "
             "zpool scrub -w nest; zpool clear nest; zpool scrub -w nest; sha256sum -c --quiet /root/sums")
    assert rack.inv("storage.status").code == 0


def test_a_disk_that_is_pulled_is_told_and_the_spare_takes_its_place(rack, writer):
    assert rack.inv("storage.status").code == 0
    rack.ask("chick3", RELAY)
    rack.ask("hen", "cp -p /etc/msmtprc /root/msmtprc; sed -i 's/^host .*/host 10.0.0.103\\nport 2525/' /etc/msmtprc")
    try:
        blocks = writer("/mnt/homes/pulled", 0.1)
        tell(rack.lab.places.machine("hen") / CONTROL, "device_del", id="disk3")
        pulled, last = time.monotonic(), blocks.last
        seconds = rack.until("hen", "zpool status nest | grep INUSE || { zpool status -P nest; exit 1; }", 240)
        print(f"the spare was in its place after {seconds:.0f} s")
        blocks.until(last + 20)  # it goes on: none of its writes failed
        blocks.end()
        rack.until("chick3", "grep 'ZFS device fault for pool nest' /root/mail", 240)
        print(f"mail about it was there after {time.monotonic() - pulled:.0f} s")
    finally:
        rack.ask("hen", "mv /root/msmtprc /etc/msmtprc")
    state = re.search(r"^ *state: (\w+)$", rack.ask("chick3", "cat /root/mail"), re.MULTILINE)
    assert state and state[1] in ("REMOVED", "UNAVAIL", "FAULTED"), state
    status = rack.inv("storage.status")
    assert status.code == 3 and "pool nest is DEGRADED" in status.said and "front-2" in status.said, status.said
    assert rack.ask("hen", "sha256sum -c --quiet /root/sums && echo whole") == "whole"


def test_the_disk_is_replaced_by_one_that_is_empty_and_the_spare_is_back(rack):
    new = rack.lab.emulated["hen"].drives[8].id  # front-7, which is in no pool
    rack.change("hosts.yaml", f"      front-7: /dev/disk/by-id/{new}\n", "")
    for bay, why in (("front-3", "is in the pool already"), ("front-9", "no pool of configs/storage.yaml has a disk")):
        refused = rack.inv("storage.replace", bay, typed=f"{bay}\n")
        assert refused.code == 2 and why in refused.said, refused.said
    rack.change("hosts.yaml", f"front-2: /dev/disk/by-id/{rack.lab.emulated['hen'].drives[3].id}", f"front-2: /dev/disk/by-id/{new}")
    refused = rack.inv("storage.replace", "front-2", typed="yes\n")
    assert refused.code == 1 and "nothing was replaced" in refused.said, refused.said
    done = rack.inv("storage.replace", "front-2", typed="front-2\n")
    assert done.code == 0 and "no spare is in use" in done.said, done.said
    print(f"the disk was replaced in {done.seconds:.0f} s")
    again = rack.inv("storage.replace", "front-2", typed="front-2\n")
    assert again.code == 2 and "is in the pool already, and ONLINE" in again.said, again.said
    status = rack.ask("hen", "zpool status -P nest")
    assert f"{new}-part1" in status and "AVAIL" in status and "INUSE" not in status, status
    assert rack.inv("storage.status").code == 0
    assert rack.ask("hen", "sha256sum -c --quiet /root/sums && echo whole") == "whole"


def cut(rack, writer, name: str) -> tuple[int, int]:
    """The power of the file server is cut under a writer: how many blocks it was told to be on disk, and how many are there after the
    boot, without a gap. The writer goes on by itself afterwards, or the test fails."""
    blocks = writer(f"/mnt/homes/{name}")
    time.sleep(20)
    rack.lab.off("hen")
    time.sleep(5)  # what was acknowledged before has been read by then
    acknowledged = blocks.last + 1
    assert acknowledged > 10
    rack.on("hen")
    rack.until("hen", "mountpoint -q /nest/homes", 240)
    print(rack.ask("hen", "systemd-analyze | head -n 1 || :"))
    there = int(rack.ask("hen", f"tr -d ' \\0' </nest/homes/{name} | awk '$1 != NR - 1 {{ exit }} {{ n = NR }} END {{ print n + 0 }}'"))
    blocks.until(acknowledged)
    blocks.end()
    return acknowledged, there


def test_no_acknowledged_block_is_lost_by_power_cuts(rack, writer):
    for number in range(CUTS):
        acknowledged, there = cut(rack, writer, f"blocks{number}")
        print(f"cut {number + 1}: {acknowledged} blocks were acknowledged, {there} are there")
        assert there >= acknowledged


def test_an_export_that_is_not_written_through_loses_some(rack, writer):
    """Without which the test before would show nothing."""
    rack.ask("hen", "options=$(sed -n 's/^.nest.homes 10.0.0.103(\\(.*\\))$/\\1/p' /etc/exports.d/coop.exports | sed 's/,sync,/,async,/'); "
             'exportfs -i -o "$options" 10.0.0.103:/nest/homes; exportfs -s | grep -w async')
    acknowledged, there = cut(rack, writer, "async")
    print(f"with async: {acknowledged} blocks were acknowledged, {there} are there")
    assert there < acknowledged
    assert "async" not in rack.ask("hen", "exportfs -s")
