"""The doctor on a timer: whoever configs/watch.yaml names is told what is new, worse and gone, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.task import task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from invoke import Context

    from fabfile.news import Key, News, Told
    from fabfile.rack import Rack
    from fabfile.rack.watching import Watching

AGAIN = 20.0  # seconds to the second look: what is gone by then is told to nobody


@task(help={"test": "Send a test message to everybody instead."})
def watch(c: Context, test: bool = False) -> None:
    """Notify of new findings of the doctor, by mail or webhook.

    Looks once, for a timer; configs/watch.yaml says who is told. A finding is
    told when it is new, worse, or gone, and when a second look says so too.
    """
    from fabfile.rack.files import WATCH
    from fabfile.screen import news as screen
    from fabfile.tasks.local_files import alone
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    watching = rack.watching
    ways = _ways(rack, watching) if watching else {}
    if watching is None or not ways:
        raise Exit(f"nobody would be told: {WATCH} names no `mail` and no `webhook` (docs/doctor.md#told-by-mail)", code=2)
    if test:
        failed = _tell({name: (f"[{rack.name}] a test of inv rack.watch", "What the doctor finds comes in this way.", send)
                        for name, send in ways.items()})
        if not failed:
            _beat(rack, watching)
        raise SystemExit(int(failed))
    folder = rack.state_folder / "watch"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with alone(folder):
        told = {name: _told(folder / f"{name}.json") for name in ways}
        heard = _looked(rack, watching, told)

        def keep(name: str) -> None:
            _keep(folder / f"{name}.json", told[name], heard[name])

        for name in ways:
            if heard[name].less and not heard[name]:
                keep(name)
        failed = _tell({name: (screen.subject(rack.name, heard[name]), screen.text(heard[name]), send)
                        for name, send in ways.items() if heard[name]}, keep)
    if failed:  # no heartbeat either: whoever waits for it tells people that nobody is told
        raise Exit("what could not be told now is told by the next inv rack.watch", code=1)
    _beat(rack, watching)


def _beat(rack: Rack, watching: Watching) -> None:
    from fabfile.rack.watching import address_of
    from fabfile.tasks.notifying import heartbeat

    if address := address_of(rack.secrets, watching, "heartbeat"):
        heartbeat(address)


def _ways(rack: Rack, watching: Watching) -> dict[str, Callable[[str, str], None]]:
    """How to send a subject and a text, by the key of configs/watch.yaml."""
    from fabfile.rack.watching import address_of, password_of
    from fabfile.tasks import notifying

    ways: dict[str, Callable[[str, str], None]] = {}
    if mail := watching.mail:
        ways["mail"] = lambda subject, text: notifying.mail(mail, password_of(rack.secrets), subject, text)
    if address := address_of(rack.secrets, watching, "webhook"):
        ways["webhook"] = lambda subject, text: notifying.webhook(address, f"{subject}\n{text}")
    return ways


def _looked(rack: Rack, watching: Watching, told: Mapping[str, Mapping[Key, Told]]) -> dict[str, News]:
    """What each is to be told. Only where there is something, a second look is had."""
    from time import sleep

    from fabfile.finding import Severity
    from fabfile.rules.compared import news
    from fabfile.rules.examine import examine
    from fabfile.tasks.leader import connected
    from fabfile.tasks.looking import look

    def once() -> dict[str, News]:
        with connected(rack) as ways:
            seen, _ = look(rack, ways)
        found = examine(seen)
        return {name: news(known, found, seen, Severity[watching.harm.upper()]) for name, known in told.items()}

    heard = once()
    if any(heard.values()):
        sleep(AGAIN)
        later = once()
        heard = {name: first & later[name] for name, first in heard.items()}
    return heard


def _tell(messages: Mapping[str, tuple[str, str, Callable[[str, str], None]]],
          then: Callable[[str], None] = lambda name: None) -> bool:
    """Sends each, and does `then` with what was sent; whether one could not be."""
    import sys

    from fabfile.tasks.notifying import Untold

    failed = False
    for name, (subject, text, send) in messages.items():
        try:
            send(subject, text)
        except Untold as why:
            print(f"{name}: {why}", file=sys.stderr)
            failed = True
        else:
            then(name)
            print(f"{name}: {subject}")
    return failed


def _told(file: Path) -> dict[Key, Told]:
    from json import loads

    from fabfile.finding import Severity
    from fabfile.news import Told, key_of

    if not file.exists():
        return {}
    return {key_of(one["rule"], one["where"], one["what"]): Told(one["what"], Severity[one["harm"]]) for one in loads(file.read_text())}


def _keep(file: Path, told: Mapping[Key, Told], heard: News) -> None:
    from json import dumps

    from fabfile.news import known
    from fabfile.tasks.local_files import write

    write(file, dumps([{"rule": rule, "where": where, "what": one.what, "harm": one.harm.name}
                       for (rule, where, _), one in known(told, heard).items()], indent=1), 0o600)
