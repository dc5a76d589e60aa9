"""From a power button to a Ready node: empty machines, switched on by their BMCs, installed by Debian's own installer."""

import base64
import hashlib
import os
import re
import shlex
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import MACHINES, wait_until
from pictures import picture
from stages import Followed

from lab import emulated
from lab.plan import Plan

PARTITIONS = "sfdisk --dump {other} | sed '/^label-id/d; s/, uuid=[^,]*//' | sfdisk --wipe always {new}"
NEW_BIOS = (PARTITIONS, "grub-install {new}")
NEW_UEFI = (PARTITIONS, "dd if={other}-part2 of={new}-part2")
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


@pytest.mark.parametrize("names", [("chick11",), ("chick12", "chick13"), ("chick14",)], ids=" and ".join)
def test_empty_machines_become_nodes(lab, types, cluster, names):
    """One alone, then two at once, then one on two disks, each by a command that is typed once."""
    disks = {name: emptied(lab, name) / emulated.image(1) for name in names}
    others = {name: digest(disk) for name, disk in disks.items()}
    with ExitStack() as following:
        followed = [following.enter_context(Followed(lab, name)) for name in names]
        runs = [types("inv", "node.install", name, "--again", then=f"{name}\n") for name in names]
        said = [run.end(limit=7200) for run in runs]  # a busy computer emulates slowly
    assert not any(one.asks for one in followed), [one.asks for one in followed]
    assert all("hosts.yaml has it now" in text for text in said)
    assert all(digest(disk) == others[name] for name, disk in disks.items()), "hosts.yaml does not name these disks"
    table = lab.run("chick0", "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "get", "nodes", "--no-headers").stdout
    ready = dict(line.split()[:2] for line in table.splitlines())
    for name in names:
        if folder := os.environ.get("COOP_PICTURES"):
            said = (lab.places.machine(name) / "console.log").read_text(errors="replace")
            kind = MACHINES[name].replace(":", "-")
            (Path(folder) / f"install-{kind}.svg").write_text(picture(said, f"{name}: from its power button to its own system"))
        assert ready[name] == "Ready"
        if not MACHINES[name].startswith("bios"):
            assert types("fab", "-H", name, "--", SECURE_BOOT).end().split()[-1] == "1", "Secure Boot is enforced"
        if MACHINES[name].startswith("http"):
            address = f"10.0.0.{100 + int(name.removeprefix('chick'))}"
            sent = lab.run("rooster", "journalctl", "-u", "dnsmasq", "-o", "cat", "--grep", f"sent .* to {address}$", check=False).stdout
            assert "/" not in sent, "nothing came by TFTP"


@pytest.mark.parametrize("name", [name for name, kind in MACHINES.items() if "mirror" in kind])
def test_either_disk_of_a_mirror_starts_the_machine(lab, types, cluster, name):
    def on(command: str) -> str:
        return types("fab", "-H", name, "--", command).end()

    def answers() -> bool:
        return types("fab", "-H", name, "--", "true").process.wait() == 0

    def whole() -> bool:
        return not re.search(r"resync|recovery|\[[U_]*_[U_]*\]", on("cat /proc/mdstat"))

    arrays = sorted(re.findall(r"^(md\d+) : active raid1", on("cat /proc/mdstat"), re.MULTILINE))
    assert len(arrays) == (2 if "lvm" in MACHINES[name] else 1)
    by_id = [f"/dev/disk/by-id/{drive.id}" for drive in lab.emulated[name].drives]
    for gone, shown in (0, "[_U]"), (2, "[U_]"):
        wait_until(f"the mirrors of {name} are whole", whole, 1800)
        on("sync")
        lab.off(name)
        lab.on(name, pulled=[gone])
        wait_until(f"{name} answers without disk {gone}", answers, 900)
        assert on("cat /proc/mdstat").count(shown) == len(arrays), f"disk {gone} is out"
        found = types("inv", "doctor").end(code=3)
        assert all(f"{array} of {name} has 1 of 2 disks" in found for array in arrays), found
        lab.off(name)
        lab.on(name, pulled=[])
        wait_until(f"{name} answers with both", answers, 900)
        for part, array in enumerate(arrays, 3):
            on(f"sudo mdadm /dev/{array} --add {by_id[gone]}-part{part}")
    lab.off(name)
    (disk := lab.places.machine(name) / emulated.image(2)).unlink()  # a new one takes its place
    lab.on(name)
    wait_until(f"{name} answers with a new disk", answers, 900)
    for command in NEW_BIOS if MACHINES[name].startswith("bios") else NEW_UEFI:  # as docs/install.md says
        on(f"sudo sh -c {shlex.quote(command.format(other=by_id[0], new=by_id[2]))}")
    for part, array in enumerate(arrays, 3):
        on(f"sudo mdadm /dev/{array} --add {by_id[2]}-part{part}")
    wait_until(f"the mirrors of {name} are whole", whole, 1800)
    on("sync")
    lab.off(name)
    lab.on(name, pulled=[0])
    wait_until(f"{name} answers from the new disk alone", answers, 900)
    assert disk.exists() and on("cat /proc/mdstat").count("[_U]") == len(arrays)


def test_a_machine_with_a_system_starts_it_although_the_network_is_first(lab, types, cluster):
    for _ in range(3):
        types("inv", "node.power", "chick11", "cycle", "--yes").end()
        wait_until("chick11 answers again", lambda: types("fab", "-H", "chick11", "--", "true").process.wait() == 0, 600)


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
        authority = base64.b64encode((lab.places.internet / "mirrored/authority.crt").read_bytes()).decode()
        types("fab", "-H", name, "--", TRUSTED.format(authority)).end()
        run.end(limit=7200)
    assert not followed.asks, followed.asks
    assert digest(lab.places.machine(name) / emulated.image(1)) == other
    types("inv", "node.add", name, "--dry").end()  # 0: nothing to do
    if MACHINES[name] == "bios":
        assert packages() ^ installed == set()
