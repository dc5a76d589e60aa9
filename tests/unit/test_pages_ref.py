"""What a hub's pages' ref means now: looked up by git on rooster, which has none before its first bootstrap."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from fabfile.facts.services import ServiceFacts, parse, question
from fabfile.rack.services import Chart, Templates
from fabfile.tasks.preparing import _commits

COMMIT, OTHER = "0123456789" * 4, "fedcba9876" * 4
PAGES = "http://git.example/pages.git"
HUB = SimpleNamespace(name="hub", is_hub=False, chart=Chart(name="notice", version="1.0", repository="https://charts.example/"),
                      templates=Templates(repository=PAGES, ref="main"))


@pytest.mark.parametrize("git, refs", [
    (None, {}),  # not looked for
    ("#!/bin/sh\n", {"hub": ""}),  # not found
    ("#!/bin/sh\nexit 128\n", {"hub": ""}),
    (f"#!/bin/sh\nprintf '{COMMIT}\\trefs/heads/main\\n'\n", {"hub": COMMIT}),
], ids=["no git", "no such ref", "no answer", "a commit"])
def test_a_ref_that_is_not_found_is_another_thing_than_one_that_is_not_looked_for(git, refs, tmp_path):
    for program in ("timeout", "mktemp", "rm"):
        (tmp_path / program).symlink_to(Path("/usr/bin", program))
    if git:
        (tmp_path / "git").write_text(git)
        (tmp_path / "git").chmod(0o755)
    done = subprocess.run(["/bin/sh", "-c", question([HUB], "/nowhere")], env={"PATH": str(tmp_path)},
                          capture_output=True, text=True, check=True)
    assert dict(parse(done.stdout).refs) == refs


FAILED = f"hub: main could not be looked up in {PAGES}; "


@pytest.mark.parametrize("refs, deployed, renew, commit, told", [
    ({}, "", False, "main", []),  # a first bootstrap: nothing that is wrong
    ({"hub": COMMIT}, "", False, COMMIT, []),
    ({"hub": ""}, "", False, "main",
     [FAILED + "the hub looks again when it starts, and shows JupyterHub's own pages if it finds nothing"]),
    ({"hub": ""}, OTHER, True, OTHER, [FAILED + "the pages stay at fedcba9876fe"]),
    ({}, OTHER, True, OTHER, [FAILED + "the pages stay at fedcba9876fe"]),  # a new rooster, whose cluster is there
    ({"hub": COMMIT}, OTHER, True, COMMIT, []),
    ({"hub": ""}, OTHER, False, OTHER, []),
])
def test_what_is_reported_of_a_ref(refs, deployed, renew, commit, told):
    facts = ServiceFacts({}, {}, refs, {"hub": deployed} if deployed else {})
    assert _commits([HUB], facts, renew) == ({"hub": commit}, told)
