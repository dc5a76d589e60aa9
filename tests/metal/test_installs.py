"""From a power button to a Ready node: empty machines, switched on by their BMCs, installed by Debian's own installer."""

import base64
import hashlib
import os
import re
import shlex
from pathlib import Path

import pytest
from conftest import MACHINES, PROJECT, wait_until
from pictures import picture
from stages import Followed

from lab import emulated
from lab.plan import Plan
from tests.pages import blocks

# the lines of docs/install.md: a disk that is back, and a new one
(_, *ADDED), NEW = (text.splitlines() for _, where, text in blocks(PROJECT / "docs/install.md") if "whose disk has failed" in where)
TRUSTED = "sudo sh -c 'mkdir -p {0}; echo {{}} | base64 -d >{0}/lab.crt'".format("/usr/local/share/ca-certificates")
SECURE_BOOT = "od -An -tu1 -j4 /sys/firmware/efi/efivars/SecureBoot-*"  # behind four bytes of attributes


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def emptied(lab, name: str) -> Path:
    """The folder of a machine that is off, with new disks."""
    lab.reset([name])
    folder = lab.places.machine(name)
    emulated.prepare(lab.emulated[name], folder, Plan.read(lab.places.plan).metal.layers[0])
    return folder


def test_the_installer_claims_its_order_before_it_writes_and_the_machine_is_not_armed_any_more(lab, types, gateway):
    """As far as the first write: the shortest way through firmware, loader, kernel, components, guard and claim."""
    folder = emptied(lab, "chick11")
    other = digest(folder / emulated.image(1))
    run = types("inv", "node.install", "chick11", then="chick11\n")
    with Followed(lab, "chick11") as followed:
        run.until("it has claimed order", 1800)
    run.process.kill()
    assert not followed.asks, followed.asks
    places = lab.run("rooster", "sh", "-c", "ls /srv/coop/boot/at/10.0.0.111").stdout.split()
    assert [place for place in places if place.startswith("claimed-")] and "armed" not in places
    assert digest(folder / emulated.image(1)) == other
    emptied(lab, "chick11")


@pytest.mark.parametrize("name", MACHINES)
def test_an_empty_machine_becomes_a_node(lab, types, cluster, name):
    """By a command that is typed once. One after the other: two that join at once, and pull the hub's images, need four cores."""
    disk = emptied(lab, name) / emulated.image(1)
    other = digest(disk)
    with Followed(lab, name) as followed:
        said = types("inv", "node.install", name, "--again", then=f"{name}\n").end(limit=7200)  # a busy computer emulates slowly
    assert not followed.asks, followed.asks
    assert "hosts.yaml has it now" in said
    assert digest(disk) == other, "hosts.yaml does not name this disk"
    if folder := os.environ.get("COOP_PICTURES"):
        console = (lab.places.machine(name) / "console.log").read_text(errors="replace")
        shown = Path(folder) / f"install-{MACHINES[name].replace(':', '-')}.svg"
        shown.write_text(picture(console, f"{name}: from its power button to its own system"))
    nodes = lab.run("chick0", "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "get", "nodes", "--no-headers").stdout
    assert dict(line.split()[:2] for line in nodes.splitlines())[name] == "Ready"
    if not MACHINES[name].startswith("bios"):
        assert types("fab", "-H", name, "--", SECURE_BOOT).end().split()[-1] == "1", "Secure Boot is enforced"
    if MACHINES[name].startswith("http"):
        sent = lab.run("rooster", "journalctl", "-u", "dnsmasq", "-o", "cat",
                       "--grep", f"sent .* to 10.0.0.{100 + int(name.removeprefix('chick'))}$", check=False).stdout
        assert "/" not in sent, "nothing came by TFTP"


def wait_for(types, name: str, limit: float) -> None:
    """Until it lets operators in."""
    wait_until(f"{name} answers", lambda: types("fab", "-H", name, "--", "true").process.wait() == 0, limit)


@pytest.mark.parametrize("name", [name for name, kind in MACHINES.items() if "mirror" in kind])
def test_either_disk_of_a_mirror_starts_the_machine(lab, types, cluster, name):
    def on(command: str) -> str:
        return types("fab", "-H", name, "--", command).end()

    def starts(pulled: list[int]) -> None:
        lab.off(name)
        lab.on(name, pulled=pulled)
        wait_for(types, name, 900)

    def add(disk: int) -> None:
        for line in ADDED[:len(arrays)]:
            on(f"sudo {line.replace('DISK', ids[disk])}")

    def fill() -> None:
        """Both disks are there: until they hold the same, and hold it."""
        wait_until(f"the mirrors of {name} are whole",
                   lambda: not re.search(r"resync|recovery|\[[U_]*_[U_]*\]", on("cat /proc/mdstat")), 1800)
        on("sync")

    arrays = sorted(re.findall(r"^(md\d+) : active raid1", on("cat /proc/mdstat"), re.MULTILINE))
    assert arrays == (["md0", "md1"] if "lvm" in MACHINES[name] else ["md0"])
    ids = [drive.id for drive in lab.emulated[name].drives]
    for gone, shown in (0, "[_U]"), (2, "[U_]"):
        fill()
        starts(pulled=[gone])
        assert on("cat /proc/mdstat").count(shown) == len(arrays), f"disk {gone} is out"
        found = types("inv", "doctor").end(code=3)
        assert all(f"{array} of {name} has 1 of 2 disks" in found for array in arrays), found
        starts(pulled=[])
        add(gone)
    lab.off(name)
    (disk := lab.places.machine(name) / emulated.image(2)).unlink()  # a new one takes its place
    starts(pulled=[])
    partitions, bios, uefi = NEW
    for line in partitions, bios if MACHINES[name].startswith("bios") else uefi:
        on(f"sudo sh -c {shlex.quote(line.replace('OTHER', ids[0]).replace('NEW', ids[2]))}")
    add(2)
    fill()
    starts(pulled=[0])
    assert disk.exists() and on("cat /proc/mdstat").count("[_U]") == len(arrays)


def test_a_machine_with_a_system_starts_it_although_the_network_is_first(lab, types, cluster):
    for _ in range(3):
        types("inv", "node.power", "chick11", "cycle", "--yes").end()
        wait_for(types, "chick11", 600)


@pytest.fixture(scope="session")
def images(types, gateway):
    """rooster has the environment in RAM, and the image of a plain system."""
    types("inv", "image.build").end()
    types("inv", "image.build", "--system", "debian-13").end()


@pytest.mark.parametrize("name", ["chick11", "chick13"])
def test_an_image_gives_the_machine_that_the_installer_gives(lab, types, cluster, images, name):
    """By the BIOS's TFTP, and by UEFI's HTTP with Secure Boot enforced; the second had LVM before, which an image has not."""
    def packages() -> set[str]:
        return set(types("fab", "-H", name, "--", "dpkg-query -W -f '${Package}\n'").end().split())

    installed, other = packages(), digest(lab.places.machine(name) / emulated.image(1))
    types("inv", "node.remove", name, "--yes").end()
    hosts = lab.rack / "hosts.yaml"
    hosts.write_text(hosts.read_text().replace("    install: debian-13-lvm\n", ""))
    with Followed(lab, name) as followed:
        run = types("inv", "node.install", name, "--image", "--reinstall", then=f"{name}\n")
        run.until("hosts.yaml has it now", 1800)
        # the lab's packages are signed for by an authority of its own, which only its installer brings along
        authority = base64.b64encode((lab.places.authority / "ca.crt").read_bytes()).decode()
        types("fab", "-H", name, "--", TRUSTED.format(authority)).end()
        run.end(limit=7200)
    assert not followed.asks, followed.asks
    assert digest(lab.places.machine(name) / emulated.image(1)) == other
    types("inv", "node.add", name, "--dry").end()  # 0: nothing to do
    if MACHINES[name] == "bios":
        assert packages() ^ installed == set()
