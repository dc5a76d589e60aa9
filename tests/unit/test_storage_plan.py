"""What is done about a pool, by what was seen of it and of its disks: tests/cases/storage/plan.yaml."""

import re
from contextlib import nullcontext
from io import StringIO
from pathlib import Path

import pytest
import yaml

from fabfile.engine.plan import Entry
from fabfile.resources import Change, ZfsPool
from fabfile.resources.pool_facts import parse, whole_disk
from fabfile.resources.pool_plan import GoesOn, Refused, WantedVdev, decided, differences, replacement, unfinished
from fabfile.screen.consent import asked_for

PROJECT = Path(__file__).parents[2]
CASES = yaml.safe_load((PROJECT / "tests/cases/storage/plan.yaml").read_text())
LAYOUT = (("", "mirror", ("front-0", "front-1")), ("", "mirror", ("front-2", "front-3")), ("log", "mirror", ("rear-0", "rear-1")),
          ("spare", "", ("rear-2",)))
VDEVS = tuple(WantedVdev(group, kind, {bay: f"/dev/disk/by-id/wwn-{bay}" for bay in bays}) for group, kind, bays in LAYOUT)
POOL = ZfsPool("nest", "hen", VDEVS, {"ashift": "12", "autoreplace": "off"})


def answer(case: dict) -> str:
    """What pool_facts.sh says."""
    lines = []
    for vdev in VDEVS:
        for bay, path in vdev.disks.items():
            if bay in case.get("without", ()):
                lines.append(f"#absent {path}")
                continue
            size, sector = case.get("sizes", {}).get(bay, 4000787030016), case.get("sectors", {}).get(bay, 512)
            lines += [f"#disk {path} {size} {sector} S-{bay}", *(f"|{one}" for one in case.get("has", {}).get(bay, ()))]
    return case["facts"].replace("@EMPTY@", "\n".join(lines)).rstrip("\n") + "\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_a_decision(case):
    decision = decided("nest", VDEVS, parse(answer(case), "nest"))
    if "why" in case:
        assert decision == Refused(tuple(case["why"]))
    else:
        assert type(decision).__name__ == case["does"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_no_change_but_a_creation_writes_to_a_disk(case):
    """A creation wants the pool's name typed; every other change has no `zpool create`, and no change ever has force."""
    for change in POOL.changes(answer(case), frozenset()):
        text = "\n".join(command.script for command in change.commands)
        assert ("zpool create" in text) == (change.typed == "nest") == (case.get("does") == "Create")
        assert bool(change.interrupts) == bool(change.typed)
        assert not [word for line in text.splitlines() if line.startswith("zpool") for word in line.split() if word in ("-f", "-F", "-m")]


class Terminal(StringIO):
    """Somebody who types these lines."""

    def isatty(self) -> bool:
        return True


def entries() -> list[Entry]:
    creation = next(POOL.changes(answer({"facts": "@EMPTY@"}), frozenset()))
    restart = Change("a unit restarts", (), interrupts="clients wait")
    return [Entry("hen", "pools", POOL.name, creation), Entry("hen", "file server", "unit nfs-server.service", restart)]


@pytest.mark.parametrize("yes, create, lines, agreed", [
    (True, (), None, False), (False, ("nest",), None, False), (True, ("nest",), None, True), (True, ("other",), None, False),
    (False, (), "yes\nnest\n", True), (False, (), "yes\nyes\n", False), (False, (), "nest\nnest\n", False),
    (True, (), "nest\n", True), (True, (), "Nest\n", False), (False, ("nest",), "yes\n", True), (True, (), "", False)])
def test_a_yes_creates_no_pool(yes, create, lines, agreed):
    answers, out = (StringIO(), StringIO()) if lines is None else (Terminal(lines), Terminal())
    assert asked_for(yes, nullcontext, answers, out, create)(entries()) is agreed


STATUS = """#status
{"pools": {"nest": {"name": "nest", "state": "DEGRADED", "pool_guid": 1, "error_count": 0, "vdevs": {"nest": {"vdevs": {
 "mirror-0": {"state": "ONLINE", "vdevs": {
  "/dev/disk/by-id/wwn-front-0-part1": {"vdev_type": "disk", "path": "/dev/disk/by-id/wwn-front-0-part1", "state": "ONLINE"},
  "spare-1": {"vdev_type": "spare", "state": "DEGRADED", "vdevs": {
   "12345": {"path": "/dev/disk/by-id/wwn-front-1-part1", "state": "UNAVAIL", "read_errors": 3},
   "/dev/disk/by-id/wwn-rear-2-part1": {"path": "/dev/disk/by-id/wwn-rear-2-part1", "state": "ONLINE"}}}}},
 "mirror-1": {"state": "ONLINE", "vdevs": {
  "/dev/sdc1": {"path": "/dev/sdc1", "state": "ONLINE"},
  "/dev/disk/by-id/wwn-other-part1": {"path": "/dev/disk/by-id/wwn-other-part1", "state": "ONLINE"}}}}}},
 "logs": {"mirror-2": {"vdevs": {"a": {"path": "/dev/disk/by-id/wwn-rear-0-part1", "state": "ONLINE"},
  "b": {"path": "/dev/disk/by-id/wwn-rear-1-part1", "state": "ONLINE"}}}},
 "spares": {"/dev/disk/by-id/wwn-rear-2-part1": {"path": "/dev/disk/by-id/wwn-rear-2-part1", "state": "INUSE"}}}}}
#properties
autoreplace\ton
#link /dev/disk/by-id/wwn-front-2 /dev/sdc S-front-2
"""


def test_what_a_pool_has_otherwise_is_told_and_left_alone():
    facts = parse(STATUS, "nest")
    assert list(differences(VDEVS, facts)) == [
        "front-3 is not in pool nest", "/dev/disk/by-id/wwn-other is in pool nest, and in no rack's file"]
    assert [change.commands[0].script for change in POOL.changes(STATUS, frozenset())] == ["zpool set autoreplace=off nest"]


NEW = "#disk /dev/disk/by-id/wwn-front-1 4000787030016 512 S-new\n"


def test_a_disk_is_replaced_by_the_one_that_the_files_name():
    found = replacement("front-3", VDEVS, parse(STATUS + NEW.replace("front-1", "front-3"), "nest"))
    assert found.old == "/dev/disk/by-id/wwn-other" and found.new.serial == "S-new"


@pytest.mark.parametrize("bay, more, why", [
    ("front-0", "", "/dev/disk/by-id/wwn-front-0 is in the pool already, and ONLINE: the path of the new disk is wanted at its bay"),
    ("front-1", "", "/dev/disk/by-id/wwn-front-1 is in the pool already, and UNAVAIL: the path of the new disk is wanted at its bay"),
    ("front-2", "", "/dev/disk/by-id/wwn-front-2 is in the pool already, and ONLINE: the path of the new disk is wanted at its bay"),
    ("front-3", "", "front-3: there is no disk /dev/disk/by-id/wwn-front-3"),
    ("front-3", NEW.replace("front-1", "front-3") + "|wipefs: gpt\n",
     "front-3: /dev/disk/by-id/wwn-front-3 (serial S-new) is not empty: wipefs: gpt"),
    ("rear-2", "", "rear-2 is a spare, with no data of its own: on the machine, zpool remove nest takes out the old disk, and "
     "zpool add nest spare /dev/disk/by-id/wwn-rear-2 brings the new one"), ("front-9", "", "front-9 is in no vdev with redundancy")])
def test_a_wrong_disk_is_not_replaced(bay, more, why):
    assert replacement(bay, VDEVS, parse(STATUS + more, "nest")) == Refused((why,))


def test_a_healthy_disk_of_a_vdev_that_has_lost_another_is_not_replaced():
    status = STATUS.replace('"/dev/sdc1", "state": "ONLINE"', '"/dev/sdc1", "state": "FAULTED"')
    found = replacement("front-3", VDEVS, parse(status + NEW.replace("front-1", "front-3"), "nest"))
    assert found == Refused(("/dev/disk/by-id/wwn-other is healthy, and mirror-1 has lost /dev/sdc: replace that first",))


# front-1's new disk is written beside the old one, for which the spare stands in
BEGUN = STATUS.replace('"12345": {"path": "/dev/disk/by-id/wwn-front-1-part1", "state": "UNAVAIL", "read_errors": 3}', """"replacing-0":
 {"vdevs": {"old": {"path": "/dev/disk/by-id/wwn-old-part1", "state": "UNAVAIL"}, "new": {"path": "/dev/disk/by-id/wwn-front-1-part1",
 "state": "ONLINE"}}}""")
RESILVERS = BEGUN.replace('"vdevs"', '"scan_stats": {"function": "RESILVER", "state": "SCANNING"}, "vdevs"', 1)
ALONE = re.sub(r'"spare-1".*?}}}', '"new": {"path": "/dev/disk/by-id/wwn-front-1-part1", "state": "ONLINE"}', STATUS, flags=re.DOTALL)
FRONT_1 = "/dev/disk/by-id/wwn-front-1"


@pytest.mark.parametrize("status", [BEGUN, RESILVERS])
def test_a_replacement_that_has_begun_goes_on(status):
    assert replacement("front-1", VDEVS, parse(status, "nest")) == GoesOn(FRONT_1)


@pytest.mark.parametrize("status, missing", [
    (RESILVERS, "the pool resilvers"), (BEGUN, f"{FRONT_1} is still in replacing-0"), (STATUS, f"{FRONT_1} is UNAVAIL"),
    (BEGUN.replace("wwn-front-1", "wwn-x"), f"{FRONT_1} is not in the pool"), ("", "the pool is not imported"),
    (STATUS.replace("UNAVAIL", "ONLINE"), f"{FRONT_1} is still in spare-1"),
    (ALONE, "the spare /dev/disk/by-id/wwn-rear-2 is still in use"), (ALONE.replace("INUSE", "AVAIL"), "")])
def test_a_replacement_has_ended_when_the_disk_is_alone_in_its_place_and_the_spare_is_back(status, missing):
    assert unfinished(FRONT_1, parse(status, "nest")) == missing


def test_a_pool_that_is_not_imported_has_no_disk_replaced():
    assert replacement("front-3", VDEVS, parse("", "nest")) == Refused(("the pool is not imported",))


@pytest.mark.parametrize("path, disk", [
    ("/dev/disk/by-id/wwn-0x5000c500a1000000-part1", "/dev/disk/by-id/wwn-0x5000c500a1000000"), ("/dev/sdb1", "/dev/sdb"),
    ("/dev/nvme0n1p1", "/dev/nvme0n1"), ("/dev/disk/by-id/wwn-0x5000c500a1000000", "/dev/disk/by-id/wwn-0x5000c500a1000000"),
    ("/dev/disk/by-id/scsi-35000c500a1000001", "/dev/disk/by-id/scsi-35000c500a1000001")])
def test_the_disk_of_a_partition(path, disk):
    assert whole_disk(path) == disk


def test_what_zfs_itself_says_of_a_pool_is_read():
    """As ZFS 2.3.9 said it of the lab's pool, on emulated disks."""
    status = (PROJECT / "tests/cases/storage/status.json").read_text()
    pool = parse(f"#status\n{status}", "nest").pool
    assert (pool.state, pool.errors, pool.scan) == ("ONLINE", 0, None)
    assert [(vdev.group, vdev.kind, len(vdev.leaves)) for vdev in pool.vdevs] == [("", "raidz2", 6), ("log", "mirror", 2), ("spare", "", 1)]
    assert pool.vdevs[0].leaves[0].path == "/dev/disk/by-id/wwn-0x5000c500a1000000" and pool.vdevs[2].leaves[0].state == "AVAIL"
    vdevs = tuple(WantedVdev(vdev.group, vdev.kind, {leaf.path: leaf.path for leaf in vdev.leaves}) for vdev in pool.vdevs)
    assert list(differences(vdevs, parse(f"#status\n{status}", "nest"))) == []
