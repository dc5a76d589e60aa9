"""What a file server promises, judged by what it and its clients said."""

from pathlib import Path

import pytest

from fabfile.facts.storage_proof import Proof, parse
from fabfile.loading import load
from fabfile.screen.file_server import proofs_as_text
from fabfile.tasks.storage_proving import homes_on, of_client, of_server

PROJECT = Path(__file__).parents[2]
OPTIONS = "sync,wdelay,hide,no_subtree_check,mountpoint,fsid=1,anonuid=1000,anongid=100,sec=sys,rw,secure,root_squash,all_squash"
WANTED = {"/nest/homes": frozenset({"10.0.0.101", "10.0.0.102"})}


def answer(*exports: str, sync: str = "standard") -> str:
    return "".join(f"export\t{one}\n" for one in exports) + f"sync\t/nest/homes\t{sync}\nproof\tmail\tholds\tthe relay took it\n"


@pytest.mark.parametrize("given, state, seen", [
    ([f"/nest/homes\t10.0.0.101({OPTIONS})", f"/nest/homes\t10.0.0.102({OPTIONS})"], "holds", "2 addresses"),
    ([f"/nest/homes\t10.0.0.101({OPTIONS}) 10.0.0.102({OPTIONS})"], "holds", "2 addresses"),
    ([f"/nest/homes\t10.0.0.101({OPTIONS})"], "broken", "not to 10.0.0.102"), ([], "broken", "not to 10.0.0.101; not to 10.0.0.102"),
    ([f"/nest/homes\t10.0.0.101({OPTIONS}) 10.0.0.0/24({OPTIONS}) 10.0.0.102({OPTIONS})"], "broken",
     "to 10.0.0.0/24, which the files do not name"),
    ([f"/nest/homes\t10.0.0.101({OPTIONS}) 10.0.0.102({OPTIONS.replace('sync,', 'async,', 1)})"], "broken", "to 10.0.0.102 without sync"),
    ([f"/nest/homes\t10.0.0.101({OPTIONS}) 10.0.0.102({OPTIONS.replace(',root_squash,all_squash', ',no_root_squash,no_all_squash')})"],
     "broken", "to 10.0.0.102 without root_squash; to 10.0.0.102 without all_squash"),
    ([f"/nest/homes\t10.0.0.101({OPTIONS.replace('mountpoint,', '')}) 10.0.0.102({OPTIONS})"], "broken",
     "to 10.0.0.101 without mountpoint")])
def test_an_export_is_judged_by_what_the_kernel_has(given, state, seen):
    assert parse(answer(*given), WANTED)[0] == Proof("/nest/homes is exported to its clients alone, and written through", state, seen)


def test_an_export_that_nobody_named_is_broken():
    found = parse(answer(f"/nest/homes\t10.0.0.101({OPTIONS}) 10.0.0.102({OPTIONS})", f"/srv\t*({OPTIONS})"), WANTED)
    assert Proof("/srv is exported", "broken", "the rack's files do not name it") in found


@pytest.mark.parametrize("value, state", [("standard", "holds"), ("always", "holds"), ("disabled", "broken"),
                                          ("cannot open 'nest/homes': dataset does not exist", "broken")])
def test_a_dataset_that_does_not_write_through_is_broken(value, state):
    assert Proof("ZFS writes /nest/homes when it says so", state, f"sync={value}") in parse(answer(sync=value), WANTED)


def test_what_a_client_alone_says_judges_no_export():
    assert parse("proof\tchick1 writes\tholds\t\nnoise\nproof\tx\tperhaps\t\n", WANTED) == [Proof("chick1 writes", "holds", "")]


def test_what_is_broken_is_counted():
    shown = proofs_as_text([Proof("one", "holds", ""), Proof("two", "broken", "why"), Proof("three", "untried", "")])
    assert shown.endswith("1 of 3 do not hold") and "two" in shown


def test_a_home_is_tried_with_the_quota_of_the_files_and_each_export_on_its_clients():
    rack = load(PROJECT)
    found = homes_on(rack, rack.machine("hen"))
    assert found is not None and (found.dataset, found.namespace, found.quota, found.owner) == ("nest/homes", "hub", 10 << 30, "1000:100")
    assert "restore=" in of_server(rack, rack.machine("hen")).script
    assert [one.what for one in of_client(rack, rack.machine("chick1"))] == ["prove /nest/homes on chick1"]
