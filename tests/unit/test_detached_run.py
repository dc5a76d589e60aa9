"""What a long command says while it runs, heard through the shell text that waits for it."""

from __future__ import annotations

import re

from fabfile.engine import detached
from tests.unit.sandbox import a_sandbox

SAYS = "echo 'note: the copy is of yesterday'; echo passing; sleep 3; echo 'note: it went back'; echo the last; exit 1"


def test_a_note_is_heard_once_whatever_is_said_after_it_and_when():
    with a_sandbox() as sandbox:
        code, said = sandbox.run("coop_mark=@@\n" + detached.run("coop-it", "what it does", SAYS, 60))
    heard = re.findall(r"^@@ \+ (.*)$", said, re.MULTILINE)
    assert [line for line in heard if line.startswith("note: ")] == ["note: the copy is of yesterday", "note: it went back"]
    assert "passing" in heard and code == 1
    assert said.endswith("note: the copy is of yesterday\npassing\nnote: it went back\nthe last\n"), "its own output"
