"""Disks that hold something are refused, by what the machine's own wipefs and blkid find on them, and nothing is written to any.

The disks are those of tests/cases/storage/disks.yaml, as sparse files. What a file cannot be asked as a disk is (lsblk, blockdev) and
what would write to it (zpool) are small programs; this zpool writes wherever it is told to create or replace.
"""

import hashlib
import tarfile
from pathlib import Path

import pytest
import yaml

from fabfile.programs import shell
from fabfile.resources import ZfsPool
from fabfile.resources.pool_facts import parse
from fabfile.resources.pool_plan import Create, Refused, WantedVdev, decided
from tests.unit.sandbox import a_sandbox

FOLDER = Path(__file__).parents[2] / "tests/cases/storage"
CASES = yaml.safe_load((FOLDER / "disks.yaml").read_text())
PATHS = {bay: f"/case/wwn-{bay}" for bay in ("front-0", "front-1")}
VDEVS = (WantedVdev("", "mirror", PATHS),)
POOL = ZfsPool("nest", "hen", VDEVS, {"ashift": "12"})
PROGRAMS = {
    "zpool": """case $1:$2 in status:*|list:-H) exit 1 ;; import:*) echo 'no pools available to import'; exit 1 ;; *:-n) ;;
create:*|replace:*) for word; do [ ! -e "$word" ] || printf pool | dd of="$word" bs=1 seek=8192 conv=notrunc status=none; done ;; esac""",
    "lsblk": """case "$*" in *SERIAL*) echo S1 ;; *TYPE*) echo 'disk sdb' ;; *) echo ;; esac""",
    "blockdev": "case $1 in --getss) echo 512 ;; *) [ -e \"$2\" ] && echo 4000787030016 ;; esac",
    "udevadm": ":",
}


@pytest.fixture(scope="module")
def machine():
    with a_sandbox() as sandbox:
        assert sandbox.run("mkdir -p /case/disks")[0] == 0
        with tarfile.open(FOLDER / "disks.tar.xz") as archive:
            archive.extractall(f"/proc/{sandbox.pid}/root/case/disks", filter="data")
        for name, text in PROGRAMS.items():
            sandbox.write(f"/case/bin/{name}", f"#!/bin/sh\n{text}\n")
        sandbox.run(f"chmod +x /case/bin/*; truncate -s 16M {PATHS['front-1']}")
        yield sandbox


def run(machine, text: str) -> tuple[int, str]:
    machine.write("/case/script", f"set -e\n{text}")
    return machine.run("PATH=/case/bin:$PATH dash /case/script")


def create(machine) -> tuple[int, str]:
    """What a plan's creation does, on whatever the disks hold now."""
    return run(machine, shell("pool_disks", "pool_create", pool="nest", disks=POOL.disks, words="\n".join(VDEVS[0].words),
                              options="-o ashift=12"))


def content(machine, bay: str) -> str:
    with open(f"/proc/{machine.pid}/root/case/held" if bay == "front-0" else f"/proc/{machine.pid}/root{PATHS[bay]}", "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def put(machine, name: str) -> None:
    """This disk in bay front-0."""
    machine.run(f'rm -f /case/held; ln "/case/disks/{name}" /case/held 2>/dev/null || truncate -s 16M /case/held; '
                f"ln -sf /case/held {PATHS['front-0']}")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_a_disk_that_holds_something_is_refused_and_nothing_is_written(case, machine):
    put(machine, case["case"])
    before = [content(machine, bay) for bay in PATHS]
    code, facts = run(machine, POOL.probe())
    assert code == 0, facts
    decision = decided("nest", VDEVS, parse(facts, "nest"))
    assert isinstance(decision, Refused) and len(decision.why) == 1, decision
    assert decision.why[0].startswith(f"front-0: {PATHS['front-0']} (serial S1) is not empty: "), decision
    assert case["found"] in decision.why[0], decision
    code, said = create(machine)  # of a plan that was made before it held that
    assert code == 1 and f"pool nest is not created: {PATHS['front-0']} is not empty: " in said and case["found"] in said, said
    code, said = run(machine, shell("pool_disks", "pool_replace", pool="nest", disks=PATHS["front-0"], old="1", new=PATHS["front-0"]))
    assert code == 1 and f"nothing was replaced: {PATHS['front-0']} is not empty: " in said and case["found"] in said, said
    assert [content(machine, bay) for bay in PATHS] == before


def test_the_disks_are_forty_and_each_holds_something_else():
    assert len({case["case"] for case in CASES}) == len({case["made"] for case in CASES}) == len(CASES) >= 40
    with tarfile.open(FOLDER / "disks.tar.xz") as archive:
        assert archive.getnames() == [case["case"] for case in CASES]


def test_empty_disks_are_written_to(machine):
    """Without which the others would show nothing."""
    put(machine, "")
    before = [content(machine, bay) for bay in PATHS]
    assert isinstance(decided("nest", VDEVS, parse(run(machine, POOL.probe())[1], "nest")), Create)
    code, said = create(machine)
    assert code == 0, said
    assert not set(before) & {content(machine, bay) for bay in PATHS}
