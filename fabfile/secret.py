"""A secret has its own type: it is masked everywhere except where it is revealed."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from shlex import quote
from threading import Lock
from urllib.parse import quote as percent

MASK = "••••••"
_SHORTEST = 6  # anything shorter would mask ordinary words
_PIECE = 8  # where a text was cut, so much of a secret at its edge is covered too
_LONGEST = 4096  # letters of one line; no key is longer

# What is a secret wherever it stands within one: a line of a key or its base64, and kubeadm's join token.
_KEY_MATERIAL = re.compile(r"[A-Za-z0-9+/=]{40,}|\b[a-z0-9]{6}\.[a-z0-9]{16}\b")

_LOOKS_SECRET = (
    re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?=-----END|\Z)", re.DOTALL),
    re.compile(r"(client-key-data: *|[Bb]earer +|--token[ =])\S+"),
    re.compile(r"()\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"),
    re.compile(r"()\b[a-z0-9]{6}\.[a-z0-9]{16}\b"),
    re.compile(r"""([A-Za-z_.-]*(?:password|passwd|secret|api_?token|auth_?token|crypt_?key|private_?key)[A-Za-z_]*["']?"""
               r""" *[:=] *["']?)(?!["'{\[]|\s|$)[^\s"',}]+""", re.IGNORECASE))

_remembering = Lock()
_known: tuple[str, ...] = ()  # longest first
_pieces: dict[str, tuple[str, ...]] = {}  # so many letters of a secret → the secrets that hold them


class Secret:
    """A text that no repr, log, journal, plan or error shows.

    Whatever has once been a Secret is masked by `mask` for the rest of this process, also in its base64 form,
    quoted, and line by line where it is a key, since that is how a machine would say it back.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str):
        self._value = value
        _remember(value)

    def reveal(self) -> str:
        """The text itself. Give it to a machine's stdin, never to an argv, a log or a file of this computer.
        """
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))


def mask(text: str) -> str:
    """The text with every secret known to this process covered, also one that the text's ends cut through."""
    for value in _known:
        if value in text:
            text = text.replace(value, MASK)
    if text[:_PIECE] in _pieces or text[-_PIECE:] in _pieces:
        text = _without_cut(text)
    return text


def remember_keys(text: str) -> None:
    """Masks from now on whatever looks like a key or a token in what was to become a secret."""
    for material in _KEY_MATERIAL.findall(text):
        _remember(material)


def mask_keys(text: str) -> str:
    """The text with whatever looks like a secret covered, known to this process or not: private keys, tokens, and the values
    of keys that are called so."""
    for pattern in _LOOKS_SECRET:
        text = pattern.sub(lambda found: f"{found[1]}{MASK}", text)
    return mask(text)


def _without_cut(text: str) -> str:
    """A machine's last words are cut somewhere: what is left there of a secret says too much already."""
    for value in _pieces.get(text[:_PIECE], ()):
        if text in value:
            return MASK
        for at in _places(value, text[:_PIECE]):
            if text.startswith(value[at:]):
                text = MASK + text[len(value) - at:]
    for value in _pieces.get(text[-_PIECE:], ()):
        for at in _places(value, text[-_PIECE:]):
            if text.endswith(value[:at + _PIECE]):
                text = text[:len(text) - at - _PIECE] + MASK
    return text


def _places(value: str, piece: str) -> Iterator[int]:
    at = value.find(piece)
    while at >= 0:
        yield at
        at = value.find(piece, at + 1)


def _remember(value: str) -> None:
    global _known, _pieces  # noqa: PLW0603  all the secrets that this process has met
    fresh = {shape for shape in _shapes(value) if len(shape) >= _SHORTEST}
    with _remembering:  # new values in place of the old ones: other threads may be walking those
        fresh -= set(_known)
        _known = tuple(sorted({*_known, *fresh}, key=len, reverse=True))  # longest first: no part is left
        pieces = dict(_pieces)
        for shape in fresh:
            if "\n" in shape or len(shape) > _LONGEST:
                continue
            for at in range(len(shape) - _PIECE + 1):
                piece = shape[at:at + _PIECE]
                if shape not in pieces.get(piece, ()):
                    pieces[piece] = (*pieces.get(piece, ()), shape)
        _pieces = pieces


def _shapes(value: str) -> Iterator[str]:
    """The forms in which a secret may come back."""
    for one in {value, value.strip()}:
        yield quote(one)
        yield percent(one, safe="")
        yield from _encoded(one)
        yield from (one.strip(), repr(one)[1:-1], json.dumps(one)[1:-1])
        yield json.dumps(one, ensure_ascii=False)[1:-1]
    for outer in _KEY_MATERIAL.findall(value):
        for material in (outer, *_KEY_MATERIAL.findall(_decoded(outer))):
            yield material
            yield from _encoded(material)


def _encoded(value: str) -> Iterator[str]:
    """Its base64; and what of it stands within the base64 of a longer text, wherever that begins."""
    data = value.encode("utf-8", "surrogateescape")
    yield b64encode(data).decode()
    for before in range(3):
        text = b64encode(b"\0" * before + data).decode().rstrip("=")
        whole = (before + len(data)) * 8 // 6  # letters that no byte behind the value has a part in
        yield text[-(-before * 8 // 6):whole]


def _decoded(material: str) -> str:
    """A key within base64, as kubeconfigs have them; else nothing."""
    try:
        return b64decode(material, validate=True).decode("ascii")
    except ValueError:
        return ""
