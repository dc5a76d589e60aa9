"""The environment in RAM on a machine of a swarm: the job that rooster serves it, run by the machine's own shell and wget.

/dev and /sys are made for it, with two disks that are files; what asks or changes disks, keys and power is played by programs.
"""

from __future__ import annotations

from boots import SERIAL, SIZE, UUID, Boots

PROGRAMS = {
    "udevadm": 'for last; do :; done; case ${last##*/} in sda) echo "ID_SERIAL_SHORT=$SERIAL" ;; sdb) echo ID_SERIAL_SHORT=OTHER; '
               'echo ID_FS_TYPE=zfs_member ;; sda1) echo ID_FS_TYPE=ext4 ;; esac',
    "blockdev": 'case $1 in --setro) : >"/tmp/ro-${2##*/}" ;; --setrw) rm -f "/tmp/ro-${2##*/}" ;; '
                '--getro) [ -e "/tmp/ro-${2##*/}" ] && echo 1 || echo 0 ;; esac',
    "smartctl": 'echo "{\\"smart_status\\": {\\"passed\\": true}, \\"nvme_smart_health_information_log\\": {\\"media_errors\\": '
                '$(cat /tmp/errors)}}"',
    "stress-ng": "echo 3 >/tmp/errors", "fio": ":", "memtester": ":", "timeout": 'case $2 in memtester) exit 124 ;; esac; shift; exec "$@"',
    "dmesg": ":", "lscpu": ":", "dmidecode": ":", "poweroff": "echo off >>/tmp/off; kill $PPID", "sync": ":",
    "sleep": '[ "$1" != 600 ] && exec /bin/sleep "$1"',
    "sshd": ":",
}


class Environment:
    """It runs on one chick, whose first disk holds something; the second one is nobody's business."""

    def __init__(self, boots: Boots, machine: str):
        self.host = boots.swarm.hosts[machine]
        number = boots.swarm.names.index(machine) - 1
        programs = "\n".join(f"cat >/tmp/ram/{name} <<'END'\n#!/bin/sh\nSERIAL={SERIAL}{number}\n{text}\nEND"
                             for name, text in PROGRAMS.items())
        self.host.run(f"""
rm -rf /tmp/made /tmp/off /tmp/ram /tmp/run; mkdir -p /tmp/ram /tmp/made/dev/disk/by-id /tmp/made/sys/class/dmi/id /tmp/made/sys/class/net
{programs}
chmod 755 /tmp/ram/*; echo 0 >/tmp/errors
for name in sda sdb; do
  mkdir -p /tmp/made/sys/class/block/$name/device /tmp/made/sys/class/block/$name/queue; yes $name | head -c {SIZE} >/tmp/made/dev/$name
  cd /tmp/made/sys/class/block/$name; echo {SIZE // 512} >size; echo 1 >ro; echo 0 >removable; echo 1 >queue/rotational
done
mkdir -p /tmp/made/sys/class/block/sda/sda1; echo 1 >/tmp/made/sys/class/block/sda/sda1/partition; : >/tmp/made/dev/sda1
ln -s ../../sda /tmp/made/dev/disk/by-id/ata-DISK_S1{number}; ln -s ../../sdb /tmp/made/dev/disk/by-id/ata-OTHER
echo {UUID}{number} >/tmp/made/sys/class/dmi/id/product_uuid
""")

    def run(self) -> str:
        """What the job said."""
        return self.host.run("""
wget -q -O /tmp/job http://10.0.0.1:8080/job
sed -i 's|^dev=/dev$|dev=/tmp/made/dev|; s|^sys=/sys$|sys=/tmp/made/sys|; s|^run=/run/coop$|run=/tmp/run|; s|^home=/root$|home=/tmp/root|
s|^console=/dev/console$|console=/dev/null|; s|^sshd=.*|sshd=/tmp/ram/sshd|; s|^places=1000$|places=20|' /tmp/job
PATH=/tmp/ram:$PATH sh /tmp/job 2>&1""", check=False)

    def holds(self, disk: str) -> bool:
        """Whether there is anything but zeros on it."""
        return int(self.host.run(f"tr -d '\\000' </tmp/made/dev/{disk} | wc -c")) > 0

    @property
    def off(self) -> bool:
        return self.host.run("cat /tmp/off 2>/dev/null", check=False) == "off\n"
