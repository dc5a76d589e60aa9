"""The computer's limits: raised by the first lab, put back by the last."""

import json

import pytest

from lab import computer


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """A computer with one limit and no lab: {limit, labs}."""
    limit, labs = tmp_path / "limit", tmp_path / "netns"
    limit.write_text("128\n")
    labs.mkdir()
    monkeypatch.setattr(computer, "setting", lambda name: limit)
    monkeypatch.setattr(computer, "LIMITS", {"fs.inotify.max_user_instances": 8192})
    monkeypatch.setattr(computer, "LABS", labs)
    monkeypatch.setattr(computer, "FORMER", tmp_path / "run/limits.json")
    return limit, labs


def test_the_last_lab_puts_back_what_the_first_one_found(kernel):
    limit, labs = kernel
    for name in "ab":
        (labs / f"coop-{name}-internet").touch()
        computer.raise_limits()
        assert limit.read_text() == "8192\n"
    (labs / "coop-a-internet").unlink()
    computer.restore_limits()
    assert limit.read_text() == "8192\n"
    (labs / "coop-b-internet").unlink()
    computer.restore_limits()
    assert limit.read_text() == "128\n"
    assert not computer.FORMER.exists()


def test_a_computer_with_more_keeps_more(kernel):
    limit, _ = kernel
    limit.write_text("65536\n")
    computer.raise_limits()
    assert limit.read_text() == "65536\n"
    assert json.loads(computer.FORMER.read_text()) == {"fs.inotify.max_user_instances": 65536}


def test_without_a_lab_nothing_is_put_back(kernel):
    limit, _ = kernel
    computer.restore_limits()
    assert limit.read_text() == "128\n"
