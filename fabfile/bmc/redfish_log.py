"""The event log of a BMC by Redfish: which of its log services has what the hardware reported, and its entries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fabfile.bmc.board import BmcProblem, Event
from fabfile.bmc.redfish import Answers, part, path_of, some, system_path, text

ROUNDS = 12  # of questions: services, each one's entries, and the pages of the longest
PAGES = 8
PAGE = re.compile(r"/redfish/v1/[A-Za-z0-9._~/?$=&%-]+")
HARDWARE = ("sel", "iml", "log1", "eventlog", "event log", "log")  # what makers call it, the best first


def to_read(answers: Answers) -> tuple[str, ...]:
    """The resources that are still to be read; none when all is known. Raises BmcProblem."""
    services = [*_services(answers)]
    wanted = [path for path, _ in services]
    for owner in _owners(answers):
        if listed := path_of(part(answers[owner].body, "LogServices")):
            wanted.insert(0, listed)
    unread = tuple(path for path in dict.fromkeys(wanted) if path not in answers)
    if unread:
        return unread
    return tuple(path for path in _pages(answers) if path not in answers)


def events(answers: Answers) -> tuple[Event, ...]:
    """The newest last. Raises BmcProblem where it has no log, or does not show it."""
    pages = _pages(answers)
    if not pages:
        raise BmcProblem("it has no event log that Redfish shows")
    if not answers[pages[0]].good:
        raise BmcProblem(f"{pages[0]} is answered with {answers[pages[0]].status}")
    entries = [one for page in pages if page in answers for one in some(answers[page].body, "Members")]
    found = [Event(text(one, "Created"), text(one, "Severity"), text(one, "Message") or text(one, "MessageId") or text(one, "Name"))
             for one in entries if isinstance(one, Mapping)]
    return tuple(sorted((one for one in found if one.message), key=lambda one: one.time))


def _owners(answers: Answers) -> Iterator[str]:
    """The machine, and what manages it."""
    system = system_path(answers)
    for path in (system, *(path_of(one) for one in some(part(answers[system].body, "Links"), "ManagedBy"))):
        if path in answers and answers[path].good:
            yield path


def _services(answers: Answers) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every log service, with what it said."""
    for owner in _owners(answers):
        listed = path_of(part(answers[owner].body, "LogServices"))
        if listed in answers:
            for one in some(answers[listed].body, "Members"):
                if path := path_of(one):
                    yield path, answers[path].body if path in answers else {}


def _pages(answers: Answers) -> list[str]:
    """Of the entries of the log that is taken, in order, as far as they are known."""
    services = [(path, body) for path, body in _services(answers) if path_of(part(body, "Entries"))]
    if not services:
        return []
    _, taken = min(services, key=lambda one: _rank(*one))
    pages = [path_of(part(taken, "Entries"))]
    while len(pages) < PAGES and pages[-1] in answers:
        following = text(answers[pages[-1]].body, "Members@odata.nextLink")
        if not PAGE.fullmatch(following) or following in pages:
            break
        pages.append(following)
    return pages


def _rank(path: str, body: Mapping[str, Any]) -> int:
    if text(body, "LogEntryType") == "SEL":
        return -1
    name = path.rstrip("/").rpartition("/")[2].lower()
    return HARDWARE.index(name) if name in HARDWARE else len(HARDWARE)
