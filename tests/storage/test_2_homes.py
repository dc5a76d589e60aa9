"""Homes: a folder is labelled when it comes, its quota holds, and what was deleted comes back from a snapshot."""

from __future__ import annotations

import re
import time

MIB = 1 << 20
MOUNT = "/mnt/hub"


def test_homes_are_set_up_and_a_node_mounts_a_hubs_folder(rack):
    storage = rack.lab.rack / "configs/storage.yaml"
    if "\nhomes:" not in storage.read_text():
        storage.write_text(storage.read_text() + "homes: {path: /nest/homes, quota: 200Mi, users: {boss: 400Mi}}\n")
    done = rack.inv("storage.apply", "--yes")
    assert done.code == 0, done.said
    rack.ask("chick3", f"mkdir -p {MOUNT}; mountpoint -q {MOUNT} || "
             f"mount -t nfs -o nfsvers=4.2,hard,noatime 10.0.0.200:/nest/homes/hub {MOUNT}")


def test_a_new_home_has_its_quota_at_once_and_df_shows_it(rack):
    took = []
    for number in range(5):
        said = rack.ask("chick3", f"""
mkdir {MOUNT}/user{number}; began=$(date +%s%N)
until [ "$(stat -f -c %b {MOUNT}/user{number})" = "$(stat -f -c "$((200 * 1024 * 1024)) %S" {MOUNT}/user{number} |
    awk '{{ print $1 / $2 }}')" ]; do
  [ $(($(date +%s%N) - began)) -lt 120000000000 ] || exit 1
done
echo $(((($(date +%s%N) - began)) / 1000000))""")
        took.append(int(said.splitlines()[-1]))
    print(f"a home's quota is in df after {', '.join(map(str, took))} ms")
    assert max(took) < 30_000
    rack.ask("chick3", f"mkdir -p {MOUNT}/boss")
    time.sleep(5)
    assert "boss" in rack.ask("hen", "ls /nest/homes/hub")
    used = rack.ask("hen", "zfs projectspace -Hp -o name,quota nest/homes")
    assert str(400 * MIB) in used and used.count(str(200 * MIB)) == 5, used


def test_a_writer_past_the_quota_is_stopped_and_the_neighbour_is_not(rack):
    done = rack.at("chick3", f"dd if=/dev/urandom of={MOUNT}/user0/big bs=1M count=400 conv=fsync 2>&1")
    assert done.code != 0 and "Disk quota exceeded" in done.said, done.said
    size = int(rack.ask("chick3", f"stat -c %s {MOUNT}/user0/big"))
    print(f"{size / MIB:.0f} MiB were written of a quota of 200 MiB")
    assert 190 * MIB < size < 400 * MIB
    rack.ask("chick3", f"dd if=/dev/urandom of={MOUNT}/user1/file bs=1M count=20 conv=fsync status=none")
    began = time.monotonic()
    rack.ask("chick3", f"rm {MOUNT}/user0/big; "
             f"until dd if=/dev/zero of={MOUNT}/user0/after bs=1M count=5 conv=fsync 2>/dev/null; do sleep 1; done")
    print(f"after the deletion it could be written again after {time.monotonic() - began:.0f} s")


def test_what_renames_links_is_told_as_it_is(rack):
    said = rack.at("chick3", f"cd {MOUNT}/user1; ln -s a link; ln -sfn b link; readlink link").said
    print(f"ln -sfn in a home: {said.strip()}")
    assert "Invalid cross-device link" in said or said.strip().endswith("b")


def test_usage_is_told_without_a_walk(rack):
    done = rack.inv("storage.usage")
    assert done.code == 0 and re.search(r"^hub/user1 +2[01]\.\d MB +209\.7 MB +1[01] %", done.said, re.MULTILINE), done.said


def test_a_file_that_was_deleted_comes_back_beside_what_is_there(rack):
    rack.ask("chick3", f"mkdir {MOUNT}/user2/week1; echo first >{MOUNT}/user2/week1/notes.txt; sync")
    assert rack.inv("storage.snapshot", "--name", "before").code == 0
    rack.ask("chick3", f"echo second >{MOUNT}/user2/week1/notes.txt; sync")
    listed = rack.inv("storage.versions", "hub/user2", "week1/notes.txt")
    assert listed.code == 0 and "6 bytes" in listed.said and "7 bytes" in listed.said, listed.said
    done = rack.inv("storage.restore", "hub/user2", "week1/notes.txt")
    assert done.code == 0, done.said
    print(f"one file was restored in {done.seconds:.0f} s")
    said = rack.ask("chick3", f"cd {MOUNT}/user2/week1; cat notes.txt; cat notes.txt.*; stat -c '%u:%g' notes.txt.*")
    assert said.splitlines() == ["second", "first", "1000:100"], said
    again = rack.inv("storage.restore", "hub/user2", "week1/notes.txt")
    assert again.code == 1 and "is there already" in again.said, again.said
