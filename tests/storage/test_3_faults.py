"""What breaks: a disk that is pulled, silent rot, and the power."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from lab.emulated import CONTROL, image
from lab.monitor import tell
from lab.systems import wait

MIB = 1 << 20


def until(rack, script: str, limit: float) -> float:
    """Seconds until a script of the file server's ends well."""
    began = time.monotonic()
    while rack.at("hen", script).code:
        assert time.monotonic() - began < limit, rack.ask("hen", "zpool status -P nest")
        time.sleep(1)
    return time.monotonic() - began


def test_rot_on_one_disk_is_repaired(rack):
    rack.ask("hen", "dd if=/dev/urandom of=/nest/homes/sums bs=1M count=48 status=none; sync; sha256sum /nest/homes/sums >/root/sums")
    rack.ask("hen", "zpool export nest")
    rotten = Path(rack.lab.places.machine("hen") / image(1))
    with rotten.open("r+b") as disk:  # wherever something is, past the labels at both ends
        for place in range(8 * MIB, rotten.stat().st_size - 8 * MIB, MIB // 4):
            disk.seek(place)
            if disk.read(4096).strip(b"\0"):
                disk.seek(place)
                disk.write(b"rot" * 1000)
    rack.ask("hen", "echo 3 >/proc/sys/vm/drop_caches; zpool import -d /dev/disk/by-id nest; exportfs -ra; zpool scrub -w nest; "
             "systemctl start coop-homes.service || :")  # which failed while the pool was away
    status = rack.ask("hen", "zpool status nest")
    assert "repaired" in status and "with 0 errors" in status and "repaired 0B" not in status, status
    rack.ask("hen", "sha256sum -c --quiet /root/sums; zpool clear nest")


def test_a_disk_that_is_pulled_is_told_and_the_spare_takes_its_place(rack):
    assert rack.inv("storage.status").code == 0
    tell(rack.lab.places.machine("hen") / CONTROL, "device_del", id="disk3")
    seconds = until(rack, "dd if=/dev/urandom of=/nest/homes/pulled bs=1M count=4 conv=fsync status=none; "
                    "zpool status nest | grep -q INUSE", 240)
    print(f"the spare was in its place after {seconds:.0f} s")
    status = rack.inv("storage.status")
    assert status.code == 3 and "pool nest is DEGRADED" in status.said and "front-2" in status.said, status.said
    assert rack.ask("hen", "sha256sum -c --quiet /root/sums && echo whole") == "whole"


def test_the_disk_is_replaced_by_one_that_is_empty_and_the_spare_is_back(rack):
    new = rack.lab.emulated["hen"].drives[8].id  # front-7, which is in no pool
    rack.change("hosts.yaml", f"    front-7: /dev/disk/by-id/{new}\n", "")
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


def test_no_acknowledged_block_is_lost_by_a_power_cut(rack):
    """A client writes numbered blocks, each with fsync, and notes those that were acknowledged."""
    writer = subprocess.Popen([*rack.ssh("chick3"), "sudo", "python3", "-u", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    writer.stdin.write("""
import os
file = os.open("/mnt/homes/blocks", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
for number in range(100000):
    os.write(file, b"%4095d\\n" % number)
    os.fsync(file)
    print(number)
""")
    writer.stdin.close()
    acknowledged = -1
    until_cut = time.monotonic() + 20
    for line in writer.stdout:
        acknowledged = int(line)
        if time.monotonic() > until_cut:
            break
    rack.lab.off("hen")
    assert acknowledged > 10
    rack.lab.on("hen")
    (rack.lab.places.machine("hen") / "console.log").write_bytes(b"")
    wait(rack.lab.places, ["hen"])
    until(rack, "mountpoint -q /nest/homes", 120)
    there = int(rack.ask("hen", "stat -c %s /nest/homes/blocks")) // 4096
    print(f"{acknowledged + 1} blocks were acknowledged, {there} are there")
    assert there > acknowledged
    last = rack.ask("hen", f"dd if=/nest/homes/blocks bs=4096 skip={acknowledged} count=1 status=none").strip()
    assert int(last) == acknowledged
    # the client's write goes on by itself
    line = writer.stdout.readline()
    assert int(line) == acknowledged + 1, line
    writer.terminate()
    writer.wait(60)
