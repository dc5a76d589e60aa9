"""Emulated machines with a system: a file server with its disks, and a node that can mount NFS, which a container cannot.

    python -m lab.systems LAB MACHINE LAYER…    writes the machine's disk, in a mount namespace of its own

Their system is what an installer leaves, plus a kernel and a ZFS module that were built beforehand (forge/file_server.py).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

from . import kernel
from .emulated import GIB, SAID, Drive, Emulated, image
from .installer import host_key, install, install_common, public_key, write
from .machine import Machine, Port
from .places import Places
from .rackfolder import TEMPLATES, jinja

DATA, LOG = 8, 2  # disks of the file server
ADDRESSES = {"hen": "10.0.0.200", "chick3": "10.0.0.103"}
PATIENCE = 600.0  # seconds that an emulated machine may take to its login, on a busy computer
FSTAB = "LABEL=root / ext4 defaults,noatime 0 1\n"


def machines() -> tuple[Emulated, ...]:
    """The file server, and a node that mounts from it."""
    data = tuple(Drive(f"ZC1{number:05}", 2 * GIB, bus="scsi", wwn=f"5000c500a10000{number:02x}") for number in range(DATA))
    log = tuple(Drive(f"BTWL{number:05}", GIB, bus="scsi", wwn=f"55cd2e41400000{number:02x}") for number in range(LOG))
    system = Drive("system", 6 * GIB, bus="virtio")
    return (Emulated("hen", "bios", "00:25:90:51:d2:00", "E200970X00200", (system, *data, *log), 1536, kernel=True),
            Emulated("chick3", "bios", "00:25:90:51:d2:03", "E200970X00103", (system,), 2048, kernel=True))


def write_rack(places: Places) -> None:
    """Put them at the end of hosts.yaml, whose last key is `machines`, and their pool at the end of storage.yaml."""
    hosts, storage = places.rack / "hosts.yaml", places.rack / "configs/storage.yaml"
    entries = jinja((TEMPLATES / "systems.yaml").read_text(), hen=machines()[0], node=machines()[1], addresses=ADDRESSES,
                    host_key=lambda machine: public_key(host_key(places, machine)), data=DATA)
    hosts.write_text(f"{hosts.read_text()}\n{textwrap.indent(entries, '  ')}")
    storage.write_text(f"{storage.read_text()}\n{(TEMPLATES / 'pools.yaml').read_text()}")


def install_system(places: Places, machine: Emulated, layers: Sequence[Path]) -> None:
    """Write the machine's first disk again, with its kernel beside it; its other disks stay. `layers`: of its root, the first on
    top; what the first has beside it is its kernel."""
    folder = places.machine(machine.name)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("vmlinuz", "initrd"):
        shutil.copy(layers[0].parent / name, folder / name)
    (folder / SAID).unlink(missing_ok=True)
    subprocess.run(["unshare", "--mount", "--propagation=private", sys.executable, "-m", "lab.systems", places.name, machine.name,
                    *map(str, layers)], cwd=Path(__file__).parents[1], check=True)


def wait(places: Places, names: Sequence[str]) -> None:
    """Until the consoles of these machines show a login. TimeoutError with the end of the first that does not."""
    until = time.monotonic() + PATIENCE
    for name in names:
        said = places.machine(name) / SAID
        while not said.exists() or b" login:" not in said.read_bytes():
            if time.monotonic() > until:
                tail = said.read_text(errors="replace").splitlines()[-8:] if said.exists() else []
                raise TimeoutError("\n  ".join([f"{name} shows no login after {PATIENCE:.0f} s; its console ends with:", *tail]))
            time.sleep(0.5)


def _write_disk(places: Places, machine: Emulated, layers: Sequence[str]) -> None:
    """The first disk: the layers, and what an installer would write. Called in a mount namespace of its own."""
    folder, work = places.machine(machine.name), places.machine(machine.name) / "installing"
    shutil.rmtree(work, ignore_errors=True)
    for part in ("upper", "work", "root"):
        (work / part).mkdir(parents=True)
    kernel.mount("overlay", work / "root", "overlay",
                 options=f"lowerdir={':'.join(layers)},upperdir={work}/upper,workdir={work}/work")
    root = work / "root"
    install_common(root, root, places.key.with_suffix(".pub").read_text(), places.authority / "ca.crt")
    install(places, Machine(machine.name, (Port("enp1s0", machine.mac, f"{ADDRESSES[machine.name]}/24"),)), root)
    write(root / "etc/fstab", FSTAB)
    (root / "etc/systemd/journald.conf.d/lab.conf").unlink()
    disk = folder / image(0)
    disk.unlink(missing_ok=True)
    with disk.open("wb") as file:
        file.truncate(machine.drives[0].size)
    subprocess.run(["mkfs.ext4", "-q", "-L", "root", "-E", "lazy_itable_init=1,lazy_journal_init=1", "-d", root, disk], check=True)
    subprocess.run(["umount", root], check=True)
    shutil.rmtree(work)


if __name__ == "__main__":
    _write_disk(Places.named(sys.argv[1]), next(each for each in machines() if each.name == sys.argv[2]), sys.argv[3:])
