"""What an operator does with a file server that is well: its promises are tried, a bay is found, homes come from elsewhere, it reboots."""

from __future__ import annotations

import time

from conftest import LIMIT
from mail_relay import RELAY

MOUNT, MANY = "/mnt/hub", 4000
LOOKS = (("storage.status",), ("storage.usage", "--all"))


def test_mail_that_no_relay_takes_is_told_and_all_else_holds(rack):
    done = rack.inv("storage.prove")
    print(done.said)
    assert done.code == 3 and "1 of " in done.said and "cannot connect" in done.said, done.said
    assert rack.ask("hen", "{ ls -A /nest/homes /nest/homes/hub; zfs list -H -t snapshot -o name; } | grep coop-prove || :") == ""


def test_with_a_relay_nothing_is_broken_and_the_mail_is_there(rack):
    rack.ask("chick3", RELAY)
    rack.change("configs/storage.yaml", "mail: {host: 10.0.0.1,", "mail: {host: 10.0.0.103, port: 2525,")
    assert rack.inv("storage.apply", "--yes").code == 0
    done = rack.inv("storage.prove")
    print(f"all promises were tried in {done.seconds:.0f} s\n{done.said}")
    assert done.code == 0 and "nothing that was tried is broken" in done.said, done.said
    assert "A test by inv storage.prove" in rack.ask("chick3", "cat /root/mail")


def test_an_export_that_is_not_written_through_is_found(rack):
    rack.ask("hen", "zfs set sync=disabled nest/homes")
    done = rack.inv("storage.prove")
    rack.ask("hen", "zfs inherit sync nest/homes")
    assert done.code == 3 and "sync=disabled" in done.said, done.said


def test_a_bay_without_a_light_is_told_with_its_serial_number(rack):
    done = rack.inv("storage.locate", "front-1")
    assert done.code == 1 and "serial ZC100001" in done.said and "dd if=/dev/disk/by-id/wwn-" in done.said, done.said


def test_homes_come_from_a_folder_and_the_folder_is_as_it_was(rack):
    rack.ask("hen", """mkdir -p /srv/old/eve/notes /srv/old/claim-bob /srv/old/user1
echo eve >/srv/old/eve/notes/one; ln -s one /srv/old/eve/notes/link; ln /srv/old/eve/notes/one /srv/old/eve/notes/hard
mkfifo /srv/old/eve/pipe; echo bob >/srv/old/claim-bob/file; chmod 4755 /srv/old/claim-bob/file; chown -R 1234:1234 /srv/old
find /srv/old -printf '%p %i %m %u %T@ %s\\n' | sort >/root/old""")
    looked = rack.inv("homes.move", "--from", "/srv/old", "--only", "eve", "--dry")
    if "there is no rsync" not in looked.said:
        assert looked.code == 3 and "eve: would be moved" in looked.said, looked.said
    done = rack.inv("homes.move", "--from", "/srv/old", "--only", "eve,user1")
    print(done.said)
    assert done.code == 1 and "eve: moved" in done.said and "user1: left: there is one already" in done.said, done.said
    names = rack.lab.rack / "names"
    names.write_text("bob claim-bob\neve eve\n")
    done = rack.inv("homes.move", "--from", "/srv/old", "--names", str(names))
    assert done.code == 0 and "bob: moved" in done.said and "eve: moved already" in done.said, done.said
    seen = rack.ask("chick3", f"cd {MOUNT}; cat eve/notes/link bob/file; stat -c '%u:%g %a' bob/file; stat -c %h eve/notes/one; ls -A eve")
    assert seen.split() == ["eve", "bob", "1000:100", "755", "2", "notes"], seen
    assert rack.ask("hen", "find /srv/old -printf '%p %i %m %u %T@ %s\\n' | sort | cmp - /root/old && echo same") == "same"
    rack.until("chick3", f"stat -f -c '%b %S' {MOUNT}/eve | awk '{{ exit $1 * $2 != {200 << 20} }}'", 120)
    assert "hub/bob" in rack.inv("storage.usage", "--all").said


def test_hubs_are_told_of_a_home_that_is_nearly_full(rack):
    rack.at("chick3", f"dd if=/dev/urandom of={MOUNT}/eve/big bs=1M count=195 conv=fsync 2>&1")
    began = time.monotonic()
    while "hub/eve" not in (told := rack.at("chick3", "timeout 20 bash -c 'exec 3<>/dev/tcp/10.0.0.200/9049; cat <&3'").said):
        assert time.monotonic() - began < 180, told
        time.sleep(5)
    print(f"told after {time.monotonic() - began:.0f} s: {told.split()}")
    assert told.startswith("at ") and any(line.endswith(" hub/eve") and int(line.split()[0]) >= 90 for line in told.splitlines()), told
    rack.ask("chick3", f"rm {MOUNT}/eve/big")


def test_four_thousand_homes(rack):
    """The unit that gives them their quotas, with nothing to do, and what is told of them. The reboot below has them, too."""
    few = {task: rack.inv(task, *words).seconds for task, *words in LOOKS}
    labelled = f"[ $(zfs projectspace -Hp -o quota nest/homes | grep -c -x {200 << 20}) -ge {MANY} ]"
    rack.ask("hen", f"cd /nest/homes/hub; seq -f many-%g {MANY} | xargs mkdir; chown 1000:100 many-*")
    print(f"{MANY} new homes had their quotas after {rack.until('hen', labelled, LIMIT):.0f} s")
    spent = rack.ask("hen", "systemctl stop coop-homes.path coop-homes.timer; systemctl start coop-homes.service; before=$(date +%s%N); "
                     "systemctl start coop-homes.service; echo $((($(date +%s%N) - before) / 1000000)); "
                     "systemctl start coop-homes.path coop-homes.timer")
    print(f"the unit with nothing to do: {spent} ms")
    assert int(spent) < 30_000
    for task, *words in LOOKS:
        done = rack.inv(task, *words)
        print(f"{task} took {done.seconds:.1f} s, {few[task]:.1f} with few homes")
        assert done.code == 0 and done.seconds < few[task] + 30, done.said
    assert f"hub/many-{MANY} " in done.said


def test_a_file_server_that_would_lose_its_pool_is_not_rebooted(rack):
    rack.ask("hen", ": >/boot/vmlinuz-9.9.9-next")
    done = rack.inv("storage.reboot", "--silent", "--yes")
    rack.ask("hen", "rm /boot/vmlinuz-9.9.9-next")
    assert done.code == 1 and "kernel 9.9.9-next has no module zfs" in done.said, done.said
    log = "/dev/disk/by-id/wwn-0x55cd2e4140000000"
    rack.ask("hen", f"zpool offline nest {log}")
    done = rack.inv("storage.reboot", "--silent", "--yes")
    rack.ask("hen", f"zpool online nest {log}; zpool wait -t resilver nest")
    assert done.code == 1 and "a disk that does not come back after the reboot" in done.said, done.said


def test_it_reboots_under_a_writer_who_goes_on(rack, writer):
    blocks = writer(f"{MOUNT}/user2/blocks", 0.5)
    before = rack.ask("hen", "systemctl show --timestamp=us+utc -P UserspaceTimestamp")
    done = rack.inv("storage.reboot", "--silent", "--yes")
    print(f"{done.said}\nrebooted in {done.seconds:.0f} s")
    assert done.code == 0, done.said
    assert rack.ask("hen", "systemctl show --timestamp=us+utc -P UserspaceTimestamp") != before
    assert rack.ask("hen", "zpool list -H -o health nest; mountpoint -q /nest/homes && echo mounted").split() == ["ONLINE", "mounted"]
    print(rack.ask("hen", "systemd-analyze | head -n 1; rm -r /nest/homes/hub/many-*"))
    blocks.until(int(rack.ask("hen", "stat -c %s /nest/homes/hub/user2/blocks")) // 4096 + 3)
