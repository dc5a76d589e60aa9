"""From a Debian with disks to a pool, its exports and a client's first write; and what is refused on the way."""

from __future__ import annotations

import hashlib
import os
import re
import time
from pathlib import Path

from lab.emulated import image

BY_ID = "/dev/disk/by-id"
CHUNK = 1 << 16
HELD = {  # bay → what is put on its disk
    "front-0": "mkfs.ext4 -q -F -L data {disk}",
    "front-1": "mkswap -q {disk}",
    "front-2": r"printf '\203\0\0\0\0\010\0\0\0\020\0\0' | dd of={disk} bs=1 seek=450 status=none; "
               r"printf '\125\252' | dd of={disk} bs=1 seek=510 status=none",
    "front-3": "zpool create -f old {disk} && zpool export old",
    "rear-0": "printf 'LUKS\\272\\276\\000\\001' | dd of={disk} conv=notrunc status=none",
}
FOUND = {"front-0": "ext4", "front-1": "swap", "front-2": "dos", "front-3": "blkid: LABEL=old; blkid: TYPE=zfs_member",
         "rear-0": "crypto_LUKS"}


def path(bay: str) -> str:
    place, number = bay.split("-")
    return f"{BY_ID}/wwn-0x5000c500a10000{int(number):02x}" if place == "front" else f"{BY_ID}/wwn-0x55cd2e41400000{int(number):02x}"


def disks(rack) -> dict[str, str]:
    """A hash of all that is on each of the file server's disks but its system's, by serial number, as its file is on this computer."""
    folder = rack.lab.places.machine("hen")
    return {drive.serial: content(folder / image(number)) for number, drive in list(enumerate(rack.lab.emulated["hen"].drives))[1:]}


def content(path: Path) -> str:
    """A hash of what is not zero in a sparse file, and of where it is. How many blocks it takes here says nothing: the computer's own
    file system adds some of its own when it writes them."""
    found, size = hashlib.sha256(), path.stat().st_size
    with path.open("rb") as file:
        place = 0
        while place < size:
            try:
                place = os.lseek(file.fileno(), place, os.SEEK_DATA) // CHUNK * CHUNK
            except OSError:  # there is nothing any more
                break
            file.seek(place)
            piece = file.read(CHUNK)
            if piece.strip(b"\0"):
                found.update(b"%d" % place + piece)
            place += CHUNK
    return found.hexdigest()


def test_disks_that_hold_something_are_refused_and_nothing_is_written(rack):
    rack.ask("hen", "modprobe zfs")
    for bay, put in HELD.items():
        rack.ask("hen", f"{put.format(disk=path(bay))}; udevadm settle; sync")
    before = disks(rack)
    done = rack.inv("storage.apply", "--create", "nest", "--yes")
    assert done.code == 1, done.said
    for bay, what in FOUND.items():
        [found] = re.findall(rf"{bay}: {path(bay)} \(serial \S+\) is not empty: (.*?)(?=; (?:front|rear)-|$)", done.said, re.MULTILINE)[:1]
        assert what in found, (bay, found)
    assert "front-4:" not in done.said
    assert disks(rack) == before
    assert rack.ask("hen", "zpool list -H -o name") == ""
    rack.ask("hen", "for disk in " + " ".join(path(bay) for bay in HELD) + "; do zpool labelclear -f $disk-part1 2>/dev/null || :; "
             "wipefs -q -a -f $disk-part* 2>/dev/null || :; wipefs -q -a -f $disk; "
             "udevadm settle; for again in 1 2 3 4 5; do ! blockdev --rereadpt $disk 2>&1 || break; sleep 2; done; done; "
             "udevadm settle; sync; ! lsblk -n -o TYPE " + " ".join(path(bay) for bay in HELD) + " | grep part")


def test_without_the_pools_name_nothing_is_created(rack):
    done = rack.inv("storage.apply", "--yes")
    assert done.code == 1 and "a terminal asks for nest to be typed" in done.said, done.said
    assert rack.ask("hen", "zpool list -H -o name") == ""


def test_a_pool_is_created_and_a_second_run_changes_nothing(rack):
    done = rack.inv("storage.apply", "--create", "nest", "--yes")
    assert done.code == 0, done.said
    status = rack.ask("hen", "zpool status -P nest")
    assert status.count("/dev/disk/by-id/wwn-") == 9 and "raidz2-0" in status and "AVAIL" in status, status
    assert rack.ask("hen", "zpool get -H -o value ashift nest") == "12"
    again = rack.inv("storage.apply")
    assert again.code == 0 and " 0 changes" in again.said, again.said


def test_what_is_exported_is_what_the_files_say_and_to_nobody_else(rack):
    exported = rack.ask("hen", "exportfs -s")
    [line] = exported.splitlines()
    assert line.split()[:1] == ["/nest/homes"] and "10.0.0.103(" in line, line
    for option in ("sync", "all_squash", "anonuid=1000", "anongid=100", "root_squash", "secure", "mountpoint"):
        assert option in line, line
    assert rack.ask("hen", "cat /proc/fs/nfsd/versions").split() == ["-3", "+4", "-4.0", "-4.1", "+4.2"]
    # rooster's packets are dropped: hen knows no client of that address
    codes = [rack.lab.run("rooster", "timeout", limit, "bash", "-c", f"exec 3<>/dev/tcp/10.0.0.200/{port}", check=False).returncode
             for port, limit in (("2049", "3"), ("22", "30"))]
    assert codes[0] != 0 and codes[1] == 0
    assert rack.at("chick3", "timeout 30 bash -c 'exec 3<>/dev/tcp/10.0.0.200/2049'").code == 0
    assert rack.at("chick3", "timeout 3 bash -c 'exec 3<>/dev/tcp/10.0.0.200/111'").code != 0


def test_what_is_exported_beside_the_files_is_refused_and_other_options_are_told_again(rack):
    rack.ask("hen", "cp /etc/exports /root/exports; echo '/srv *(rw)' >>/etc/exports; exportfs -ra")
    done = rack.inv("storage.apply", "--yes")
    rack.ask("hen", "cp /root/exports /etc/exports; exportfs -ra")
    assert done.code == 2 and "exports /srv" in done.said, done.said
    rack.ask("hen", "exportfs -i -o ro,sync,no_subtree_check,mp 10.0.0.103:/nest/homes")
    done = rack.inv("storage.apply", "--yes")
    assert done.code == 0 and "exported with other options: /nest/homes" in done.said, done.said
    assert "anonuid=1000" in rack.ask("hen", "exportfs -s")


def test_a_node_writes_and_reads_and_every_file_is_the_homes_owners(rack):
    rack.ask("chick3", "mkdir -p /mnt/homes; mountpoint -q /mnt/homes || "
             "mount -t nfs -o nfsvers=4.2,hard,noatime 10.0.0.200:/nest/homes /mnt/homes")
    said = rack.ask("chick3", "dd if=/dev/urandom of=/mnt/homes/blob bs=1M count=16 conv=fsync status=none; sha256sum </mnt/homes/blob; "
                    "stat -c '%u:%g' /mnt/homes/blob; chown 0:0 /mnt/homes/blob 2>/dev/null && echo chowned || echo refused")
    there = rack.ask("hen", "sha256sum </nest/homes/blob")
    assert said.splitlines() == [there, "1000:100", "refused"], said
    rack.ask("chick3", "rm /mnt/homes/blob")


def test_the_state_is_well_and_disks_are_told_by_bay(rack):
    status = rack.inv("storage.status")
    assert status.code == 0, status.said
    listed = rack.inv("storage.disks")
    assert "front-0  wwn-0x5000c500a1000000  ZC100000" in listed.said and "is in no pool" in listed.said, listed.said


def test_a_file_server_that_was_installed_again_imports_its_pool_without_force(rack):
    from lab.plan import Plan
    from lab.systems import install_system

    lab = rack.lab
    rack.ask("hen", "echo kept >/nest/homes/kept; sync")
    lab.off("hen")
    metal = Plan.read(lab.places.plan).metal
    from lab.forge import file_server
    from lab.forge.store import Store
    from lab.places import forge_cache

    install_system(lab.places, lab.emulated["hen"], (Store(forge_cache()).folder(file_server.system) / "root", metal.layers[1]))
    rack.on("hen")
    began = time.monotonic()
    done = rack.inv("storage.apply", "--yes")
    assert done.code == 0, done.said
    print(f"imported {time.monotonic() - began:.0f} s after its login")
    assert "zpool import nest" in done.said or "pool nest is there" in done.said, done.said
    assert rack.ask("hen", "cat /nest/homes/kept") == "kept"
    assert rack.ask("chick3", "cat /mnt/homes/kept; rm /mnt/homes/kept") == "kept"
