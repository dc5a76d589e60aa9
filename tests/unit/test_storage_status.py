"""What `storage.status` finds wrong with a file server that answers."""

from pathlib import Path

import pytest

from fabfile.facts.file_server import findings, parse, question
from fabfile.finding import healthy
from fabfile.loading import load
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
