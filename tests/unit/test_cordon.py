"""A node withdrawn for a reboot, and returned: by the run that withdrew it, and by the one after a run that was killed."""

import subprocess

import pytest

from fabfile.facts.rebooting import Turn, turns
from fabfile.resources.departure import Cordoned, Uncordoned

# one node: a file each for its cordon and its mark; the API server may be away, or be so for one question
KUBECTL = """
sleep() { :; }
kubectl() {
  shift 2
  [ "$1" != --request-timeout=10s ] || shift
  if [ -e away ]; then rm away; echo "connection refused"; return 1; fi
  case "$1 $2" in
    "get node") printf 'chick1 '; [ ! -e cordoned ] || printf true; [ ! -e mark ] || printf yes ;;
    "annotate --overwrite") : >mark ;;
    "annotate node") rm -f mark; echo node/chick1 annotated ;;
    "cordon chick1") : >cordoned ;;
    "uncordon chick1") rm -f cordoned ;;
    *) echo "what is $*?" >&2; exit 9 ;;
  esac
}
"""


def printed(folder, text: str) -> str:
    return subprocess.run(["sh", "-eu", "-c", KUBECTL + text], cwd=folder, check=True, capture_output=True,
                          text=True).stdout


def made(folder, resource) -> bool:
    """Looks, and makes what differs; whether anything did."""
    changes = list(resource.changes(printed(folder, resource.probe()), frozenset()))
    for change in changes:
        printed(folder, change.commands[0].script)
    return bool(changes)


@pytest.mark.parametrize("before, killed, after", [
    ([], 0, []),
    ([], 1, []),  # withdrawn, never returned, withdrawn again
    (["mark"], 0, []),  # killed between the mark and the cordon
    (["cordoned"], 0, ["cordoned"]),  # by somebody's hand: it stays
    (["cordoned"], 1, ["cordoned"]),
])
def test_a_node_is_returned_to_the_cordon_that_was_there_before(tmp_path, before, killed, after):
    for name in before:
        (tmp_path / name).touch()
    for _ in range(killed + 1):
        made(tmp_path, Cordoned("chick1"))
        assert (tmp_path / "cordoned").exists()
    made(tmp_path, Uncordoned("chick1"))
    assert sorted(path.name for path in tmp_path.iterdir()) == after
    assert not made(tmp_path, Uncordoned("chick1"))


def test_a_node_is_returned_when_its_api_server_is_back(tmp_path):
    made(tmp_path, Cordoned("chick1"))
    (tmp_path / "away").touch()
    facts = printed(tmp_path, Uncordoned("chick1").probe())
    assert facts.splitlines() == ["connection refused", "unknown"]  # what is not known is not taken for returned
    (change,) = Uncordoned("chick1").changes(facts, frozenset())
    (tmp_path / "away").touch()
    printed(tmp_path, change.commands[0].script)
    assert list(tmp_path.iterdir()) == []


def test_who_cannot_be_asked_is_not_cordoned_and_says_why(tmp_path):
    (tmp_path / "away").touch()
    ended = subprocess.run(["sh", "-c", f"{KUBECTL}\n({Cordoned('chick1').probe()})"], cwd=tmp_path, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "connection refused\n")


def test_a_reboot_goes_on_with_the_machines_that_a_killed_run_did_not_come_to():
    started = {"chick1": "Mon 21:00", "chick2": "Sun 10:00", "chick3": "Sun 11:00"}
    marks = "chick0=\nchick1=1000 Mon 20:00\nchick2=1000 Sun 10:00\nchick3=\n"
    assert turns(started, marks, 1900.0) == [
        Turn("chick1", "Mon 20:00", "1000 Mon 20:00", True), Turn("chick2", "Sun 10:00", "1000 Sun 10:00", False),
        Turn("chick3", "Sun 11:00", "1900 Sun 11:00", False)]
    assert not any(turn.done for turn in turns(started, marks, 1000.0 + 25 * 3600))  # nobody went on with that one
