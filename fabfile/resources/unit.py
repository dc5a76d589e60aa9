"""A systemd unit: running, enabled, masked, and run from the files as they are now."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from shlex import quote

from fabfile.programs import shell

from . import writing
from .base import Change, Command, Resource

_PROPERTIES = "LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,StateChangeTimestamp"
_UNIT_FOLDERS = ("/etc/systemd/system/", "/run/systemd/system/", "/usr/lib/systemd/system/")


@dataclass(frozen=True)
class Unit(Resource):
    """A unit that is running or not, enabled or not (None: whichever it is), or masked.

    It is restarted (with `reload`: reloaded) when a file in `watches` is altered by the plan, or is newer
    than the unit's last change of state: then an earlier run ended between the two. A unit that does not come
    up with a new file gets the previous one back, and the run fails. One that need not run (`running` is None) is
    restarted for its files only while it does. `answers` is shell text that is true once the unit does its work: a
    unit that is up is waited for until then, 45 s at most. `interrupts` says who notices a restart.
    """

    unit: str
    running: bool | None = True
    enabled: bool | None = True
    masked: bool = False
    watches: tuple[str, ...] = ()
    reload: bool = False
    answers: str = ""
    interrupts: str = ""

    @property
    def full(self) -> str:
        """The name with its suffix."""
        return self.unit if "." in self.unit else f"{self.unit}.service"

    @property
    def name(self) -> str:
        return f"unit {self.full}"

    def probe(self) -> str:
        look = f"systemctl show --timestamp=us+utc -p {_PROPERTIES} -- {quote(self.full)} 2>/dev/null || :"
        if not self.watches:
            return look
        # /proc/self/. is as old as the process that asks: the machine's own idea of now
        watched = " ".join(map(quote, self.watches))
        return f"{look}\nstat -c '%.Y %n' /proc/self/. {watched} 2>/dev/null || :"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = _Found(facts)
        unit = quote(self.full)
        if self.masked:
            if found.file_state != "masked" or found.active:
                yield self._change(f"{self.full} is {found.said}, should be masked",
                                   f"systemctl mask --now {unit}")
            return
        if found.file_state == "masked":
            yield self._change(f"{self.full} is masked, should not be", f"systemctl unmask {unit}")
        new = [path for path in self.watches if f"file:{path}" in altered]
        stale = new or found.newer
        if found.needs_reload or any(path.startswith(_UNIT_FOLDERS) for path in new):
            yield self._change(f"systemd has read {self.full} before its files changed",
                               "systemctl daemon-reload")
        if self.enabled and not found.is_enabled:
            # what a package has just brought has mostly enabled itself; to do it again would take longer
            yield self._change(f"{self.full} is {found.file_state or 'not there'}, should be enabled",
                               f"systemctl -q is-enabled {unit} 2>/dev/null || systemctl enable {unit}",
                               shown=f"systemctl enable {self.full}")
        if self.enabled is False and found.file_state in ("enabled", "enabled-runtime"):
            yield self._change(f"{self.full} is enabled, should not be", f"systemctl disable {unit}")
        if stale and (self.running or (self.running is None and found.active)):
            verb = "reload-or-restart" if self.reload and found.active else "restart"
            what = (f"{self.full} runs from a previous {', '.join(stale)}" if found.active
                    else f"{self.full} is {found.said}, should run")
            yield replace(self._change(what, self._start(verb, stale), 180.0, f"systemctl {verb} {self.full}"),
                          interrupts=self.interrupts if found.active else "")
        elif self.running and not found.active:
            yield self._change(f"{self.full} is {found.said}, should run", self._start("start", []), 180.0,
                               f"systemctl start {self.full}")
        elif self.running is False and found.active:
            yield self._change(f"{self.full} is running, should not be", f"systemctl stop {unit}", 120.0)

    def _change(self, what: str, script: str, limit: float = 60.0, shown: str = "") -> Change:
        return Change(what, (Command(script, limit=limit, shown=shown),),
                      alters=frozenset({f"unit:{self.full}"}))

    def _start(self, verb: str, files: list[str]) -> str:
        """Start or restart; when it does not come up, the previous files come back and the script fails."""
        unit = quote(self.full)
        lines = [shell("unit", unit=self.full, answers=self.answers), f"systemctl reset-failed {unit} 2>/dev/null || :"]
        attempt = f"if systemctl {verb} {unit} && up; then exit 0; fi\nsaid"
        if not files:  # it may run by now: an earlier change of this plan can have started it
            return "\n".join([f"! systemctl -q is-active {unit} || exit 0", *lines, attempt,
                              f"echo {quote(self.full + ' does not come up')} >&2", "exit 1"])
        back = [writing.put_back(path) for path in files]
        if any(path.startswith(_UNIT_FOLDERS) for path in files):
            back.append("systemctl daemon-reload")
        return "\n".join([
            *lines, attempt, *back,
            f"systemctl reset-failed {unit} 2>/dev/null || :",
            "now='does not run with it either'",
            f"if systemctl restart {unit} && up; then now='runs with it'; fi",
            f"echo {quote(self.full + ' does not start with the new ' + ', '.join(files))}"
            '"; what was there before is back, and the unit $now" >&2',
            "exit 1",
        ])


class _Found:
    """The unit as systemd sees it, and which watched files are newer than its last change of state."""

    def __init__(self, facts: str):
        lines = [line for line in facts.split("\n") if line]
        properties = dict(line.split("=", 1) for line in lines if "=" in line.split(" ")[0])
        self.load = properties.get("LoadState", "not-found")
        self.file_state = properties.get("UnitFileState", "")
        self.active_state = properties.get("ActiveState", "inactive")
        self.active = self.active_state in ("active", "reloading", "refreshing")
        self.needs_reload = properties.get("NeedDaemonReload") == "yes"
        since = _seconds(properties.get("StateChangeTimestamp", ""))
        times = {path: time for time, _, path in (line.partition(" ") for line in lines if line[0].isdigit())}
        now = float(times.pop("/proc/self/.", "inf"))
        # A file from the future says nothing: the machine's clock was wrong when it was written, or is now.
        self.newer = [path for path, time in times.items()
                      if self.active and since is not None and since < float(time) <= now]

    @property
    def is_enabled(self) -> bool:
        return self.file_state in ("enabled", "static", "alias", "generated", "indirect", "transient")

    @property
    def said(self) -> str:
        if self.load == "not-found":
            return "not there"
        return "running" if self.active else self.active_state


def _seconds(timestamp: str) -> float | None:
    """ "Mon 2026-11-23 19:59:46.123456 UTC" as seconds since 1970."""
    words = timestamp.split(" ")
    if len(words) != 4:
        return None
    moment = datetime.fromisoformat(f"{words[1]}T{words[2]}").replace(tzinfo=UTC)
    return moment.timestamp()
