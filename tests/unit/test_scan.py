"""What machines are made of: read from answers that real machines give, compared with hosts.yaml, and written there."""

import pytest
import yaml

from fabfile.facts.drift import changes, compare, findings
from fabfile.facts.inventory import parse
from fabfile.finding import Severity, worst_first
from fabfile.rack.editing import edited
from fabfile.rack.hardware import Hardware
from fabfile.rack.machines import Machine
from fabfile.rack.reading import read
from tests.pages import PROJECT

FOLDER = PROJECT / "tests/cases/hardware"
MACHINES = {path.stem: yaml.safe_load(path.read_text()) for path in FOLDER.glob("*.yaml") if path.stem != "drift"}
CASES = yaml.safe_load((FOLDER / "drift.yaml").read_text())
HOSTS = """# the rack
machines:
  chick1:  # by the door
    roles: [worker]
    interfaces:
      {name}: {{mac: "{mac}", address: 10.0.0.101/24}}  # port 11
    # its BMC is not cabled yet

  chick2: {{roles: [worker], interfaces: {{enp1s0: {{mac: "00:25:90:53:4d:6a", address: 10.0.0.102/24}}}}}}
"""


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_an_answer_is_what_the_machine_is(name):
    machine = MACHINES[name]
    seen = parse(machine["answer"])
    assert seen.hardware == Hardware.model_validate(machine["hardware"])
    assert seen.unlinked == frozenset(machine.get("unlinked", ())) and seen.unnamed == tuple(machine.get("unnamed", ()))
    assert set(seen.ids.values()) == set(seen.hardware.disks)


def test_each_id_of_a_disk_leads_to_it():
    assert {path.removeprefix("/dev/disk/by-id/"): best[16:20] for path, best in parse(MACHINES["dell"]["answer"]).ids.items()} == {
        "ata-ST4000NM000A-2HZ100_ZC12ABCD": "ata-", "wwn-0x5000c500b1234567": "ata-",
        "nvme-SAMSUNG_MZ1LB960HAJQ-00007_S425NX0M500113": "nvme", "nvme-SAMSUNG_MZ1LB960HAJQ-00007_S425NX0M500113_1": "nvme",
        "nvme-eui.34343230a5000113002538a400000001": "nvme"}


@pytest.mark.parametrize("answer", [
    "", "dmi\n", "dmi\tsys_vendor\nfirmware\t\t\nmemory\t\t\t\nport\teth0\ndisk\tsda\nid\tx\ncpu\t\nthread\t\n",
    "port\te/e\t02:00:00:00:00:01\tx\t1\t-1\ndimm\tMemory Device\ndimm\t\tSize: much\nlldp\tx\nbmc\t:\n"])
def test_an_answer_that_says_nothing_is_read(answer):
    assert parse(f"{answer}end\n").hardware == Hardware()


def test_an_answer_that_was_cut_off_is_none():
    """Disks that are not in it would be taken for lost."""
    assert parse(MACHINES["dell"]["answer"].partition("disk\t")[0]) is None


def machine_of(case) -> Machine:
    about = MACHINES[case["of"]]
    name, port = next(iter(about["hardware"]["interfaces"].items()))
    values = {"roles": ["worker"], "interfaces": {name: {"mac": port["mac"]}}, **case.get("hosts", {})}
    values["hardware"] = {} if case.get("on_file", "") is None else {**about["hardware"], **case.get("on_file", {})}
    machine = Machine.model_validate(values)
    machine._name = "chick1"
    return machine


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_what_has_changed_is_told_and_written(case):
    answer = MACHINES[case["of"]]["answer"]
    for before, after in case.get("becomes", {}).items():
        assert before in answer, before
        answer = answer.replace(before, after)
    machine, seen = machine_of(case), parse(answer)
    differences = compare(machine, seen)
    found = findings(machine, seen, differences)
    assert sorted(f"{'-' if one.severity is Severity.NOTICE else '!'} {one.what}{one.evidence and ' | '}{one.evidence}"
                  for one in found) == sorted(case["says"])
    assert {".".join(path[3:]): value for path, value in changes("chick1", differences).items()} == case["writes"]
    assert all(one.where == "chick1" for one in worst_first(found))
    assert all(one.fix for one in found if one.severity > Severity.NOTICE)


@pytest.mark.parametrize("name", sorted(MACHINES))
@pytest.mark.parametrize("lines", [
    "", "    hardware: {serial: '7XK2M33'}\n", "    hardware:\n      vendor: X  # by hand\n      cpu: {}\n"], ids=["none", "one", "some"])
def test_a_second_scan_writes_nothing_and_every_other_character_stays(name, lines):
    about = MACHINES[name]
    port, known = next(iter(about["hardware"]["interfaces"].items()))
    text = HOSTS.format(name=port, mac=known["mac"])
    lines = lines.replace("7XK2M33", about["hardware"].get("serial", "SN"))
    before = text.replace("    # its BMC", f"{lines}    # its BMC")

    def scan(text: str) -> str:
        machine = Machine.model_validate(read("hosts.yaml", text.encode()).values["machines"]["chick1"])
        machine._name = "chick1"
        return edited(text, changes("chick1", compare(machine, parse(about["answer"]))))

    after = scan(before)
    values = read("hosts.yaml", after.encode()).values["machines"]["chick1"]
    assert Hardware.model_validate({**values["hardware"], "serial": None}) == Hardware.model_validate({**about["hardware"], "serial": None})
    assert scan(after) == after
    stays = [line for line in before.splitlines() if "hardware" not in line and "vendor" not in line and "cpu" not in line]
    assert [line for line in after.splitlines() if line in stays] == stays
    assert "X  # by hand" not in lines or "# by hand" in after
