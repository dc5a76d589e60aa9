"""Homes: a folder is labelled when it comes, its quota holds, and what was deleted comes back from a snapshot."""

from __future__ import annotations

import re
import time

MIB = 1 << 20
MOUNT = "/mnt/hub"


def test_homes_are_set_up_and_a_node_mounts_a_hubs_folder(rack):
    rack.with_homes()
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
  sleep 0.1
done
echo $(((($(date +%s%N) - began)) / 1000000))""")
        took.append(int(said.splitlines()[-1]))
    print(f"a home's quota is in df after {', '.join(map(str, took))} ms")
    assert max(took) < 30_000
    rack.ask("chick3", f"mkdir -p {MOUNT}/boss")
    rack.until("hen", f"zfs projectspace -Hp -o name,quota nest/homes | grep -w {400 * MIB}", 120)
    quotas = rack.ask("hen", "zfs projectspace -Hp -o quota nest/homes").split()
    assert quotas.count(str(400 * MIB)) == 1 and quotas.count(str(200 * MIB)) == 5, quotas


# writes with fsync until it is stopped: bytes that were written, and the seconds since it was past so many
PAST = """python3 -c 'import os, time
file, written, past = os.open("{file}", os.O_WRONLY | os.O_CREAT), 0, None
try:
    while written < 2 << 30:
        written += os.write(file, os.urandom(1 << 20))
        os.fsync(file)
        past = past or (time.monotonic() if written > {quota} else None)
except OSError as error:
    print(error.strerror)
    print(written, round(time.monotonic() - past, 1) if past else "before it")
'"""


def test_a_writer_past_the_quota_is_stopped_and_the_neighbour_is_not(rack):
    """ZFS counts when it writes, every five seconds: until then a writer gets further, and by how much is the speed of its line."""
    why, told = rack.ask("chick3", PAST.format(file=f"{MOUNT}/user0/big", quota=200 * MIB)).splitlines()
    written, seconds = told.split(" ", 1)
    print(f"{int(written) / MIB:.0f} MiB were written of a quota of 200 MiB; refused {seconds} s after it had been reached")
    assert why == "Disk quota exceeded" and float(seconds) < 20, told
    rack.ask("chick3", f"dd if=/dev/urandom of={MOUNT}/user1/file bs=1M count=20 conv=fsync status=none")
    rack.ask("chick3", f"rm {MOUNT}/user0/big")
    seconds = rack.until("chick3", f"dd if=/dev/zero of={MOUNT}/user0/after bs=1M count=5 conv=fsync 2>&1", 120)
    print(f"after the deletion it could be written again after {seconds:.0f} s")


def test_what_renames_links_is_told_as_it_is(rack):
    said = rack.at("chick3", f"cd {MOUNT}/user1; ln -s a link; ln -sfn b link; readlink link").said
    print(f"ln -sfn in a home: {said.strip()}")
    assert "Invalid cross-device link" in said or said.strip().endswith("b")
    status = rack.inv("storage.status")
    assert status.code == 0 and ("links cannot be renamed" in status.said) == ("Invalid cross-device link" in said), status.said


def test_a_full_home_can_be_emptied(rack):
    """At its quota nothing can be written, and everything can be deleted."""
    rack.ask("chick3", PAST.format(file=f"{MOUNT}/user3/big", quota=200 * MIB))
    full = rack.ask("chick3", f"sync; sleep 6; cd {MOUNT}/user3; "
                    "for try in 'touch one' 'mkdir folder'; do $try 2>&1 && echo done; done || :")
    assert full.count("Disk quota exceeded") == 2 and "done" not in full, full
    rack.ask("chick3", f"rm {MOUNT}/user3/big")
    rack.until("chick3", f"(echo x >{MOUNT}/user3/one) 2>&1; rm {MOUNT}/user3/one", 120)


def test_files_move_between_homes_and_links_are_renamed_or_not(rack):
    rack.ask("chick3", f"echo moved >{MOUNT}/user3/file; mv {MOUNT}/user3/file {MOUNT}/user4/file; cat {MOUNT}/user4/file; "
             f"! [ -e {MOUNT}/user3/file ]")
    said = rack.at("chick3", f"""cd {MOUNT}/user4
mkdir folder; mv folder renamed; mv renamed/ folder && echo 'folders are renamed'
echo x >file; mv file other && echo 'files are renamed'
ln -s a link; mv link moved 2>&1 && readlink moved
python3 -c 'import os; os.symlink("a", "one"); os.rename("one", "two")' 2>&1 | tail -n 1""").said
    print(said)
    assert "folders are renamed" in said and "files are renamed" in said


def test_a_quota_is_changed_by_the_homes_name(rack):
    done = rack.inv("storage.quota", "user1", "300Mi")
    assert done.code == 0 and "hub/user1" in done.said and "314.6 MB" in done.said, done.said
    blocks = int(rack.ask("chick3", f"stat -f -c '%b %S' {MOUNT}/user1 | awk '{{ print $1 * $2 }}'"))
    assert blocks == 300 * MIB, blocks
    done = rack.inv("storage.quota", "user1", "default")
    assert done.code == 0 and "209.7 MB" in done.said, done.said


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


def test_a_folder_and_a_home_that_is_gone_come_back(rack):
    """Looked at on hen, as the node takes what it saw last for true for some seconds."""
    home = "/nest/homes/hub/lost"
    for word in ("one", "two"):
        rack.ask("chick3", f"mkdir -p {MOUNT}/lost/a/b; echo {word} >{MOUNT}/lost/a/b/file; sync")
        assert rack.inv("storage.snapshot", "--name", f"lost-{word}").code == 0
    done = rack.inv("storage.restore", "lost", "a", "--at", "lost-two")
    assert done.code == 0 and rack.ask("hen", f"cat {home}/a.*/b/file") == "two", done.said
    rack.ask("chick3", f"rm -r {MOUNT}/lost")
    done = rack.inv("storage.restore", "lost", ".", "--at", "lost-one")
    assert done.code == 0 and "restored hub/lost" in done.said, done.said
    assert rack.ask("hen", f"cd {home}; cat a/b/file; stat -c '%u:%g' . a/b/file").splitlines() == ["one", "1000:100", "1000:100"]
    began = time.monotonic()
    while rack.ask("hen", f"df --output=size -B 1 {home} | tail -n 1") != str(200 * MIB):
        assert time.monotonic() - began < 120
        time.sleep(1)


def test_a_file_of_three_weeks_ago_comes_back_by_its_time(rack):
    """The snapshot is made with the clock of that day."""
    rack.ask("chick3", f"echo then >{MOUNT}/user2/plan.txt; sync")
    rack.ask("hen", "systemctl stop chrony; now=$(date +%s); trap 'date -s @$((now + 1)) >/dev/null; systemctl start chrony' EXIT; "
             "date -s @$((now - 21 * 86400)) >/dev/null; zfs snapshot nest/homes@threeweeks")
    rack.ask("chick3", f"echo now >{MOUNT}/user2/plan.txt; sync")
    day = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() - 20 * 86400))
    done = rack.inv("storage.restore", "user2", "plan.txt", "--at", day)
    assert done.code == 0, done.said
    print(f"a file of three weeks ago was restored in {done.seconds:.0f} s")
    assert rack.ask("chick3", f"cd {MOUNT}/user2; cat plan.txt plan.txt.*").splitlines() == ["now", "then"]
    rack.ask("hen", "zfs destroy nest/homes@threeweeks")  # by its date it is the oldest: no copy could begin with it
