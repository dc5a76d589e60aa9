"""Parts of the forge: keys, order, and a cache that holds whole things only."""
from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lab.forge.code import code_of, essence
from lab.forge.event import Event, ForgeError
from lab.forge.job import Job
from lab.forge.order import make
from lab.forge.part import Part
from lab.forge.store import Store

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="the forge builds as root only")


def write_name(job: Job) -> None:
    inputs = " ".join((job[part] / "name").read_text() for part in job.part.inputs)
    (job.out / "name").write_text(f"{job.part.name}({inputs})")


def break_down(job: Job) -> None:
    job.run("sh", "-c", "echo nearly there >&2; exit 3")


def states(events: list[Event], state: str) -> list[str]:
    return [event.part for event in events if event.state == state]


def test_key_changes_with_everything_a_part_is_made_from(tmp_path: Path) -> None:
    file = tmp_path / "go.mod"
    file.write_text("module a\n")
    base = Part("a", write_name)
    keys = {
        Part("a", write_name).key,
        Part("b", write_name).key,
        Part("a", break_down).key,
        Part("a", write_name, settings="v1").key,
        Part("a", write_name, settings="v2").key,
        Part("a", write_name, inputs=(base,)).key,
        Part("a", write_name, files=(file,)).key,
    }
    file.write_text("module b\n")
    keys.add(Part("a", write_name, files=(file,)).key)
    assert len(keys) == 8
    assert Part("a", write_name).key == base.key
    assert len(base.key) == 12


def test_key_does_not_change_with_turn_or_versions() -> None:
    assert Part("a", write_name, turn="compile", versions={"a": "1"}).key == Part("a", write_name).key


def test_comments_docstrings_and_layout_are_no_code() -> None:
    plain = 'import os\n\n\ndef f(a):\n    return a\n\n\nclass C:\n    x = 1\n'
    told = ('"""Module."""\nimport os\n# why\ndef f( a ):\n    """What."""\n    return a  # so\n'
            'class C:\n    """It."""\n    x = 1\n')
    assert essence(plain) == essence(told)
    assert essence(plain) != essence(plain.replace("x = 1", "x = 2"))


def test_imports_are_found_wherever_they_stand() -> None:
    _, imported = essence("from lab.forge import oci\ndef f():\n    import lab.forge.apt\n")
    assert imported == ("lab.forge", "lab.forge.oci", "lab.forge.apt")


def test_code_of_a_recipe_includes_what_it_imports_but_not_what_runs_it() -> None:
    code = code_of("lab.forge.busybox")
    assert b"class Registry" in code            # lab.forge.oci
    assert b"def needed_by" in code             # lab.forge.elf, through lab.forge.userland
    assert b"class Store" not in code


def test_inputs_come_before_what_is_made_from_them() -> None:
    base = Part("base", write_name)
    left, right = Part("left", write_name, inputs=(base,)), Part("right", write_name, inputs=(base,))
    top = Part("top", write_name, inputs=(left, right))
    assert [part.name for part in top.with_inputs()] == ["base", "left", "right", "top"]


@as_root
def test_builds_once_and_empties_the_scratch_folder(tmp_path: Path) -> None:
    base = Part("base", write_name)
    top = Part("top", write_name, inputs=(Part("left", write_name, inputs=(base,), turn="x"),
                                          Part("right", write_name, inputs=(base,), turn="x")))
    events: list[Event] = []
    Store(tmp_path).scratch.mkdir()
    store = make(top, tmp_path, events.append)
    assert (store.folder(top) / "name").read_text() == "top(left(base()) right(base()))"
    assert sorted(states(events, "built")) == ["base", "left", "right", "top"]
    assert sorted(json.loads((tmp_path / "times.json").read_text())) == ["base", "left", "right", "top"]
    assert not store.scratch.exists()

    events.clear()
    make(top, tmp_path, events.append)
    assert states(events, "cached") == ["base", "left", "right", "top"] and len(events) == 4


@as_root
def test_a_failure_says_what_was_said_and_leaves_no_folder(tmp_path: Path) -> None:
    broken = Part("broken", break_down)
    top = Part("top", write_name, inputs=(broken, Part("other", write_name)))
    events: list[Event] = []
    with pytest.raises(ForgeError, match=r"(?s)^broken: sh failed with exit code 3:.*nearly there.*broken\.log$"):
        make(top, tmp_path, events.append)
    assert states(events, "failed") == ["broken"]
    assert not Store(tmp_path).has(broken)


@as_root
def test_unfinished_and_forgotten_folders_go(tmp_path: Path) -> None:
    unfinished, forgotten, recent = (tmp_path / name for name in
                                     ("a-0123456789ab.building", "b-0123456789ab", "c-0123456789ab"))
    for folder in (unfinished, forgotten, recent):
        folder.mkdir(parents=True)
    os.utime(forgotten, (0, 0))
    make(Part("part", write_name), tmp_path, lambda event: None)
    assert [folder.exists() for folder in (unfinished, forgotten, recent)] == [False, False, True]


def test_an_input_that_was_not_named_is_refused(tmp_path: Path) -> None:
    other = Part("other", write_name)
    with pytest.raises(LookupError, match="part uses other"):
        Job(Part("part", write_name), tmp_path, Store(tmp_path))[other]
