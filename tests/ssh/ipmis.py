"""IPMI in a swarm: OpenIPMI's simulator, and ipmitool, both from their packages, unpacked once; nothing is installed."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

USER, PASSWORD = "ADMIN", "correct-battery"
PACKAGES = ("ipmitool", "openipmi", "libopenipmi0", "libfreeipmi17", "freeipmi-common", "libpopt0")
SIMULATED = """
name "bmc"
set_working_mc 0x20
startlan 1
  addr {address} 623
  priv_limit admin
  allowed_auths_callback none md2 md5 straight
  allowed_auths_user none md2 md5 straight
  allowed_auths_operator none md2 md5 straight
  allowed_auths_admin none md2 md5 straight
  guid a123456789abcdefa123456789abcdef
endlan
chassis_control "/srv/ipmi/chassis"
user 1 true "" "none" user 10 none md2 md5 straight
user 2 true "{user}" "{password}" admin 10 none md2 md5 straight
"""
CHASSIS = r"""#!/bin/sh
echo "$*" >>/srv/ipmi/told
what=$1; shift
while [ $# -gt 0 ]; do
    case $what/$1 in
    get/power) echo "power:$(cat /srv/ipmi/power)"; shift ;;
    get/boot) echo "boot:$(cat /srv/ipmi/boot)"; shift ;;
    set/power | set/boot) echo "$2" >"/srv/ipmi/$1"; shift 2 ;;
    set/shutdown) [ -e /srv/ipmi/never ] || echo 0 >/srv/ipmi/power; shift 2 ;;
    *) shift ;;
    esac
done
"""


def programs() -> Path:
    """The folder with both programs and their libraries."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coop" / "ipmi"
    if not (cache / "usr/bin/ipmi_sim").exists():
        building = cache.with_suffix(".building")
        building.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-q", *PACKAGES], check=True, cwd=building)
        for package in building.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package.name, "."], check=True, cwd=building)
            package.unlink()
        building.rename(cache)
    return cache


class Ipmi:
    """The BMC of one machine; it speaks the old ciphers alone, as boards of 2012 do."""

    def __init__(self, operator, machine: str, on: bool):
        self.rooster = operator.swarm.hosts["rooster"]
        self.address = f"192.168.0.{100 + operator.swarm.names.index(machine) - 1}"
        self.rooster.bring(programs())
        libraries = f"LD_LIBRARY_PATH={programs()}/usr/lib/x86_64-linux-gnu:{programs()}/lib/x86_64-linux-gnu"
        self.rooster.run(f"""
ip addr add {self.address}/32 dev lo; mkdir -p /srv/ipmi/state
echo {int(on)} >/srv/ipmi/power; echo none >/srv/ipmi/boot; : >/srv/ipmi/told
cat >/srv/ipmi/lan.conf <<'END'{SIMULATED.format(address=self.address, user=USER, password=PASSWORD)}END
cat >/srv/ipmi/chassis <<'END'
{CHASSIS}END
printf '%s\n' 'mc_setbmc 0x20' 'mc_add 0x20 0 has-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr' 'mc_enable 0x20' >/srv/ipmi/commands
printf '#!/bin/sh\n{libraries} exec {programs()}/usr/bin/ipmitool "$@"\n' >/usr/local/bin/ipmitool
chmod 755 /srv/ipmi/chassis /usr/local/bin/ipmitool
""")
        simulator = f"cd /srv/ipmi; {libraries} exec {programs()}/usr/bin/ipmi_sim -c lan.conf -f commands -s state -n"
        self.process = subprocess.Popen(
            [*self.rooster.inside(), "sh", "-c", simulator],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while ":026F" not in self.rooster.run("cat /proc/net/udp"):  # port 623
            assert time.monotonic() < until and self.process.poll() is None
            time.sleep(0.05)

    @property
    def on(self) -> bool:
        return self.rooster.run("cat /srv/ipmi/power") == "1\n"

    @property
    def told(self) -> list[str]:
        """What changed something."""
        return [line for line in self.rooster.run("cat /srv/ipmi/told").splitlines() if line.startswith("set")]

    def entry(self, suite: int = 3) -> str:
        return f"{{address: {self.address}, protocol: ipmi, user: {USER}, cipher_suite: {suite}}}"
