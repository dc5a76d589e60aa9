"""Who counts as dead: nobody that answers, is Ready, or is on by its BMC's word."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from invoke import Exit

from fabfile.bmc.board import Board, State
from fabfile.engine.errors import KeyRefused, NoAnswer
from fabfile.secret import Secret
from fabfile.tasks import bmcs, evicting, queries

PODS = "node {ready}\n\n#pods\nhub jupyter-ada / Running\nhub hub-5f ReplicaSet/hub Running\n"
RACK = SimpleNamespace(leader=SimpleNamespace(name="chick0"))
BOX = SimpleNamespace(name="chick2", bmc=None)


@pytest.mark.parametrize("ready, answers, node, told", [
    ("Unknown", False, True, ""),
    ("True", False, True, "is Ready"),
    ("Unknown", True, True, "answers by SSH"),
    ("Unknown", KeyRefused("chick2", "login was refused"), True, "runs (login was refused)"),
    ("Unknown", False, False, "has no node"),
])
def test_a_machine_is_dead_when_nothing_says_that_it_lives(monkeypatch, ready, answers, node, told):
    def ask(rack, questions, limit=60.0, ways=None):
        if "chick2" in questions:
            return ({"chick2": ""}, {}) if answers is True else ({}, {"chick2": answers or NoAnswer("chick2", "no answer")})
        return {"chick0": PODS.format(ready=ready) if node else "\n#pods\n"}, {}

    monkeypatch.setattr(queries, "ask", ask)
    with pytest.raises(Exit) if told else nullcontext() as refused:
        assert evicting.seen_dead(RACK, BOX, None) == "chick2 is out of service: 1 pods start on other nodes; hub/jupyter-ada end"
    if told:
        assert told in str(refused.value) and refused.value.code == 2


@pytest.mark.parametrize("power, serials, proved", [
    ("off", ("S1",), True), ("off", (), False), ("on", ("S1",), None), ("PoweringOff", ("S1",), None), ("", ("S1",), None)])
def test_a_bmc_that_is_known_to_be_its_own_proves_that_a_machine_is_off(monkeypatch, power, serials, proved):
    box = SimpleNamespace(name="chick2", bmc=object())
    monkeypatch.setattr("fabfile.bmc.board.lacking", lambda rack, machine: [])
    monkeypatch.setattr(bmcs, "boards_of", lambda rack, machine: Board("chick2", "", "", Secret(""), serial="S1"))
    monkeypatch.setattr(bmcs, "known", lambda rack, board, ways: SimpleNamespace(state=State(power, serials=serials)))
    with nullcontext() if proved is not None else pytest.raises(Exit):
        assert evicting.proved_off(RACK, box, None) is proved


def test_without_a_bmc_nothing_is_proved():
    assert evicting.proved_off(RACK, BOX, None) is False


def test_what_is_not_proved_wants_the_name_typed():
    def change(proved: bool):
        (step,) = evicting.dead_steps(RACK, BOX, "words", proved)
        ((change,),) = (list(resource.changes("node Unknown", frozenset())) for resource in step.role(RACK, None))
        return change

    assert (change(True).typed, change(True).interrupts) == ("", "words")
    assert change(False).typed == "chick2" and "your word alone" in change(False).interrupts
