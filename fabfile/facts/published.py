"""What becomes of a call to each published name: asked on the gateway, at its public address, as the world
asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Protocol


class Row(Protocol):
    """One row of the table of published names: its name, the gateway's address and the service's, and the ports."""

    @property
    def name(self) -> str: ...
    @property
    def public(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def ports(self) -> tuple[int, ...]: ...


@dataclass(frozen=True)
class PublishedState:
    """What came of a row: `macs` answer for the service's address; `answers` is port → what came, "" nothing; the certificate has
    its issuer and when it expires, with "yes" where it is trusted."""

    macs: tuple[str, ...]
    answers: Mapping[int, str]
    issuer: str
    until: str
    trusted: str
    refused: bool  # a wrong name gets no answer
    begins: str = ""  # since when the certificate is valid


def _asked(name: str) -> str:
    """A name that a row answers to: of all below a domain, one that nobody has."""
    return name.replace("*", "coop-check", 1)


def question(rows: Iterable[Row], inner: str) -> str:
    """Shell text; `inner` is the gateway's interface towards the nodes. All is asked at the same time, and told in order."""
    pieces = [text for row in rows for text in _of(row, inner)]
    asked = [f"({text}\n) >\"$heard/{number:04}\" &" for number, text in enumerate(pieces)]
    return "\n".join(["heard=$(mktemp -d /run/coop-published.XXXXXX)", *asked, 'wait; cat "$heard"/* 2>/dev/null; rm -rf "$heard"', ":"])


def _of(row: Row, inner: str) -> Iterable[str]:
    name = _asked(row.name)
    yield f"printf '\\nrow %s\\n' {quote(row.name)}"
    yield (f"arping -b -c 2 -w 3 -I {inner} {row.address} 2>&1 | "
           "grep -oiE '([0-9a-f]{2}:){5}[0-9a-f]{2}' | tr A-F a-f | sort -u | sed 's/^/mac /'")
    for port in row.ports:
        if port not in (80, 443):
            yield (f"printf 'answer {port} '; curl -s --max-time 4 telnet://{row.public}:{port} </dev/null "
                   ">/dev/null 2>&1; [ $? = 7 ] && echo || echo open")
            continue
        scheme = "https" if port == 443 else "http"
        resolve = quote(f"{name}:{port}:{row.public}")
        yield (f"printf 'answer {port} '; curl -ksS --noproxy '*' --connect-timeout 3 --max-time 8 --resolve {resolve} "
               "-o /dev/null "
               f"-w '%{{http_code}} %{{redirect_url}}' {scheme}://{name}/ 2>/dev/null; echo")
        yield (
            f"curl -ksS --noproxy '*' --connect-timeout 3 --max-time 5 --resolve wrong.invalid:{port}:{row.public} -o /dev/null "
            f"{scheme}://wrong.invalid/ "
            f"2>/dev/null && echo 'wrong {port}'")
    if 443 in row.ports:
        yield (f"timeout 6 openssl s_client -connect {row.public}:443 -servername {name} "
               "-verify_return_error </dev/null 2>/dev/null "
               f">/dev/null && echo trusted yes || echo trusted no")
        yield (f"timeout 6 openssl s_client -connect {row.public}:443 -servername {name} "
               "</dev/null 2>/dev/null | "
               "openssl x509 -noout -issuer -startdate -enddate -nameopt sep_comma_plus_space 2>/dev/null")


def parse(answer: str) -> dict[str, PublishedState]:
    """By name."""
    found: dict[str, PublishedState] = {}
    for part in answer.split("\nrow ")[1:]:
        name, _, text = part.partition("\n")
        lines = [line.strip() for line in text.split("\n")]
        answers = {}
        for line in lines:
            if line.startswith("answer "):
                port, _, came = line.removeprefix("answer ").partition(" ")
                answers[int(port)] = "" if came.startswith("000") else came.strip()
        said = {
            key: line.removeprefix(prefix)
            for line in lines
            for key, prefix in (("issuer", "issuer="), ("until", "notAfter="), ("begins", "notBefore="), ("trusted", "trusted "))
            if line.startswith(prefix)
        }
        found[name] = PublishedState(tuple(
            line.removeprefix("mac ") for line in lines if line.startswith("mac ")), answers,
                            said.get("issuer", ""), said.get("until", ""), said.get("trusted", ""),
                            not any(line.startswith("wrong ") for line in lines), said.get("begins", ""))
    return found
