"""For all tests: on CI the same code gives the same answer; elsewhere chance goes on looking for what nobody thought of."""

import os
import signal

from hypothesis import settings

from tests.at_work import pytest_configure  # noqa: F401 - a hook, found by its name

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")

# A shell starts what runs in its background deaf to Ctrl-C, and what that starts is deaf too; an operator is not.
signal.signal(signal.SIGINT, signal.default_int_handler)
