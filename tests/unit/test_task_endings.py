"""However a task ends: in sentences, with the right exit code; a traceback is shown to who asks for one alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from invoke import Collection, Program

from fabfile.engine.errors import CoopError, Crashed, WrongUsage
from fabfile.rack import Problem, RackProblems
from fabfile.tasks.task import task

PROJECT = Path(__file__).parents[2]


def inv(*words: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-m", "invoke", *words], cwd=PROJECT, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **environment})
    return done.returncode, done.stdout


@pytest.mark.parametrize("words", [
    ("run.list", "--count", "abc"), ("run.list", "--count", "-1"), ("run.list", "--count", "0"),
    ("run.list", "--count", "1e3"), ("run.list", "--count", "99999999999999999999"), ("hub.logs", "--lines", "many"),
    ("hub.rollback", "--revision", "abc"), ("hub.rollback", "--revision", "-2"), ("lab.swarm", "few"), ("lab.swarm", "-1"),
    ("node.reboot", "chick1", "--at-once", "two"),
], ids=" ".join)
def test_a_number_that_is_none_is_reported(words):
    code, said = inv(*words)
    assert code == 2 and said.endswith(f"is a whole number from 1 on, not {words[-1]!r}\n") and said.count("\n") == 1, said


def test_an_extra_of_a_lab_that_does_not_exist_is_reported():
    assert inv("lab.up", "--extras", "rstudio,marimo") == (2, "nothing is called rstudio: --extras takes marimo, kubernetes-next, gpus\n")


def test_help_still_says_what_is_a_number():
    assert "--count=INT" in inv("--help", "run.list")[1] and "--revision=INT" in inv("--help", "hub.rollback")[1]


def test_what_this_computer_refuses_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    code, said = inv("rack.ssh-config", XDG_STATE_HOME=str(tmp_path / "file"))
    assert code == 1 and said.count("\n") == 1 and f"not a directory: {tmp_path}/file/coop" in said, said
    assert "fabfile/tasks/rack.py:" in said and "--debug" in said and "bug in Coop" not in said
    code, said = inv("--debug", "rack.ssh-config", XDG_STATE_HOME=str(tmp_path / "file"))
    assert code == 1 and "Traceback" in said and "NotADirectoryError" in said


def test_a_reader_who_has_gone_is_no_fault():
    done = subprocess.run(f"{sys.executable} -m invoke rack.show --json | :; echo ended", shell=True, cwd=PROJECT, text=True,
                          capture_output=True)
    assert (done.stdout, done.stderr) == ("ended\n", "")


def ending(error: BaseException, capsys) -> tuple[int, str, str]:
    """How a task of Coop ends that raises this."""
    @task
    def work(c):
        """Work."""
        print("it begins")
        raise error

    with pytest.raises(SystemExit) as ended:
        Program(namespace=Collection(work)).run(["inv", "work"])
    return ended.value.code, *capsys.readouterr()


SITES_OWN = """
from fabfile.secret import Secret
from fabfile.tasks.task import task

@task
def work(c):
    token = Secret("s3cr3t-t0ken-0123456789")
    raise TypeError(f"{None} is not {token.reveal()}")
"""


def test_a_fault_is_one_sentence_that_says_where(tmp_path):
    """Here in a task of a site's own."""
    (tmp_path / "tasks.py").write_text(SITES_OWN)
    code, said = inv("--search-root", str(tmp_path), "work")
    assert code == 1 and said == (
        f"this is a bug in Coop: TypeError: None is not •••••• ({tmp_path}/tasks.py:8); run again with --debug to see where it "
        "comes from\n")
    code, said = inv("--debug", "--search-root", str(tmp_path), "work")
    assert code == 1 and "Traceback" in said and "raise TypeError" in said and "s3cr3t-t0ken" not in said


@pytest.mark.parametrize("error, code, told", [
    (CoopError("it holds"), 1, "it holds\n"),
    (WrongUsage("there is none"), 2, "there is none\n"),
    (RackProblems([Problem("hosts.yaml", 3, "rack", "is wrong")]), 2, "hosts.yaml:3: rack: is wrong\n"),
])
def test_what_no_task_caught_is_reported_all_the_same(capsys, error, code, told):
    assert ending(error, capsys) == (code, "it begins\n", told)


def test_the_place_is_in_coops_own_code_when_a_library_fails():
    from fabfile.rack.key_file import read
    try:
        read(Path("/proc/self/mem"))
    except OSError as error:
        assert "fabfile/rack/key_file.py:" in str(Crashed(error))
