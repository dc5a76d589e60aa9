"""The stream to and from a shell: what is quoted arrives as it was, and marks are found however the bytes are
cut.
"""

from __future__ import annotations

import subprocess
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabfile.engine import framing
from fabfile.engine.framing import Answer, Beat, Frames
from fabfile.engine.shell import first_line

MARK = "coop-0123456789abcdef"


def spoken(*lines: str) -> bytes:
    """What a real shell says to these lines."""
    text = framing.prologue(MARK) + "".join(lines)
    return subprocess.run(["sh", "-s", "here"], input=text.encode(), stdout=subprocess.PIPE).stdout


def answers(stream: bytes) -> list[tuple[int, int, str]]:
    found = [answer for answer in Frames(MARK).feed(stream) if isinstance(answer, Answer)]
    return [(answer.number, answer.code, answer.output) for answer in found if answer.number]


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])))
def test_what_is_quoted_arrives_as_it_was(text):
    from shlex import quote
    assert answers(spoken(framing.probe(7, f"printf %s {quote(text)}"))) == [(7, 0, text)]


def test_what_sudo_or_a_login_script_says_belongs_to_no_answer():
    warning = b"sudo: unable to resolve host chick11: Name or service not known\n"
    assert answers(warning + spoken(framing.probe(1, "echo a"))) == [(1, 0, "a\n")]


def test_a_nul_character_is_refused():
    with pytest.raises(ValueError):
        framing.probe(1, "a\0b")


@given(st.lists(st.text(st.characters(blacklist_categories=["Cs"])), max_size=5), st.data())
def test_answers_are_found_however_the_stream_is_cut(outputs, data):
    stream = b"".join(f"{out}\n{MARK} {n} 0 1.00 1.50\n".encode() for n, out in enumerate(outputs))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    frames, found = Frames(MARK), []
    for begin, end in pairwise([0, *cuts, len(stream)]):
        found += frames.feed(stream[begin:end])
    assert found == [Answer(n, 0, 0.5, out) for n, out in enumerate(outputs)]


def test_a_beat_comes_between_and_leaves_the_output_whole():
    stream = f"one\n{MARK} + Unpacking kubelet\ntwo\n{MARK} 3 4 10.00 12.25\nrest".encode()
    frames = Frames(MARK)
    assert list(frames.feed(stream)) == [Beat("Unpacking kubelet"), Answer(3, 4, 2.25, "onetwo")]
    assert frames.rest() == "rest"


def test_commands_stop_at_the_first_failure_and_probes_do_not():
    assert answers(spoken(framing.act(1, "echo a", 60), framing.act(2, "false; echo b", 60), framing.act(3, "echo c", 60),
                          framing.again(), framing.act(4, "echo d", 60))) == [
        (1, 0, "a\n"), (2, 1, ""), (4, 0, "d\n")]
    assert answers(spoken(framing.probe(1, "exit 3"), framing.probe(2, "echo b"))) == [
        (1, 3, ""), (2, 0, "b\n")]


def test_no_command_can_change_or_end_the_shell():
    assert answers(spoken(framing.act(1, "cd /tmp; PATH=; set -u; exit 0", 60), framing.act(2, "pwd; cat", 60),
                          framing.probe(3, "if"), framing.act(4, 'echo "$# $1"', 60))) == [
        (1, 0, ""), (2, 0, "/\n"), (3, 2, ""), (4, 0, "0 \n")]


def test_a_probe_says_what_goes_to_stdout_alone_and_a_command_both():
    assert answers(spoken(framing.probe(1, "echo a; nonesuch; ls /nonesuch"),)) == [(1, 2, "a\n")]
    assert answers(spoken(framing.act(1, "echo a; echo b >&2", 60),)) == [(1, 0, "a\nb\n")]


def test_nothing_behind_a_guard_that_fails_is_run(tmp_path):
    made = tmp_path / "made"
    assert answers(spoken(framing.guard(1, "true"), framing.probe(2, "echo a"), framing.guard(3, "echo why; exit 75"),
                          framing.probe(4, f"touch {made}"), framing.again(), framing.act(5, f"touch {made}", 60))) == [
        (1, 0, ""), (2, 0, "a\n"), (3, 75, "why\n")]
    assert not made.exists()


def test_nothing_behind_a_command_that_took_too_long_is_run(tmp_path):
    made = tmp_path / "made"
    stream = spoken(framing.act(1, "sleep 2.2; echo done", 1), framing.act(2, f"touch {made}", 60),
                    framing.again(), framing.act(3, "echo next", 60))
    late = [(answer.number, answer.late) for answer in Frames(MARK).feed(stream) if isinstance(answer, Answer)]
    assert late == [(0, False), (1, True), (3, False)] and not made.exists()


def test_the_first_line_that_does_something_is_shown():
    assert first_line("# why\n\nset -u\n  apt-get install x\nmore") == "apt-get install x"
    assert len(first_line("x" * 500)) == 160 and first_line("") == ""
