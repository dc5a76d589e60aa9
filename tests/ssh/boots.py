"""rooster's boots in a swarm: the role's own files, and dnsmasq and nginx run from them, in rooster's namespaces."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from toys import PROJECT

from fabfile.engine.step import Step
from fabfile.rack import Rack
from fabfile.resources import Directory, File, Resource, Symlink
from fabfile.resources.installation import BOOT
from fabfile.roles.gateway import DNSMASQ, gateway
from fabfile.roles.netboot import IMAGES, KERNEL, LOADERS, LOGS, NGINX

DISK, SIZE, SERIAL = "/dev/disk/by-id/ata-DISK_S1", 64 << 20, "S1"
UUID = "4c4c4544-0042-3510-8056-b4c04f4e373"  # and the machine's number
MIRROR_PORT = 9999
DNSMASQ_SAID = "/var/log/dnsmasq.log"
JOURNAL = """#!/bin/sh
# dnsmasq's part of the journal, as `-o short-unix` has it
awk '{ split($3, t, ":"); month = (index("JanFebMarAprMayJunJulAugSepOctNovDec", $1) + 2) / 3
       time = mktime(strftime("%Y ") month " " $2 " " t[1] " " t[2] " " t[3]); $1 = $2 = $3 = ""
       print time ".000000 rooster " substr($0, 4) }' """ + DNSMASQ_SAID


def files_of(rack: Rack) -> list[Step]:
    """What the role writes on rooster for boots; its packages and units a swarm has not."""
    def role(rack: Rack, machine) -> Iterator[Resource]:
        for one in gateway(rack, machine):
            path = getattr(one, "path", "")
            ours = (BOOT, DNSMASQ, NGINX, LOGS, "/var/cache/coop-boot", "/usr/local/lib/coop")
            if isinstance(one, Directory | Symlink | File) and path.startswith(ours):
                yield one
    return [Step("boots", (rack.gateway,), role)]


def nginx() -> Path:
    """The computer's own nginx, else unpacked from its package, once: installed, it would serve a page on this computer."""
    if own := shutil.which("nginx", path="/usr/sbin:/usr/bin"):
        return Path(own)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coop" / "nginx"
    if not (cache / "usr/sbin/nginx").exists():
        building = cache.with_suffix(".building")
        building.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-q", "nginx"], check=True, cwd=building)
        for package in building.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package.name, "."], check=True, cwd=building)
            package.unlink()
        building.rename(cache)
    return cache / "usr/sbin/nginx"


class Boots:
    """A swarm whose rooster serves boots; `operator` is somebody at it, the machines' firmware is `boot`."""

    def __init__(self, operator):
        self.operator, self.swarm = operator, operator.swarm
        self.rooster = self.swarm.hosts["rooster"]
        self._write_rack()
        self._bring()
        result = operator.run(files_of)
        assert result.exit_code == 0, result.errors
        self._serve()

    def _serve(self) -> None:
        dnsmasq = f"dnsmasq --conf-file={DNSMASQ} --pid-file=/run/dnsmasq.pid --log-facility={DNSMASQ_SAID}"
        for daemon in (dnsmasq, f"nginx -c {NGINX}", "nginx -c /srv/mirror.conf"):
            self.rooster.run(f"{daemon} >/run/said 2>&1 </dev/null || {{ cat /run/said; exit 1; }}")

    def reboot(self) -> None:
        """rooster's power goes, and comes back: all that ran there has ended, sessions too, and /run is empty; then come the
        daemons, and the timer's first run. Its journal is kept from here on, as far as dnsmasq writes it."""
        self.rooster.run(f"""
[ "$(cat /proc/1/comm)" = sshd ] || exit 1  # of a swarm's machine, and no other
for process in /proc/[0-9]*; do
  case ${{process#/proc/}} in 1|$$) ;; *) kill -9 ${{process#/proc/}} 2>/dev/null ;; esac
done
for process in /proc/[0-9]*; do  # their ports are free once they have ended
  case ${{process#/proc/}} in 1|$$) ;; *) while [ -e "$process/exe" ]; do sleep 0.05; done ;; esac
done
for place in /run/*; do [ "$place" = /run/sshd ] || rm -rf "$place"; done
cat >/usr/local/bin/journalctl <<'END'
{JOURNAL}
END
chmod 755 /usr/local/bin/journalctl""")
        self._serve()
        self.rooster.run("sh /usr/local/lib/coop/disarm")

    def _write_rack(self) -> None:
        """The swarm's rack, whose chicks may be installed: each has a disk on file."""
        folder = self.operator.folder
        hosts = (folder / "hosts.yaml").read_text()
        for number, name in enumerate(self.swarm.names[1:]):
            hosts = hosts.replace(f"  {name}:\n", f"  {name}:\n    disks: {{system: {DISK}{number}}}\n"
                                  f"    hardware:\n      uuid: {UUID}{number}\n"
                                  f"      disks: {{{DISK}{number}: {{size: {SIZE}, serial: {SERIAL}{number}}}}}\n")
        (folder / "hosts.yaml").write_text(hosts)
        install = (PROJECT / "configs/install.yaml").read_text()
        mirrors = "".join(f"    {key}: http://127.0.0.1:{MIRROR_PORT}/{path}\n" for key, path in (
            ("mirror", "debian"), ("security", "debian-security")))
        (folder / "configs/install.yaml").write_text(install.replace("  debian-13:\n", f"  debian-13:\n{mirrors}"))

    def _bring(self) -> None:
        """Debian's files by their names alone, a mirror of Debian that knows one kernel, and nginx."""
        images = {*LOADERS.values(), *(f"{IMAGES}/{image}" for image in KERNEL.values())}
        lines = [f"mkdir -p $(dirname {image}); echo '{Path(image).name}' >{image}" for image in sorted(images)]
        lists = "/srv/mirror/debian/dists/trixie/main/debian-installer/binary-amd64"
        lines += [f"echo '6.12.1+deb13-amd64 (debian-kernel@lists.debian.org)' >{IMAGES}/linux",
                  f"mkdir -p {lists} /var/log/nginx /var/lib/nginx /srv/mirror/debian/pool",
                  f"printf 'Package: x\\nKernel-Version: 6.12.1+deb13-amd64\\n' | gzip >{lists}/Packages.gz",
                  "echo package >/srv/mirror/debian/pool/one.deb",
                  f"printf '%s\\n' 'pid /run/mirror.pid; events {{ }} http {{ access_log /var/log/nginx/mirror.log; server {{ "
                  f"listen 127.0.0.1:{MIRROR_PORT}; root /srv/mirror; }} }}' >/srv/mirror.conf"]
        self.rooster.run("\n".join(lines))
        if not str(nginx()).startswith("/usr/sbin"):
            self.rooster.bring(nginx())
            self.rooster.run(f"ln -s {nginx()} /usr/sbin/nginx")

    def python(self, machine: str, program: str, *words: str) -> str:
        """What a program of tests/ssh prints that runs on a machine."""
        text = (Path(__file__).parent / program).read_text()
        done = subprocess.run([*self.swarm.hosts[machine].inside(), "python3", "-", *words], input=text, capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def boot(self, machine: str, kind: str, mac: str = "") -> dict:
        return json.loads(self.python(machine, "firmware.py", "enp1s0", mac or self.swarm.mac(machine), kind))

    def ask(self, machine: str, path: str, method: str = "GET", body: str = "", **headers: str) -> int:
        """The status of one HTTP request of a machine."""
        given = "".join(f" -H '{name.title()}: {value}'" for name, value in headers.items())
        data = f" --data-binary '{body}'" if method == "PUT" else ""
        return int(self.swarm.hosts[machine].run(
            f"curl -s --noproxy '*' --max-time 5 -o /dev/null -w '%{{http_code}}' -X {method}{given}{data} http://10.0.0.1:8080{path}"))

    def claim(self, machine: str, order: str) -> int:
        return self.ask(machine, "/armed/", "MOVE", destination=f"http://10.0.0.1:8080/claimed-{order}/", overwrite="F")

    def arm(self, machine: str, order: str, seconds: int = 600) -> None:
        """As the task arms, by its own shell text."""
        from fabfile.resources.order import Order
        from fabfile.roles.arming import arm

        rack = self.operator.rack
        box = rack.machine(machine)
        ordered = Order(order, machine, disks=(box.disks["system"],))
        self.rooster.run("set -e\n" + arm(rack, box, ordered, {"who": "somebody"}, seconds))

    def until(self, holds, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.2)
