"""An installer on a machine of a swarm: what rooster serves it, run by the machine's own shell and wget.

The guard and the end of the installation are the very texts that were fetched. /dev and /sys are made for the guard, and
udev, the kernel's read-only switch and debconf are programs that answer for them.
"""

from __future__ import annotations

from boots import SERIAL, SIZE, UUID, Boots

PROGRAMS = {
    "udevadm": f'for last; do :; done; case ${{last##*/}} in sda) echo "ID_SERIAL_SHORT={SERIAL}$NUMBER" ;; esac',
    "blockdev": "echo 1",
    "debconf-set": 'echo "$*" >>/tmp/answered',
    "poweroff": "echo off >>/tmp/off; kill $PPID",
    "sleep": ":",
    "in-target": 'case $1 in ssh-keygen) cp /etc/ssh/ssh_host_ed25519_key.pub /tmp/target/etc/ssh/ ;; esac',
    "apt-install": ":",
}
# the texts that rooster serves, on what is made for them
GUARD = "s|^dev=/dev$|dev=/tmp/made/dev|; s|^sys=/sys$|sys=/tmp/made/sys|"
LATE = "s|^target=/target$|target=/tmp/target|; s|^console=/dev/console$|console=/tmp/console|; s|>\"$console\"|>>\"$console\"|"


class Installer:
    """The installer of one chick, which finds `size` bytes on its one disk."""

    def __init__(self, boots: Boots, machine: str, size: int = SIZE):
        self.host = boots.swarm.hosts[machine]
        self.number = boots.swarm.names.index(machine) - 1
        programs = "\n".join(f"cat >/tmp/bin/{name} <<'END'\n#!/bin/sh\nNUMBER={self.number}\n{text}\nEND"
                             for name, text in PROGRAMS.items())
        self.host.run(f"""
rm -rf /tmp/made /tmp/target /tmp/off /tmp/answered; mkdir -p /tmp/bin /tmp/made/dev/disk/by-id /tmp/target/etc/ssh /tmp/target/usr/sbin
{programs}
chmod 755 /tmp/bin/*; cp /bin/true /tmp/target/usr/sbin/sshd
mkdir -p /tmp/made/sys/class/block/sda/device /tmp/made/sys/class/dmi/id
: >/tmp/made/dev/sda; ln -s /tmp/made/dev/sda /tmp/made/dev/disk/by-id/ata-DISK_S1{self.number}
cd /tmp/made/sys/class/block/sda; echo {size // 512} >size; echo 0 >ro; echo 0 >removable
echo {UUID}{self.number} >/tmp/made/sys/class/dmi/id/product_uuid
""")

    def fetched(self, name: str) -> str:
        return self.host.run(f"wget -q -O /tmp/{name} http://10.0.0.1:8080/{name} && cat /tmp/{name}")

    def guard(self) -> str:
        """What the guard said that rooster serves."""
        self.fetched("guard")
        return self.host.run(f"sed -i '{GUARD}' /tmp/guard\nPATH=/tmp/bin:$PATH sh /tmp/guard 2>&1", check=False)

    def early(self) -> None:
        """preseed/early_command: what is needed after the claim is fetched before it."""
        self.fetched("preseed.cfg")
        self.fetched("late")

    def late(self) -> str:
        """The end, and the reboot into what was installed; what it said at the console."""
        self.host.run(f"sed -i '{LATE}' /tmp/late; : >/tmp/console\n"
                      "PATH=/tmp/bin:$PATH sh /tmp/late || [ -s /tmp/console ]")
        self.host.run("mkdir -p /etc/coop; cp /tmp/target/etc/coop/order /etc/coop/order")
        return self.host.run("cat /tmp/console")

    @property
    def off(self) -> bool:
        return self.host.run("cat /tmp/off 2>/dev/null", check=False) == "off\n"
