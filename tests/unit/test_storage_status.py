"""What `storage.status` finds wrong with a file server that answers."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fabfile.facts.file_server import Space, findings, parse, question
from fabfile.finding import healthy
from fabfile.loading import load
from fabfile.resources.pool_facts import Leaf, PoolFacts, PoolSeen, VdevSeen
from fabfile.resources.pool_plan import WantedVdev
from fabfile.tasks.storage import wanted_of

PROJECT = Path(__file__).parents[2]
POOL = (PROJECT / "tests/cases/storage/status.json").read_text()
NOW = 1764358000
WELL = f"""##now {NOW}
##space
nest	16000000000	4000000000	25
##datasets
nest	4000	9000	{NOW - 9}
nest/homes	4000	9000	{NOW - 9}
##exports
/nest/homes 10.0.0.101
##mounted
/nest/homes
##homes
unit coop-homes.timer active
unit coop-homes.path active
unit coop-homes-full.socket active
at {NOW - 30}
##pool nest
#status
{POOL}"""


def found(answer: str):
    rack = load(PROJECT)
    wanted = wanted_of(rack, rack.machine("hen"))
    server = parse("hen", answer)
    exported = {(path, address) for path, address in wanted.exports if address in answer}
    layout = {name: (pool, ()) for name, (pool, _) in wanted.pools.items()}
    return [one for one in findings(type(wanted)(layout, frozenset(exported), wanted.names, wanted.homes), server)
            if "in no rack's file" not in one.what]


def test_the_file_server_is_asked_for_its_homes():
    rack = load(PROJECT)
    asked = question(wanted_of(rack, rack.machine("hen")))
    assert "homes=/nest/homes\n" in asked and "paths=/nest/homes\n" in asked


@pytest.mark.parametrize("before, after, told", [
    ("", "", []),
    ("##mounted\n/nest/homes\n", "##mounted\n", ["/nest/homes is not mounted, and so not served"]),
    ("coop-homes.path active", "coop-homes.path inactive", ["what gives homes their quotas is not active: coop-homes.path"]),
    ("coop-homes.timer active", "coop-homes.timer failed", ["what gives homes their quotas is not active: coop-homes.timer"]),
    (f"at {NOW - 30}", f"at {NOW - 30}\nfailed hub/eve cannot be labelled", ["not every home has its quota"]),
    (f"at {NOW - 30}", f"at {NOW - 3600}", ["homes were last looked at 60 minutes ago"]),
    (f"at {NOW - 30}\n", "", ["no home has been looked at"])])
def test_homes_that_are_not_served_or_without_quotas_are_told(before, after, told):
    seen = found(WELL.replace(before, after) if before else WELL)
    assert [one.what for one in seen] == told
    assert healthy(seen) == (not told) and all(one.fix for one in seen)


def test_links_that_cannot_be_renamed_are_a_notice():
    seen = found(WELL.replace("##pool", "links Invalid cross-device link\n##pool"))
    assert [(one.what, one.evidence) for one in seen] == [
        ("links cannot be renamed in homes: ln -sfn and rsync over an old link fail", "Invalid cross-device link")]
    assert healthy(seen)


IDS = [f"/dev/disk/by-id/wwn-0x5000c500a100000{number}" for number in range(6)]
LAYOUT = (WantedVdev("", "raidz2", {f"front-{number}": path for number, path in enumerate(IDS)}),
          WantedVdev("spare", "", {"rear-2": "/dev/disk/by-id/wwn-0x5000c500a1000008"}))


@pytest.mark.parametrize("pool, leaf, state, errors, size, told", [
    ("DEGRADED", 0, "FAULTED", 0, 25, {
        "pool nest is DEGRADED": "inv storage.disks says which disk",
        "disk front-0 of pool nest is FAULTED": "inv storage.replace front-0, once hosts.yaml has the path of another disk there"}),
    ("SUSPENDED", 0, "ONLINE", 0, 25, {
        "pool nest is SUSPENDED": "on hen: zpool status nest says what is missing; when its disks answer again, zpool clear nest"}),
    ("ONLINE", 0, "ONLINE", 3, 25, {
        "disk front-0 of pool nest has had errors: 3 read, 0 write, 0 checksum":
            f"on hen: smartctl -a {IDS[0]}; where that is well zpool clear nest, else inv storage.replace front-0, once hosts.yaml has the "
            "path of another disk there"}),
    ("ONLINE", 6, "INUSE", 0, 25, {"disk rear-2 of pool nest is INUSE": "inv storage.replace of the disk that it stands in for"}),
    ("ONLINE", 6, "FAULTED", 0, 25, {
        "disk rear-2 of pool nest is FAULTED":
            "on hen: zpool remove nest /dev/disk/by-id/wwn-0x5000c500a1000008; then zpool add nest spare with the path of another"}),
    ("ONLINE", 0, "ONLINE", 0, 93, {
        "pool nest is 93 % full": "on hen: zfs list -r -o space nest says what takes it, snapshots or files"})])
def test_what_is_wrong_with_a_pool_has_its_fix(pool, leaf, state, errors, size, told):
    leaves = [*(Leaf(path, "ONLINE", (0, 0, 0)) for path in IDS), Leaf(LAYOUT[1].disks["rear-2"], "AVAIL", (0, 0, 0))]
    leaves[leaf] = replace(leaves[leaf], state=state, errors=(errors, 0, 0))
    vdevs = (VdevSeen("", "raidz2", "raidz2-0", "", tuple(leaves[:6])), VdevSeen("spare", "", "s", "", (leaves[6],)))
    seen = PoolSeen("nest", "1", pool, vdevs, None, 0)
    server = replace(parse("hen", WELL), pools={"nest": PoolFacts(seen)}, space={"nest": Space(1, 1, size)})
    wanted = wanted_of(load(PROJECT), load(PROJECT).machine("hen"))
    wanted = replace(wanted, pools={"nest": (wanted.pools["nest"][0], LAYOUT)}, exports=frozenset())
    assert {one.what: one.fix for one in findings(wanted, server)} == told


@pytest.mark.parametrize("state, fix", [
    ("ONLINE", "the disk that it stands in for is there again; if that one can be trusted, on hen: zpool detach nest "
               "/dev/disk/by-id/wwn-0x5000c500a1000008, else inv storage.replace of it"),
    ("REMOVED", "inv storage.replace of the disk that it stands in for")])
def test_a_spare_that_stands_in_is_told_with_what_frees_it_and_is_no_difference(state, fix):
    spare = LAYOUT[1].disks["rear-2"]
    leaves = (*(Leaf(path, "ONLINE", (0, 0, 0)) for path in IDS[:5]), Leaf(IDS[5], state, (0, 0, 0), inner="spare-5"),
              Leaf(spare, "ONLINE", (0, 0, 0), inner="spare-5"))
    vdevs = (VdevSeen("", "raidz2", "raidz2-0", "", leaves), VdevSeen("spare", "", "s", "", (Leaf(spare, "INUSE", (0, 0, 0)),)))
    server = replace(parse("hen", WELL), pools={"nest": PoolFacts(PoolSeen("nest", "1", "ONLINE", vdevs, None, 0))})
    wanted = wanted_of(load(PROJECT), load(PROJECT).machine("hen"))
    wanted = replace(wanted, pools={"nest": (wanted.pools["nest"][0], LAYOUT)}, exports=frozenset())
    told = {one.what: one.fix for one in findings(wanted, server)}
    assert told.pop("disk rear-2 of pool nest is INUSE") == fix
    assert [*told] == ([] if state == "ONLINE" else ["disk front-5 of pool nest is REMOVED"])


@pytest.mark.parametrize("damaged, evidence, fix", [
    (["/nest/homes/hub/eve/my notes/1", "nest/homes@daily:/hub/eve/my notes/1"],
     "/nest/homes/hub/eve/my notes/1, nest/homes@daily:/hub/eve/my notes/1",
     "inv storage.versions hub/eve 'my notes/1' says which snapshots have it, inv storage.restore hub/eve 'my notes/1' --at TIME brings it "
     "back if it can be read there; other files from a copy. Delete what cannot be read, then twice on hen: zpool scrub -w nest"),
    (["<metadata>:<0x1>", *(f"/nest/old/{number}" for number in range(6))],
     "<metadata>:<0x1>, /nest/old/0, /nest/old/1, /nest/old/2, /nest/old/3, and 2 more (on hen: zpool status -v nest)",
     "bring each back from a copy, or delete it, then twice on hen: zpool scrub -w nest")])
def test_files_that_cannot_be_read_are_named_with_what_brings_them_back(damaged, evidence, fix):
    listed = f'"error_count": 32, "errlist": {json.dumps(damaged)}'
    [seen] = found(WELL.replace('"error_count": 0', listed))
    assert (seen.what, seen.evidence, seen.fix) == (f"{len(damaged)} files in pool nest cannot be read", evidence, fix)


def test_what_cannot_be_read_and_has_no_name_is_told():
    [seen] = found(WELL.replace('"error_count": 0', '"error_count": 2'))
    assert (seen.what, seen.evidence) == ("something in pool nest cannot be read", "2 blocks")
