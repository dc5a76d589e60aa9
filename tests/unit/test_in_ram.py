"""What the environment in RAM is given for each kind of order, and what a burn-in's results come to."""

import json
import re
import subprocess

import pytest

from fabfile import programs
from fabfile.facts.burn_in import verdicts
from fabfile.loading import load
from fabfile.programs import HERE
from fabfile.resources.order import KINDS, Image, KindName, Order
from fabfile.roles import environment, image
from fabfile.roles.netboot import armed_files, kernel_arguments
from tests.pages import PROJECT

SET = re.compile(r"""(?:^|[;&|({]|\b(?:then|do|else) )[ \t]*((?:\w+=(?:'[^']*'|"[^"]*"|[^\s;])*[ \t]*)+)""", re.MULTILINE)
IN_RAM = [name for name, kind in KINDS.items() if kind.programs]
DISK = "/dev/disk/by-id/ata-A_S1"


@pytest.fixture(scope="module")
def rack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rack")
    at = "    bmc: 192.168.0.101\n"
    (folder / "hosts.yaml").write_text((PROJECT / "hosts.yaml").read_text().replace(
        at, f"{at}    hardware: {{uuid: 4c4c4544-0042-3510-8056-b4c04f4e3732, disks: {{{DISK}: {{size: 512, serial: S1}}}}}}\n"))
    (folder / "configs").symlink_to(PROJECT / "configs")
    return load(folder)


def order(kind: KindName) -> Order:
    disks = (DISK,) if KINDS[kind].writes == "named" else ()
    written = Image("images/debian-13/image", "0" * 64, 1 << 31, "debian-13") if kind == "image" else None
    return Order("0123456789ab", "chick1", disks=disks, kind=kind, seconds=60, image=written)


@pytest.mark.parametrize("kind", IN_RAM)
def test_a_job_is_good_shell_and_claims_its_order_before_it_does_anything(rack, kind):
    texts, links = armed_files(rack, rack.machine("chick1"), order(kind))
    assert not set(texts) & {"http/preseed.cfg", "http/guard", "http/late"}
    assert {links[f"tftp/{name}"] for name in ("linux", "initrd")} == {f"{environment.place()}/{name}" for name in ("linux", "initrd")}
    job = texts["http/job"]
    assert subprocess.run(["dash", "-n"], input=job, text=True).returncode == 0
    assert ("writes=" + KINDS[kind].writes) in job.splitlines() and "frozen=yes" in job.splitlines()
    assert ("consent=yes" in job.splitlines()) == (kind == "wipe")
    claim = job.index("--method=MOVE")
    for word in ("--setro", "told hardware"):
        assert job.index(word) < claim, word
    for word in ("--setrw", 'finish p', 'sshd_config', 'by_zeros "$name"', "stress-ng --cpu", "tee ", "reboot -f"):
        assert job.find(word) == -1 or job.rindex(word) > claim, word


@pytest.mark.parametrize("kind", IN_RAM)
def test_nothing_that_a_job_is_given_is_given_another_value_by_one_of_its_programs(rack, kind, monkeypatch):
    """They are one shell: the guard once read the sizes of disks into what held the image's."""
    given, real = {}, programs.shell
    monkeypatch.setattr(programs, "shell", lambda *names, **values: given.update({names: values}) or real(*names, **values))
    armed_files(rack, rack.machine("chick1"), order(kind))
    (values,) = [values for names, values in given.items() if "guard" in names]
    text = "\n".join(programs.body(name) for name in ("disks", "guard", "claim", *KINDS[kind].programs))
    text = re.sub('"[^"]*"', '""', text)
    read = " ".join(re.findall(r"\bread -r ([\w ]+)", text)).split()
    found = {*re.findall(r"(\w+)=", " ".join(SET.findall(text))), *re.findall(r"\bfor (\w+) in ", text), *read}
    assert {"named", "size", "name", "tries"} <= found, "the programs are read rightly"
    assert found & set(values) == set()


def test_the_console_of_a_machine_that_gets_an_image_says_the_host_key_of_its_new_system_alone(rack):
    """node.install compares every key that the console has said with the one that was reported."""
    lines = armed_files(rack, rack.machine("chick1"), order("image"))[0]["http/job"].splitlines()
    assert "console=/dev/null" in lines and lines.count("console=/dev/console") == 1, "the one of late.sh"
    assert "console=/dev/console" in armed_files(rack, rack.machine("chick1"), order("rescue"))[0]["http/job"].splitlines()


def test_only_a_look_is_for_a_machine_that_may_be_another(rack):
    box = rack.machine("chick1")
    for kind in IN_RAM:
        text = armed_files(rack, box, order(kind))[0]["http/job"]
        assert ("uuid=''" in text.splitlines()) == (kind == "look")


def test_every_program_of_a_kind_exists():
    assert {name for kind in KINDS.values() for name in kind.programs} <= {path.stem for path in HERE.glob("*.sh")}


def test_the_console_is_the_installers(rack):
    said = kernel_arguments(rack, rack.machine("chick1"), Order("0123456789ab", "chick1", kind="look"))
    assert "coop.rooster=10.0.0.1:8080 coop.mac=" in said and "coop.machine=chick1" in said and "url=" not in said


def ata(reallocated: int, pending: int, passed: bool = True) -> dict:
    table = [{"id": 5, "raw": {"value": reallocated}}, {"id": 197, "raw": {"value": pending}}, {"id": 9, "raw": {"value": 7}}]
    return {"smart_status": {"passed": passed}, "ata_smart_attributes": {"table": table}}


def said(**disks: dict) -> str:
    return "".join(f"disk {name} S1\n{json.dumps(one)}\n" for name, one in disks.items())


@pytest.mark.parametrize("before, after, words", [
    (ata(3, 0), ata(3, 0), []),
    (ata(3, 0), ata(5, 1), ["SMART, sda S1: reallocated sectors 3 → 5, pending sectors 0 → 1"]),
    (ata(3, 0), ata(3, 0, passed=False), ["SMART, sda S1: it expects to fail"]),
    ({}, {}, []),
    ({"nvme_smart_health_information_log": {"media_errors": 0}}, {"nvme_smart_health_information_log": {"media_errors": 2}},
     ["SMART, sda S1: media errors 0 → 2"]),
    ({"scsi_grown_defect_list": 1}, {"scsi_grown_defect_list": 4}, ["SMART, sda S1: grown defects 1 → 4"]),
], ids=["as before", "worse", "failing", "no SMART", "NVMe", "SAS"])
def test_what_grew_on_a_disk_is_a_failure(before, after, words):
    found = verdicts("processors passed\n", said(sda=before), said(sda=after))
    assert found[0].passed and found[0].words == "processors"
    assert [one.words for one in found if not one.passed] == words


def test_a_disk_that_is_gone_and_whatever_did_not_pass():
    found = verdicts("memory, 600 MiB, failed (1): FAILURE: 0x1\nkernel: mce: hardware error\n", said(sda=ata(0, 0), sdb=ata(0, 0)),
                     said(sda=ata(0, 0)))
    assert [one.words for one in found if not one.passed] == [
        "memory, 600 MiB, failed (1): FAILURE: 0x1", "kernel: mce: hardware error", "SMART, sdb S1: it was lost on the way"]


@pytest.mark.parametrize("answer, found", [
    ("sha256 abc\nsize 3758096384\nbegins 514\nbuilt 7\n", Image("images/debian-13/image", "abc", 3758096384, "debian-13")),
    ("", None), ("sha256 abc\n", None), ("sha256 abc\nsize none\nbegins 514\n", None),
    ("sha256 abc\nsize 3758096384\nbuilt 7\n", None),  # of an older Coop: it would be written to other places
])
def test_an_image_counts_when_its_sum_and_places_are_known(answer, found):
    assert image.image("debian-13", answer) == found


def test_an_image_has_the_packages_that_install_yaml_adds(rack, tmp_path):
    from dataclasses import replace

    assert rack.install is not None
    system = rack.install.systems["debian-13"].model_copy(update={"preseed": {"d-i": {"pkgsel/include": "htop sudo"}}})
    changed = replace(rack, install=rack.install.model_copy(update={"systems": {"debian-13": system}}))
    (packages,) = [line for line in image.build(changed, "debian-13").splitlines() if line.startswith("packages=")]
    assert packages == f"packages={','.join((*image.PACKAGES, 'htop'))}"
