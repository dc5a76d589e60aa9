"""A node's leave during a reboot: taken and given back by a run, also by the one after a run that was killed."""

import subprocess

import pytest

from fabfile.resources.rebooted import Rebooted

# one node: a file each for its cordon and its mark
KUBECTL = """
sleep() { :; }
kubectl() {
  shift 2
  [ "$1" != --request-timeout=10s ] || shift
  case "$1 $2" in
    "get node") [ ! -e cordoned ] || printf true; [ ! -e mark ] || printf yes ;;
    "annotate --overwrite") : >mark ;;
    "annotate node") rm -f mark; echo node/chick1 annotated ;;
    "cordon chick1") : >cordoned ;;
    "uncordon chick1") if [ -e away ]; then rm away; echo "connection refused"; return 1; fi; rm -f cordoned ;;
    *) echo "what is $*?" >&2; exit 9 ;;
  esac
}
"""


def told(folder, text: str) -> str:
    return subprocess.run(["sh", "-eu", "-c", KUBECTL + text], cwd=folder, check=True, capture_output=True,
                          text=True).stdout.strip()


@pytest.mark.parametrize("before, killed, after", [
    ([], 0, []),
    ([], 1, []),  # taken, never given back, taken once more
    (["mark"], 0, []),  # killed between the mark and the cordon
    (["cordoned"], 0, ["cordoned"]),  # by somebody's hand: it stays
    (["cordoned"], 1, ["cordoned"]),
])
def test_a_leave_ends_with_the_cordon_that_was_there_before(tmp_path, before, killed, after):
    for name in before:
        (tmp_path / name).touch()
    (change,) = Rebooted("Mon 20:00", "chick1", "chick0").changes("Mon 20:00", frozenset())
    (leave,) = change.borrows
    for _ in range(killed + 1):
        value = told(tmp_path, leave.obtain)
        assert (tmp_path / "cordoned").exists()
    (tmp_path / "away").touch(exist_ok=True)  # the API server, which was on the machine itself
    told(tmp_path, f"leave={value}\n{leave.give_back}")
    (tmp_path / "away").unlink(missing_ok=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == after
