"""A swarm: a lab of many small machines, for measurements and fault injection.

    outer bridge 128.120.136.0/24 ── rooster ── inner bridge 10.0.0.0/24 ── chick0 chick1 …
                                                      └── 10.0.0.2, a small package repository

Its machines are a lab's as any other, but boot nothing beside sshd and a journal: dozens are up in seconds.
It has no internet, and needs of the forge only the machines' root and a few small packages.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from json import dumps
from pathlib import Path

from . import network
from .cgroups import Groups, this_computers
from .forge import order
from .forge import swarm as forged
from .handle import Lab, LabError
from .installer import host_key, install_common, public_key, write
from .lifecycle import PROJECT, Tell, begin, clear, stage, standing, start
from .machine import Machine
from .places import Places, forge_cache
from .plan import Plan, Program
from .rackfolder import proxy_command

NAME = "swarm"
MOST = 150  # 10.0.0.100 to 10.0.0.249
REPOSITORY = "10.0.0.2"

BOOTED = {  # of all that a Debian starts by itself
    "ssh.service", "systemd-journald.service", "systemd-journald.socket", "systemd-journald-dev-log.socket",
    "systemd-sysctl.service",
}
UNITS = "etc/systemd/system"
NETWORK_UNIT = """\
[Unit]
Description=Addresses, as they are written for systemd-networkd
DefaultDependencies=no
Before=network.target ssh.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /usr/lib/swarm/addresses
"""
ADDRESSES = """\
cat /etc/systemd/network/*.network | while IFS="= " read -r key value; do
    case $key in
        Name) port=$value; echo "link set $port up" ;;
        Address) echo "addr add $value dev $port" ;;
        Gateway) echo "route add default via $value" ;;
    esac
done | ip -batch -
"""
# Process 1 finds no libbpf there: the kernel would take longer over its programs than the rest of a boot.
FAST = "usr/lib/swarm/systemd"
SSHD = """\
# Each channel is noted; and a crowd may come through rooster at once.
LogLevel VERBOSE
MaxStartups 300
"""

SOURCE = f"deb [signed-by=/etc/apt/keyrings/swarm.asc] http://{REPOSITORY}/ /\n"

NGINX = """\
user root;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {{ worker_connections 1024; }}
http {{
    sendfile on;
    access_log off;
    server {{
        listen {address}:80;
        root /srv/www;
    }}
}}
"""

RACK = """\
# A swarm, written by `inv lab.swarm`. It is used as any other rack: COOP_RACK={folder}
rack: {name}
operator:
  user: spicy
  identity_file: {key}
  proxy_command: {door}
machines:
  rooster:
    roles: [gateway]
    interfaces:
      enp2s0: {{mac: "02:00:00:00:02:00", address: 128.120.136.26/24, gateway: 128.120.136.1}}
      enp3s0: {{mac: "02:00:00:00:01:00", address: 10.0.0.1/24}}
    host_key: {host_key}
"""
CHICK = """\
  {name}:
    roles: [{role}]
    interfaces: {{enp1s0: {{mac: "02:00:00:00:01:{number:02x}", address: 10.0.0.{address}/24}}}}
    host_key: {host_key}
"""


def up(places: Places, chicks: int, tell: Tell, *, python: bool = False) -> Lab:
    """Bring up rooster and so many chicks; with `python`, all of Python is on them.

    LabError if the computer cannot, or another swarm has the name.
    """
    if not 1 <= chicks <= MOST:
        raise ValueError(f"a swarm has 1 to {MOST} chicks, not {chicks}")
    if lab := standing(places):
        if len(lab.machines) != chicks + 1:
            there = f"{places.name} is up with {len(lab.machines) - 1} chicks"
            raise LabError(f"{there}: inv lab.down --name {places.name}")
        return lab
    store = order.make(forged.part, forge_cache(), tell)
    root, internet = (store.folder(part) / "root" for part in (forged.machine_root, forged.internet_root))
    www = store.folder(forged.part) / "www"
    more = order.make(forged.python, forge_cache(), tell).folder(forged.python) / "root" if python else None
    clear(places, tell)
    with stage("keys and rack", tell):
        authority = begin(places)
        machines = write_rack(places, chicks)
        common = places.folder / "common"
        if more:
            subprocess.run(["cp", "-a", more, common], check=True)
        install_common(root, common, places.key.with_suffix(".pub").read_text(), authority)
        install_light(root, common, www / "key.asc")
        plan = Plan(groups=Groups(places.prefix, this_computers()), machines=machines,
                    programs=(repository(places, www, (internet, root)),), root=root, common=common,
                    mirror_cache=None, environment={"LD_LIBRARY_PATH": f"/{FAST}"})
    with stage("networks", tell):
        network.create(places)
        network.batch([f"addr add {REPOSITORY}/24 dev inner"], places.namespace("inner"))
    return start(places, plan, tell)


def write_rack(places: Places, chicks: int) -> tuple[Machine, ...]:
    """Write a rack folder, its configs those of the project; returns its machines."""
    import yaml

    (places.rack / "configs").mkdir(parents=True)
    for file in ("network", "versions", "cluster"):  # the rest is about what a swarm has not
        shutil.copy(PROJECT / f"configs/{file}.yaml", places.rack / "configs")
    text = "".join(rack_text(places, chicks))
    (places.rack / "hosts.yaml").write_text(text)
    return tuple(Machine.read(name, entry) for name, entry in yaml.safe_load(text)["machines"].items())


def rack_text(places: Places, chicks: int) -> Iterator[str]:
    """hosts.yaml: rooster, one control plane, workers."""
    yield RACK.format(folder=places.rack, name=places.name, key=dumps(str(places.key)),
                      door=dumps(proxy_command(places)), host_key=public_key(host_key(places, "rooster")))
    for number in range(chicks):
        name = f"chick{number}"
        yield CHICK.format(name=name, role="worker" if number else "control-plane", number=number + 1,
                           address=100 + number, host_key=public_key(host_key(places, name)))


def install_light(root: Path, layer: Path, key: Path) -> None:
    """Let a machine boot what it must, and install from the swarm's repository alone."""
    systemd = root / "usr/lib/systemd"
    started = {unit.name for place in (systemd / "system", root / UNITS) for unit in place.glob("*.wants/*")}
    for unit in sorted(started - BOOTED | {"systemd-networkd.service", "systemd-networkd.socket"}):
        masked(layer / UNITS / unit)
    write(layer / FAST / "libbpf.so.1", "")
    (layer / "usr/lib/modules" / os.uname().release).mkdir(parents=True)
    for generator in (systemd / "system-generators").iterdir():
        masked(layer / "etc/systemd/system-generators" / generator.name)
    link(layer / UNITS / "default.target", "/usr/lib/systemd/system/multi-user.target")
    write(layer / UNITS / "swarm-network.service", NETWORK_UNIT)
    link(layer / UNITS / "multi-user.target.wants/swarm-network.service", "../swarm-network.service")
    write(layer / "usr/lib/swarm/addresses", ADDRESSES)
    write(layer / "etc/ssh/sshd_config.d/swarm.conf", SSHD)
    write(layer / "etc/apt/sources.list", SOURCE)
    write(layer / "etc/apt/keyrings/swarm.asc", key.read_text())


def masked(place: Path) -> None:
    link(place, "/dev/null")


def link(place: Path, target: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(target)


def repository(places: Places, www: Path, layers: tuple[Path, ...]) -> Program:
    """What answers at 10.0.0.2."""
    settings = places.internet / "settings"
    settings.mkdir(parents=True)
    (settings / "nginx.conf").write_text(NGINX.format(address=REPOSITORY))
    return Program("packages", ("/usr/sbin/nginx", "-c", "/srv/lab/nginx.conf", "-g", "daemon off;"), layers,
                   {"srv/lab": settings, "srv/www": www}, network="inner")
