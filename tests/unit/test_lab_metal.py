"""The lab's emulated machines: values and files; no emulator runs."""

import gzip
import json
import lzma
import shlex
import socket
import threading

import pytest

from fabfile.bmc import redfish
from fabfile.loading import load
from fabfile.resources.order import Order
from fabfile.roles.netboot import kernel_arguments
from fabfile.upstream.preseed import components_list, preseed
from lab import emulated, metal, rackfolder
from lab.bmc import emulated as bmc
from lab.cgroups import Groups
from lab.emulated import CANARY, Emulated
from lab.forge import components
from lab.forge.components import Component, for_kernel, needed, read, with_dependencies
from lab.monitor import MonitorError, tell
from lab.places import Places
from lab.plan import Metal, Plan
from lab.supervisor import Supervisor
from tests.unit.test_lab_machines import places, www  # noqa: F401  fixtures

BOTH = metal.machines("chick11:bios,chick12:uefi")


@pytest.mark.parametrize("wanted", [
    "chick11", "chick11:efi", "chick2:bios", "hen:bios", "chick11:bios,chick11:uefi", "chick100:bios", "chick11:bios:raid"])
def test_what_cannot_be_emulated_is_told_in_a_sentence(wanted):
    with pytest.raises(ValueError, match="--metal takes chick3 to chick99"):
        metal.machines(wanted)


def test_the_rack_names_the_machines_as_qemu_is_told_to_be_them(places, www):  # noqa: F811
    containers = rackfolder.render(places, www)
    metal.write_rack(places, BOTH)
    rack = load(places.rack)
    assert [each.name for each in metal.among(containers, BOTH)] == ["rooster", "chick0", "chick1", "chick2"]
    for one in BOTH:
        said, told = rack.machine(one.name), shlex.join(emulated.command(one))
        disk = said.hardware.disks[said.disks["system"]]
        for word in (said.inner.mac, said.hardware.uuid, said.hardware.serial, disk.serial, f"ifname={one.name},"):
            assert str(word) in told
        assert disk.size == one.drives[0].size and said.host_key is None and said.bmc.public_key.startswith("sha256//")
        assert "console=ttyS0,115200n8" in kernel_arguments(rack, said, Order("0" * 12, said.name))
        assert "d-i mirror/udeb/suite string lab\n" in preseed(rack, said)
        assert components_list(rack, said) == f"http://10.0.0.1:8080/debian/dists/lab/{components.INDEX}/Packages.gz"
    assert rack.machine("chick12").hardware.firmware == "uefi"


def test_a_machine_of_two_disks_has_them_in_the_rack_and_one_that_is_none_of_its_system(places, www):  # noqa: F811
    (one,) = metal.machines("chick14:bios:lvm-mirror")
    rackfolder.render(places, www)
    metal.write_rack(places, [one])
    said = load(places.rack).machine("chick14")
    assert said.install == "debian-13-lvm-mirror" and [*said.disks] == ["system", "mirror"]
    assert [*said.hardware.disks] == [f"/dev/disk/by-id/{one.drives[number].id}" for number in (0, 2)]
    assert one.drives[1].holds_something
    without = shlex.join(emulated.command(one, pulled=[0]))
    assert one.drives[0].serial not in without and f"serial={one.drives[2].serial},bootindex=" in without
    assert f"serial={one.drives[1].serial},bootindex=" not in without, "a BIOS tries one disk alone"


def test_rooster_reaches_the_bmcs_by_a_port_that_the_rack_does_not_name(places, www):  # noqa: F811
    rooster, *others = metal.among(rackfolder.render(places, www), BOTH)
    assert [port.bridge for port in rooster.ports] == ["outer", "inner", "management"]
    assert rooster.default_route == "128.120.136.1" and rooster.address == "128.120.136.26"
    assert all(len(each.ports) == 1 for each in others)
    assert [metal.bmc_address(each) for each in BOTH] == ["192.168.0.111", "192.168.0.112"]


@pytest.mark.parametrize("first, card, disk", [("network", 1, 2), ("disk", 99, 2)])
def test_what_is_booted_first_and_by_which_firmware(first, card, disk):
    bios, uefi, http = (shlex.join(emulated.command(one, first)) for one in metal.machines("chick11:bios,chick12:uefi,chick13:http"))
    for told in (bios, uefi, http):
        assert f"bus=behind,bootindex={card}" in told and f"bootindex={disk}" in told and "-nodefaults" in told
    assert "OVMF" not in bios and "secboot" in uefi and "smm=on" in uefi and "PXESupport" not in uefi
    assert "IPv4PXESupport,string=n" in http and "IPv6PXESupport,string=n" in http


def test_the_first_disk_is_empty_and_what_another_holds_can_be_seen_again(tmp_path):
    vars_file = tmp_path / "root" / emulated.OVMF / "OVMF_VARS_4M.ms.fd"
    vars_file.parent.mkdir(parents=True)
    vars_file.write_text("keys")
    drives = emulated.Drive("A", 1 << 20), emulated.Drive("B", 1 << 20, bus="nvme", holds_something=True)
    machine = Emulated("chick12", "uefi", "00:25:90:51:d1:0c", "S", drives)
    emulated.prepare(machine, tmp_path / "m", tmp_path / "root")
    empty, other = ((tmp_path / "m" / emulated.image(number)).read_bytes() for number in (0, 1))
    assert not any(empty) and len(empty) == len(other) == 1 << 20
    assert other.startswith(CANARY) and other.endswith(CANARY) and other.count(CANARY) == 3
    (tmp_path / "m/settings.fd").write_text("changed")
    (tmp_path / "m/disk0.raw").write_text("a system")
    emulated.prepare(machine, tmp_path / "m", tmp_path / "root")
    assert (tmp_path / "m/settings.fd").read_text() == "changed" and (tmp_path / "m/disk0.raw").read_text() == "a system"
    assert [drive.id for drive in machine.drives] == ["ata-SAMSUNG_MZ7LM240_A", "nvme-QEMU_NVMe_Ctrl_B"]


def test_a_plan_with_emulated_machines_is_read_as_it_was_written(tmp_path):
    plan = Plan(Groups("coop-x", ()), (), (), root=tmp_path, common=tmp_path, mirror_cache=None,
                metal=Metal(BOTH, (tmp_path / "emulator", tmp_path), (tmp_path,)))
    plan.write(tmp_path / "plan.json")
    assert Plan.read(tmp_path / "plan.json") == plan


def test_the_products_own_questions_understand_the_bmc():
    said = {path: redfish.Answer(200, "", body) for path, body in bmc.resources(BOTH[1]).items()}
    assert redfish.to_read(said) == ()
    state = redfish.state(said)
    assert state.off and state.uuid == BOTH[1].uuid and BOTH[1].serial in state.serials
    assert redfish.reset(said, "on").body == {"ResetType": "On"} and redfish.reset(said, "off").body == {"ResetType": "ForceOff"}


def test_qemu_is_told_one_thing_a_connection_and_its_refusals_are_errors(tmp_path):
    heard = []

    def play(listener):
        for _ in range(2):
            line = listener.accept()[0].makefile("rw")
            line.write('{"QMP": {}}\n')
            line.flush()
            for text in line:
                heard.append(json.loads(text))
                answer = {"error": {"desc": "no such command"}} if heard[-1]["execute"] == "nonsense" else {"return": {"running": True}}
                line.write('{"event": "RESET"}\n' + json.dumps(answer) + "\n")
                line.flush()

    (folder := tmp_path / ("long" * 40)).mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        (tmp_path / "s").rename(folder / "qmp.sock")
        listener.listen(4)
        threading.Thread(target=play, args=(listener,), daemon=True).start()
        assert tell(folder / "qmp.sock", "query-status") == {"running": True}
        with pytest.raises(MonitorError, match="nonsense: no such command"):
            tell(folder / "qmp.sock", "nonsense", why=1)
    assert [one["execute"] for one in heard] == ["qmp_capabilities", "query-status", "qmp_capabilities", "nonsense"]
    assert heard[-1]["arguments"] == {"why": 1}


INDEX = """\
Package: sata-modules-6.1.9-amd64-di
Kernel-Version: 6.1.9-amd64
Depends: kernel-image-6.1.9-amd64-di, cdrom-modules-6.1.9-amd64-di

Package: sata-modules-6.1.10-amd64-di
Kernel-Version: 6.1.10-amd64
Depends: kernel-image-6.1.10-amd64-di, cdrom-modules-6.1.10-amd64-di

Package: cdrom-modules-6.1.10-amd64-di
Kernel-Version: 6.1.10-amd64

Package: partman
Depends: parted (>= 3), libc6-udeb, harddrive, nowhere

Package: parted
Version: 1:3

Package: disk-detect
Provides: harddrive (= 1)
"""


def test_a_machine_is_emptied_whether_it_ever_had_power_or_not(tmp_path):
    supervisor = Supervisor(Places("trial"), Plan(Groups("coop-x", ()), (), (), root=tmp_path, common=tmp_path, mirror_cache=None))
    supervisor.forget(tmp_path / "chick12")
    assert not [*tmp_path.iterdir()]
    (tmp_path / "chick11").mkdir()
    (tmp_path / "chick11/disk0.raw").touch()
    supervisor.forget(tmp_path / "chick11")
    assert (tmp_path / "chick11").is_dir() and not [*(tmp_path / "chick11").iterdir()]


def test_modules_are_those_of_the_installers_kernel_and_dependencies_come_along():
    known = for_kernel(read(INDEX), "6.1.12-amd64")
    assert "sata-modules-6.1.12-amd64-di" in known and "sata-modules-6.1.9-amd64-di" not in known
    found = needed(known, ["libc6-udeb", "kernel-image-6.1.12-amd64-di"], ["partman", "sata-modules-6.1.12-amd64-di"])
    assert found == {"partman", "parted", "disk-detect", "sata-modules-6.1.12-amd64-di"}


def test_a_module_comes_with_what_it_needs(tmp_path):
    for name, needs in {"ahci": "libahci,libata", "libahci": "libata", "libata": "scsi_mod", "other-one": ""}.items():
        (tmp_path / f"{name}.ko.xz").write_bytes(lzma.compress(b"\0name=x\0depends=" + needs.encode() + b"\0"))
    assert set(with_dependencies(["ahci"], tmp_path)) == {"ahci", "libahci", "libata"}, "scsi_mod is built in"
    assert set(with_dependencies(["other_one"], tmp_path)) == {"other_one"}


def test_an_index_names_each_component_and_is_told_by_its_checksum(tmp_path):
    components.write_index(tmp_path, "lab", [{"Package": "a", "Filename": "pool/lab/a.udeb"}, Component({"Package": "b"}).fields])
    text = gzip.decompress((tmp_path / components.INDEX / "Packages.gz").read_bytes()).decode()
    assert text == "Package: a\nFilename: pool/lab/a.udeb\n\nPackage: b\n"
    assert f"{len(text)} {components.INDEX}/Packages\n" in (tmp_path / "Release").read_text()
