"""This terminal as the terminal of a command on a machine: every key is a key there, Ctrl-C too."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from typing import TYPE_CHECKING

from fabfile.engine import wire

if TYPE_CHECKING:
    from fabfile.engine.link import Link


def attach(link: Link, command: str) -> None:
    """Until the command has ended, or this terminal is gone. Raises LinkError."""
    link.open()
    keys, screen = sys.stdin.fileno(), sys.stdout.buffer
    size = os.get_terminal_size(keys)
    try:
        channel = link.transport.open_session(timeout=wire.PATIENCE)
        channel.get_pty(os.environ.get("TERM", "vt100"), size.columns or 80, size.lines or 24)
        channel.exec_command(command)
    except Exception as error:
        raise link.as_link_error(error) from error
    before = termios.tcgetattr(keys)
    try:
        tty.setraw(keys)
        while True:
            readable, _, _ = select.select([channel, keys], [], [])
            if channel in readable:
                if not (said := channel.recv(1 << 14)):
                    return
                screen.write(said)
                screen.flush()
            if keys in readable:
                if not (typed := os.read(keys, 1 << 12)):
                    return
                channel.sendall(typed)
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)
        channel.close()
