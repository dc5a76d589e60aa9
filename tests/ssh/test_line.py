"""The line between the operator and rooster is as slow as a real one: what is told too late shows only there."""

from __future__ import annotations

import subprocess
import time

import yaml
from swarm import DELAY


def test_each_word_is_late(operate):
    """The port's greeting: TCP's handshake there and back, then once across. Nothing of it is lost or out of order."""
    operator = operate()
    command = yaml.safe_load((operator.folder / "hosts.yaml").read_text())["operator"]["proxy_command"]
    began = time.monotonic()
    door = subprocess.Popen(command.replace("%h", "128.120.136.26").replace("%p", "22").split(),
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert door.stdout.readline().startswith(b"SSH-2.0-")
    assert time.monotonic() - began >= 3 * DELAY / 1000
    asked = time.monotonic()
    door.stdin.write(b"SSH-2.0-test\r\n")
    door.stdin.flush()
    assert door.stdout.read(1)  # what keys it offers
    assert time.monotonic() - asked >= 2 * DELAY / 1000 - 0.001
    door.stdin.close()
    door.wait(10)


def test_much_arrives_whole(operate):
    operator = operate()
    code, said = operator.end(".venv/bin/fab", "-H", "rooster", "--", "seq 100000")
    assert code == 0 and said.split() == [str(number) for number in range(1, 100001)]
