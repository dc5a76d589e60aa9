"""The SSH server of a BMC, whose shell is the serial console of its machine (lab/bmc/machine.py).

    python -m lab.bmc.ssh SOCKET <settings      the machine's socket; JSON: address, port, user, password, key (a file), entry, log

`entry` is the command that begins the console, or empty. Every login is written down, a line for each: "right" or "wrong".
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from typing import Any

import paramiko

from lab.bmc.machine import console_of


class Server(paramiko.ServerInterface):
    def __init__(self, settings: dict[str, Any]):
        self.settings, self.shell = settings, threading.Event()

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_auth_password(self, username: str, password: str) -> int:
        right = (username, password) == (self.settings["user"], self.settings["password"])
        with open(self.settings["log"], "a") as log:
            log.write("right\n" if right else "wrong\n")
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_pty_request(self, *_: Any) -> bool:
        return True

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        return self.check_channel_exec_request(channel, b"")

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        if command.decode() != self.settings["entry"]:
            return False
        self.shell.set()
        return True


def serve(settings: dict[str, Any], connection: socket.socket, machine: str) -> None:
    """One login."""
    transport = paramiko.Transport(connection)
    server = Server(settings)
    transport.add_server_key(paramiko.Ed25519Key.from_private_key_file(settings["key"]))
    try:
        transport.start_server(server=server)
        channel = transport.accept(30)
        if channel is None or not server.shell.wait(30):
            return
        with console_of(machine) as console:
            threading.Thread(target=_pass, args=(channel.recv, console.sendall, channel.close), daemon=True).start()
            _pass(console.recv, channel.sendall, console.close)
    except (EOFError, OSError, paramiko.SSHException):
        pass
    finally:
        transport.close()


def _pass(read: Any, write: Any, end: Any) -> None:
    try:
        while data := read(4096):
            write(data)
    except OSError:
        pass
    finally:
        end()


def main() -> None:
    settings = json.load(sys.stdin)
    with socket.create_server((settings["address"], settings["port"])) as listening:
        os.close(os.open(settings["log"], os.O_CREAT | os.O_WRONLY))
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=serve, args=(settings, connection, sys.argv[1]), daemon=True).start()


if __name__ == "__main__":
    main()
