"""Redfish requests as curl takes them, by its stdin: no password is in any argument list or environment.

The key is checked in the TLS handshake, before the first byte of a request; certificates of BMCs are nobody's but their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from shlex import quote
from typing import Any

from fabfile.bmc.board import Board
from fabfile.bmc.redfish import Answer, Request

MARK = "#coop-answer"
FLAGS = ("silent", "show-error", "fail-with-body", "insecure", "location", "basic")
SAME = (("noproxy", "*"), ("proto", "=https"), ("proto-redir", "=https"), ("max-redirs", "2"), ("connect-timeout", "5"), ("max-time", "20"),
        ("header", "Accept: application/json"), ("header", "OData-Version: 4.0"))
OF_NOTHING = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="  # SHA-256


def settings(board: Board) -> str:
    """What every request has: the pinned key, the account, limits of time."""
    own = {"pinnedpubkey": board.public_key, "user": f"{board.user}:{board.password.reveal()}"}
    return "\n".join([*FLAGS, *(f"{key} = {_text(value)}" for key, value in (*SAME, *own.items()))])


def url(board: Board, path: str) -> str:
    """The line that names a resource; a path is the BMC's own word, and stays on that BMC."""
    return "url = " + _text(f"https://{board.address}/{path.lstrip('/')}")


def reading(board: Board, paths: Iterable[str]) -> str:
    """Shell text that prints the answers to some GETs, made over one connection; after one that failed no other is made."""
    common = settings(board)
    each = ["\n".join([common, url(board, path), "write-out = " + _text(f"\n{MARK} %{{http_code}} {path}\n")]) for path in paths]
    config = "fail-early\n" + "\nnext\n".join(each)
    return f"printf '%s\\n' {quote(config)} | curl -q --config - 2>&1 || :"


def shown_key(address: str) -> str:
    """Shell text that prints the key which a BMC shows, as public_key has it; no request is made."""
    return (f"timeout 10 openssl s_client -connect {address}:443 </dev/null 2>/dev/null | openssl x509 -pubkey -noout 2>/dev/null |\n"
            "openssl pkey -pubin -outform der 2>/dev/null | openssl dgst -sha256 -binary | openssl base64")


def as_key(output: str) -> str:
    """What that printed; empty: it shows none."""
    text = output.strip()
    return f"sha256//{text}" if len(text) == 44 and text != OF_NOTHING else ""


def parse(output: str) -> dict[str, Answer]:
    """What `reading` printed, by path."""
    answers: dict[str, Answer] = {}
    text: list[str] = []
    for line in output.splitlines():
        words = line.split(" ", 2)
        if words[0] == MARK and len(words) == 3 and words[1].isdecimal():
            answers[words[2]] = Answer(int(words[1]), "\n".join(text), _json("\n".join(text)))
            text = []
        else:
            text.append(line)
    if text and answers:  # why curl ended is said behind the last answer
        path, last = list(answers.items())[-1]
        answers[path] = Answer(last.status, "\n".join([last.text, *text]).strip(), last.body)
    return answers


def change(board: Board, request: Request) -> str:
    """One request as curl's settings; the program adds those of every request."""
    return "\n".join([f"request = {_text(request.method)}", url(board, request.path),
                      'header = "Content-Type: application/json"', f"data = {_text(json.dumps(request.body))}"])


def _json(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, Mapping) else {}


def _text(value: str) -> str:
    """In quotes, as curl's settings have them."""
    for letter, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        value = value.replace(letter, written)
    return f'"{value}"'
