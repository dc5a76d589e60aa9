"""On a terminal: which test is at work, and for how long, behind the dots of those that have ended. A test of the lab takes minutes.

A test's own output goes elsewhere, so this is written to the terminal itself; where there is none, nothing is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import IO

import pytest

AFTER, EVERY = 5.0, 1.0  # seconds that a test takes before it is named; and between two such lines
KEEP, CLEAR, BACK = "\x1b7", "\x1b[K", "\x1b8"  # the cursor's place; to the end of the line; to that place


def line(test: str, seconds: float, room: int) -> str:
    """The test's name, as much of it as there is room for beside the dots, and how long it takes: " test_a_drain[chick1] 12 s"."""
    time_taken = f" {seconds:.0f} s"
    name = f" {test.rpartition('::')[2]}"[: max(0, room - len(time_taken))]
    return name + time_taken if room >= len(time_taken) else ""


class AtWork:
    """Names the test that is at work. pytest writes between tests only, so the two never write at once."""

    def __init__(self, config: pytest.Config, terminal: IO[str]):
        self._writer, self._terminal = config.get_terminal_writer(), terminal

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        over, began = threading.Event(), time.monotonic()

        def tell() -> None:
            pause = AFTER
            while not over.wait(pause):
                pause = EVERY
                room = self._writer.fullwidth - self._writer.width_of_current_line - 1
                if words := line(item.nodeid, time.monotonic() - began, room):
                    self._write(words)
            if pause == EVERY:
                self._write("")

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        try:
            return (yield)
        finally:
            over.set()
            teller.join()

    def _write(self, words: str) -> None:
        self._terminal.write(f"{KEEP}{CLEAR}{words}{BACK}")
        self._terminal.flush()


@pytest.hookimpl(trylast=True)  # pytest's own output is set up then
def pytest_configure(config: pytest.Config) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not reporter.isatty or config.getoption("capture") == "no":
        return
    try:
        terminal = open("/dev/tty", "w")  # noqa: SIM115 - it ends with the process
    except OSError:
        return
    config.pluginmanager.register(AtWork(config, terminal))
