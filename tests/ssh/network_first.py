"""A machine of a swarm whose firmware asks the network first at every start, and whose power can go at any act of an installation.

It runs what rooster serves it, as installer.py does, in one group of processes, which a reset kills; its disk is a file, and stays.
"""

from __future__ import annotations

from boots import Boots
from installer import GUARD, LATE, Installer

# each program of PLAYED is an act, counted at each start; "/tmp/reset" says at which one the power goes: "5 before",
# "5 during 0.003" (seconds after it began), "5 after"; or that its answer is lost: "claim deaf"
ACT = r"""#!/bin/sh
name=${0##*/} real=/usr/bin/${0##*/}; [ ! -x /tmp/bin/$name ] || real=/tmp/bin/$name
n=$(($(cat /tmp/acts) + 1)); echo $n >/tmp/acts; echo "$n $name $*" >>/tmp/acted
read -r at phase seconds </tmp/reset
case "$at $*" in claim*=MOVE*) at=$n ;; esac
power_goes() { kill -9 -$(cat /tmp/leader); /bin/sleep 60; }
[ "$n $phase" != "$at before" ] || power_goes
[ "$n $phase" != "$at during" ] || { "$real" "$@" & /bin/sleep $seconds; power_goes; }
"$real" "$@"; code=$?
[ "$n $phase" != "$at after" ] || power_goes
[ "$n $phase" != "$at deaf" ] || exit 4
exit $code
"""
PLAYED = ("wget", "udevadm", "blockdev", "debconf-set", "partition", "unpack", "in-target")
INSTALLATION = f"""
set -e
echo $$ >/tmp/leader
for name in preseed.cfg late guard; do wget -q -O /tmp/$name http://10.0.0.1:8080/$name; done
sed -i '{GUARD}; s|/proc/sys/kernel/random/boot_id|/tmp/boot_id|' /tmp/guard
sh /tmp/guard
disk=$(sed -n 's|^partman-auto/disk ||p' /tmp/answered)
partition "$disk"
wget -q -O /dev/null http://10.0.0.1:8080/debian/pool/one.deb
unpack "$disk"
sed -i '{LATE}' /tmp/late
sh /tmp/late
"""
IN_MEMORY = "/tmp/answered /tmp/preseed.cfg /tmp/late /tmp/guard /tmp/finished /tmp/off /tmp/acted"


class NetworkFirst:
    """One chick."""

    def __init__(self, boots: Boots, machine: str):
        self.boots, self.name = boots, machine
        self.host = Installer(boots, machine).host
        for path, text in {**{f"/tmp/acting/{name}": ACT for name in PLAYED}, "/tmp/installation": INSTALLATION,
                           "/tmp/bin/partition": '#!/bin/sh\necho "$ORDER" >>/tmp/wiped; echo "half of $ORDER" >"$1"\n',
                           "/tmp/bin/unpack": '#!/bin/sh\necho "all of $ORDER" >"$1"\n'}.items():
            self.host.run(f"mkdir -p /tmp/acting; cat >{path} <<'EOF'\n{text}\nEOF\nchmod 755 {path}")

    def empty(self) -> None:
        """Its disk is a new one."""
        self.host.run(": >/tmp/made/dev/sda; : >/tmp/wiped")

    def start(self, kind: str, order: str, reset: str = "0 never") -> str:
        """Its power comes: "disk" (it boots that), "installed", or "stopped": its power went, or it refused."""
        found = self.boots.boot(self.name, kind)
        if found["local"]:
            assert found["loader"] and not found["kernel"], found
            return "disk"
        assert found["kernel"] and found["preseed"], found
        ended = self.host.run(f"rm -f {IN_MEMORY}; echo 0 >/tmp/acts; echo '{reset}' >/tmp/reset; : >/tmp/console\n"
                              "cat /proc/sys/kernel/random/uuid >/tmp/boot_id; export PATH=/tmp/acting:/tmp/bin:$PATH\n"
                              f"ORDER={order} setsid -w sh /tmp/installation >/tmp/said 2>&1 && echo well || :")
        return "installed" if ended else "stopped"

    def said(self) -> str:
        """By the installer of its last start."""
        return self.host.run("cat /tmp/said")

    def acts(self) -> list[str]:
        """Those of its last start."""
        return self.host.run("cat /tmp/acted").splitlines()

    def wipes(self, order: str) -> int:
        """How often its disk was written from the beginning by an order."""
        return self.host.run("cat /tmp/wiped").split().count(order)

    @property
    def disk(self) -> str:
        return self.host.run("cat /tmp/made/dev/sda").strip()
