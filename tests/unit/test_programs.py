"""The shell programs for machines: each a file that shellcheck has read, with cases that run it.

The cases are data, in tests/cases/programs, a file for each program. Each runs by the shell of Debian and by bash, in a
copy of this computer's root, with small programs in the places of those that would change something.

    case       what is seen
    behind     programs that come before it
    given      its variables
    words      its arguments
    has        programs of the case, by name: shell text
    files      files of the case, by path
    before     shell text before it; after: shell text behind it
    says       all that it says; tells: lines of it, in this order; never: pieces that it must not say
    code       its exit code; 0 where nothing is said of it
    leaves     what files hold afterwards; null: there is none
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from shlex import quote

import pytest
import yaml

from fabfile.programs import HERE, shell
from tests.unit.long_texts import LongTexts
from tests.unit.sandbox import a_sandbox

PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "tests/cases/programs"
PROGRAMS = sorted(HERE.glob("*.sh"))
CASES = [pytest.param(path.stem, case, id=f"{path.stem}: {case['case']}")
         for path in sorted(FOLDER.glob("*.yaml")) for case in yaml.safe_load(path.read_text())]
MOST = 15  # lines of shell that a Python file may hold in one text


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_it_is_good_shell(path):
    """shellcheck has nothing to say, and neither has the machines' own shell."""
    for checker in (["shellcheck", "-x", path.name], ["dash", "-n", path.name]):
        done = subprocess.run(checker, cwd=path.parent, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_program_has_cases_of_its_own():
    assert {path.stem for path in PROGRAMS} == {path.stem for path in FOLDER.glob("*.yaml")}
    assert {path.stem for path in PROGRAMS} == {name for name, *_ in (case.values for case in CASES)}


def test_every_program_says_what_it_is_for():
    about = (HERE / "__init__.py").read_text()
    for path in PROGRAMS:
        head = path.read_text().split("\n")
        assert head[0].startswith("# shellcheck shell=sh") and head[1].startswith("# "), path.name
        assert f"\n    {path.name} " in about, path.name


@pytest.fixture(scope="module")
def machine():
    with a_sandbox() as sandbox:
        yield sandbox


@pytest.mark.parametrize("interpreter", ["dash", "bash --posix"])
@pytest.mark.parametrize("program,case", CASES)
def test_what_it_does(program, case, interpreter, machine):
    files = {f"/case/bin/{name}": f"#!/bin/sh\n{text}" for name, text in case.get("has", {}).items()}
    files |= case.get("files", {})
    machine.run(f"rm -rf /case {' '.join(map(quote, files))} /run/coop; mkdir -p /case/bin")
    for path, content in files.items():
        machine.write(path, content)
    text = "\n".join([case.get("before", ""), shell(*case.get("behind", ()), program, **case.get("given", {})),
                      case.get("after", "")])
    machine.write("/case/script", text)
    words = " ".join(map(quote, case.get("words", ())))
    code, said = machine.run(f"chmod +x /case/bin/* 2>/dev/null; PATH=/case/bin:$PATH; cd /case; {interpreter} ./script {words}")
    assert code == case.get("code", 0), said
    if "says" in case:
        assert said.rstrip("\n") == case["says"].rstrip("\n")
    lines = iter(said.split("\n"))
    for told in case.get("tells", ()):
        assert told in lines, said
    for never in case.get("never", ()):
        assert never not in said
    for path, content in case.get("leaves", {}).items():
        there, held = machine.run(f"cat {quote(path)} 2>/dev/null")
        assert (held if there == 0 else None) == content, said


def test_no_python_file_holds_long_shell():
    """A text is counted with all that it is put together of."""
    texts = LongTexts(PROJECT / "fabfile")
    found = [f"{path.relative_to(PROJECT)}:{line}: {length} lines" for path in sorted((PROJECT / "fabfile").rglob("*.py"))
             for line, length in texts.of(path, MOST)]
    assert not found, found


@pytest.mark.parametrize("source", [
    '_A = """' + "x\n" * 16 + '"""\n',
    '_A = "x\\n" * 1 + """' + "x\n" * 16 + '"""\n',
    '_A = """' + "x\n" * 9 + '"""\ndef f():\n    return f"""{_A}' + "y\n" * 9 + '"""\n',
    'def f():\n    lines = ["a", "b"]\n    lines += [' + '"c", ' * 15 + ']\n    return "\\n".join(lines)\n',
    'def f():\n    return "\\n".join([*["a"], ' + '"c", ' * 16 + '])\n',
    'from fabfile.first import A\nB = A + """' + "x\n" * 9 + '"""\n',
], ids=["one text", "a sum", "a text in a text", "lines that are added", "lines in a list", "a text of another file"])
def test_a_long_text_is_found(source, tmp_path):
    package = tmp_path / "fabfile"
    package.mkdir()
    (package / "first.py").write_text('A = """' + "x\n" * 9 + '"""\n')
    (package / "second.py").write_text(source)
    assert [length > 15 for _, length in LongTexts(package).of(package / "second.py", 15)] == [True]
