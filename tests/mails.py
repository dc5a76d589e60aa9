"""A mail server on this computer that keeps what it is told. `python -u -m tests.mails PORT` prints it, in whatever network it runs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, TCPServer


@contextmanager
def serving(server: TCPServer) -> Iterator[TCPServer]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class Smtp(StreamRequestHandler):
    def handle(self) -> None:
        self.answer("220 example")
        while line := self.rfile.readline().decode().rstrip("\r\n"):
            self.server.said.append(line)
            word = line[:4].upper()
            if word == "DATA":
                self.answer("354 go on")
                while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                    self.server.said.append(line)
            self.answer("550 no such user" if word == "RCPT" and self.server.refuses else "221 bye" if word == "QUIT" else "250 example")

    def answer(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def mail_server(refuses: bool = False) -> Iterator[TCPServer]:
    """`said`: every line that it was told; `refuses`: it takes no recipient."""
    server = TCPServer(("127.0.0.1", 0), Smtp)
    server.said, server.refuses = [], refuses
    with serving(server):
        yield server


class _Printed(list[str]):
    append = staticmethod(print)  # type: ignore[assignment]


if __name__ == "__main__":
    printing = TCPServer(("127.0.0.1", int(sys.argv[1])), Smtp)
    printing.said, printing.refuses = _Printed(), False
    printing.serve_forever()
