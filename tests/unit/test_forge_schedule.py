"""Which part of the forge is built next, how long the rest takes, and how long each part usually does."""

from __future__ import annotations

import pytest

from lab.forge import file_server, helm3, metal, metrics, swarm, usual
from lab.forge.jupyter import former
from lab.forge.part import Part
from lab.forge.schedule import Work, next_work, seconds_left
from lab.forge.site import EXTRAS, site
from lab.forge.store import Store
from lab.forge.usual import shipped, usual_seconds

EVERYTHING = (site(EXTRAS), swarm.part, swarm.python, helm3.programs, former.image, metal.part, file_server.part, metrics.programs)


def compiled(name: str, seconds: float, *inputs: str) -> Work:
    return Work(name, inputs, "compile", seconds)


def test_what_is_built_next_has_its_inputs_and_a_free_turn():
    programs, other, image = compiled("programs", 9), compiled("other", 9), Work("image", ("programs",))
    waiting = [image, programs, other, Work("download")]
    assert next_work(waiting, [], {"programs"}.__contains__) == image
    assert next_work(waiting, [], lambda name: False) == programs
    assert next_work(waiting, [programs], lambda name: False) == Work("download")
    assert next_work(waiting, [programs, Work("download")], lambda name: True) is None


@pytest.mark.parametrize("waiting, running, seconds", [
    ([], {}, 0),
    ([Work("a", usual=10)], {}, 10),
    ([Work("a", usual=10), Work("b", usual=7)], {}, 10),  # side by side
    ([Work("a", usual=10), Work("b", usual=7), Work("c", usual=7)], {}, 14),  # two at a time
    ([compiled("a", 10), compiled("b", 7)], {}, 17),  # one turn: one after the other
    ([Work("a", usual=10), Work("b", ("a",), usual=7)], {}, 17),
    ([Work("b", ("a", "there already"), usual=7)], {Work("a", usual=10): 3}, 10),  # the rest of what is being built
    ([compiled("b", 5, "a"), Work("c", usual=1)], {compiled("a", 10): 2, Work("d", usual=9): 4}, 7),
])
def test_seconds_left(waiting, running, seconds):
    assert seconds_left(waiting, running) == seconds


def test_what_can_never_begin_does_not_count_for_ever():
    assert seconds_left([Work("b", ("a",), usual=7), Work("a", ("b",), usual=7)], {}) == 0


def test_every_part_has_a_shipped_time():
    names = {part.name for whole in EVERYTHING for part in whole.with_inputs()}
    assert {name for name in names if not shipped().get(name)} == set()
    assert set(shipped()) - names == set()  # and none that is gone
    assert "\n# Origin: " in usual.SHIPPED.read_text()


def test_a_rack_does_without_what_only_tests_need():
    names = {part.name for part in site().with_inputs()}
    assert {part.name for part in site(EXTRAS).with_inputs()} - names == {
        "jupyter-marimo", *(f"kubernetes-next{what}" for what in ("-programs", "-packages", "-images")),
        "gpus-signing-key", "gpus-packages", "gpus-programs", "gpus-plugin"}
    assert names.isdisjoint({"helm3", "jupyter-former-hub", "swarm", "swarm-python", "metrics-programs"})
    assert site(EXTRAS).key != site().key == site(()).key


def test_the_shipped_times_make_the_time_that_was_measured():
    """645 s from nothing to a lab, on 2026-11-30; the scheduler's own time is in it, and in no part's."""
    parts = list(site().with_inputs())
    works = [Work(part.name, tuple(each.name for each in part.inputs), part.turn, shipped()[part.name]) for part in parts]
    assert seconds_left(works, {}) == pytest.approx(645, rel=0.08)


def test_the_last_time_on_this_computer_comes_before_the_shipped_one(tmp_path):
    store, part = Store(tmp_path), next(part for part in site().with_inputs() if part.name == "coredns")
    assert usual_seconds(part, store) == shipped()["coredns"]
    store.took(part, 123.0)
    assert usual_seconds(part, store) == 123.0
    assert usual_seconds(Part("new", print), store) == 0.0
