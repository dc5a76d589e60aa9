"""Copies on another host: the node with a pool of its own stands for a host that is not Coop's."""

from __future__ import annotations

SHELF = """
modprobe zfs
zpool list vault >/dev/null 2>&1 || { truncate -s 1G /srv/vault; zpool create -m none vault /srv/vault; }
id hen >/dev/null 2>&1 || useradd --create-home --shell /bin/sh hen
zfs list vault/copies >/dev/null 2>&1 || zfs create vault/copies
zfs allow -u hen receive,create,mount,canmount,readonly vault/copies
cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub
"""
TO = "hen@10.0.0.103:vault/copies/homes"


def snapshots(rack, machine: str, dataset: str) -> list[str]:
    listed = rack.ask(machine, f"zfs list -H -t snapshot -o name -s creation -d 1 {dataset}")
    return [line.partition("@")[2] for line in listed.splitlines()]


def test_snapshots_arrive_on_another_host(rack):
    host_key = rack.ask("chick3", SHELF).splitlines()[-1]
    before = "        snapshots: {hourly"
    rack.change("configs/storage.yaml", before, f"        send: {{to: {TO!r}, host_key: {host_key}}}\n{before}")
    done = rack.inv("storage.apply", "--yes")
    assert done.code == 0, done.said
    key = rack.inv("storage.send", "--key").said.strip()
    assert key.startswith("ssh-ed25519 "), key
    refused = rack.inv("storage.send")
    assert refused.code == 1 and "was not sent to" in refused.said, refused.said
    rack.ask("chick3", f"install -d -o hen -m 700 ~hen/.ssh; echo '{key}' >~hen/.ssh/authorized_keys; chown hen ~hen/.ssh/authorized_keys")
    content = rack.ask("hen", "dd if=/dev/urandom of=/nest/homes/copied bs=1M count=8 status=none; sync; sha256sum </nest/homes/copied")
    assert rack.inv("storage.snapshot", "--name", "first").code == 0
    done = rack.inv("storage.send")
    assert done.code == 0 and f"{TO} has first" in done.said, done.said
    print(f"the first copy took {done.seconds:.0f} s")
    assert snapshots(rack, "chick3", "vault/copies/homes") == snapshots(rack, "hen", "nest/homes")
    there = rack.ask("chick3", "mkdir -p /mnt/copy; mount -t zfs -o ro vault/copies/homes@first /mnt/copy; sha256sum </mnt/copy/copied; "
                     "umount /mnt/copy")
    assert there == content
    assert rack.ask("chick3", "zfs get -H -o value readonly,mounted vault/copies/homes").split() == ["on", "no"]


def test_nothing_new_is_no_failure_and_a_removed_snapshot_no_end(rack):
    """Removed here, it has to be removed there, if older ones are common: syncoid goes on from the newest of these."""
    for _ in range(3):
        done = rack.inv("storage.send")
        assert done.code == 0, done.said
    rack.ask("hen", "zfs destroy nest/homes@first; rm /nest/homes/copied")
    assert rack.inv("storage.snapshot", "--name", "second").code == 0
    refused = rack.inv("storage.send")
    assert refused.code == 1 and "has been modified" in refused.said, refused.said
    rack.ask("chick3", "zfs destroy vault/copies/homes@first")
    done = rack.inv("storage.send")
    assert done.code == 0 and f"{TO} has second" in done.said, done.said
    assert snapshots(rack, "chick3", "vault/copies/homes") == snapshots(rack, "hen", "nest/homes")
    status = rack.inv("storage.status")
    assert "cop" not in status.said, status.said
