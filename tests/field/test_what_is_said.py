"""What programs say when they fail, and the cause that is told: fabfile/engine/causes.yaml, and tests/cases/field/causes.yaml."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from fabfile.engine.causes import cause, causes, readers

HERE = Path(__file__).parents[1]
CASES = yaml.safe_load((HERE / "cases/field/causes.yaml").read_text())
PAGE = (HERE.parent / "docs/causes.md").read_text()


@pytest.mark.parametrize("reader", readers(), ids=lambda reader: reader.cause)
def test_each_reads_its_own_words_first(reader):
    line = reader.sample if reader.source == "any" else f"{reader.source}\t{reader.sample}"
    [found] = causes(line)
    assert found.name == reader.cause and "{0" not in found.says and found.fix
    assert found.ends == reader.ends


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_what_is_told(case):
    found = cause(case["said"])
    assert (str(found) if found else None) == case["cause"]


def test_a_machine_that_is_well_has_no_cause():
    assert cause("kubelet\tI1129 02:00:01 4711 kubelet.go:1] \"Starting kubelet main sync loop\"\nall is well\n") is None


def test_the_page_has_every_cause():
    told = {name: (ends, provoked) for name, ends, provoked in
            re.findall(r"^\| `([a-z0-9-]+)` \|.*\| (yes|no) \| (yes|no) \|$", PAGE, re.MULTILINE)}
    provoked = {case["cause"] for case in yaml.safe_load((HERE / "cases/field/provoked.yaml").read_text())} | {"firewall"}
    assert told == {reader.cause: ("yes" if reader.ends else "no", "yes" if reader.cause in provoked else "no") for reader in readers()}
