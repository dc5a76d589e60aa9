"""What the pages show is typed as it stands there, in their order."""

import pytest

from tests.pages import PAGES, commands


@pytest.fixture(scope="module")
def settled(bootstrapped, operator):
    """A rack as its files say it: a first bootstrap has left the hub's pages at a branch, an upgrade pins them."""
    operator.inv("hub.upgrade")


@pytest.mark.parametrize("command", [command for page in PAGES for command in commands(page, "run-in-lab")])
def test_shown_command_runs_in_the_lab(command, settled, operator):
    # a dry run that finds differences ends with 3: on a rack that is as its files say it may not
    operator.types("sh", "-c", command)
