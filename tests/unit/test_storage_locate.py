"""What is said of a disk whose bay is to be found."""

import subprocess
import sys
from pathlib import Path

import pytest

from fabfile.facts.file_server import light_told

PROJECT = Path(__file__).parents[2]
PATH = "/dev/disk/by-id/wwn-1"


@pytest.mark.parametrize("answer, off, lit, told", [
    ("serial Z1\nlight enclosure Slot 03\n", False, True, "serial Z1\nits light is on (enclosure Slot 03): inv storage.locate front-2"),
    ("serial Z1\nlight ledctl\n", True, True, "serial Z1\nits light is off (ledctl)"),
    ("absent\n", False, False, "serial Z0\nhen does not see it"),
    ("serial \ndark why\n", False, False, "serial Z0\nit has no light that could be switched: why\non hen, as root, this reads"),
    ("serial Z1\ndark why\n", True, False, "serial Z1\nit has no light that could be switched: why"),
    ("", False, False, "serial Z0\nit has no light that could be switched: the machine has not answered")])
def test_what_is_said(answer, off, lit, told):
    done, said = light_told("hen", "front-2", PATH, "Z0", answer, off)
    assert done == lit and said.startswith(f"front-2: {PATH}, {told}")
    assert ("dd if=" in said) == (not lit and not off and "absent" not in answer)


def test_a_bay_that_no_file_names_is_one_sentence():
    done = subprocess.run([sys.executable, "-m", "invoke", "storage.locate", "front-99"], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 2 and "no file server has a bay 'front-99' in hosts.yaml, but " in done.stderr
    assert len(done.stderr.splitlines()) == 1
