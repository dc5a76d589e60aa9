"""A BMC by Redfish: asked, and had to do something."""

from __future__ import annotations

from dataclasses import dataclass, field
from shlex import quote

from fabfile.bmc import curl, ipmi, quirks, redfish, redfish_log
from fabfile.bmc.board import BmcProblem, Board, Event, State
from fabfile.bmc.known import PATIENCE
from fabfile.programs import shell


@dataclass(frozen=True)
class ByRedfish:
    """`answers` are what it said."""

    board: Board
    state: State
    answers: redfish.Answers = field(repr=False)

    def probe(self) -> str:
        system, boot = redfish.system_path(self.answers), redfish.boot_path(self.answers)
        return curl.reading(self.board, dict.fromkeys((system, boot)))

    def read(self, output: str) -> State:
        return redfish.state({**self.answers, **curl.parse(output)})

    def power_off(self, patience: int = PATIENCE) -> str:
        off = redfish.reset(self.answers, "off")
        if off is None:
            raise BmcProblem("it cannot switch its machine off")
        asked = redfish.reset(self.answers, "shut down")
        ask = curl.change(self.board, asked) if asked else ""
        return self._text(f"off {patience} {quote(ask)} {quote(curl.change(self.board, off))}")

    def power_on(self) -> str:
        on = redfish.reset(self.answers, "on")
        if on is None:
            raise BmcProblem("it cannot switch its machine on")
        return self._text(f"on {quote(curl.change(self.board, on))}")

    def boot_next(self, target: str) -> str:
        ways = [curl.change(self.board, one) for one in redfish.boots(self.answers, target, self.board.firmware)]
        about = quirks.of(self.state.vendor)
        hint = about.ignores or about.unlicensed
        wanted = "'Disabled:*'" if target == redfish.USUAL else f"Once:{redfish.TARGETS[target]}"
        return self._text(f"boot {wanted} {quote(hint)} {' '.join(map(quote, ways))}")

    def boots_from(self, target: str, state: State) -> bool:
        return state.boot == ("" if target == redfish.USUAL else f"Once:{redfish.TARGETS[target]}")

    def identify(self, lit: bool) -> str:
        return self._text(f"tell {quote(curl.change(self.board, redfish.identify(self.answers, lit)))}")

    def console(self) -> str:
        offered = redfish.consoles(self.answers)
        if self.board.console == "ipmi":
            return ipmi.console(self.board)
        if self.board.console == "ssh":
            ssh = offered.get("SSH", redfish.SshConsole())
            return shell("ssh_console", address=self.board.address, user=self.board.user, password=self.board.password.reveal(),
                         port=str(ssh.port), entry=ssh.entry, key=self.board.console_key)
        ways = [way for way in ("ipmi", "ssh") if way.upper() in offered]
        raise BmcProblem("hosts.yaml does not say how its machine's console is read, " + (
            f"and it offers {' and '.join(way.upper() for way in ways)}: bmc: {{console: {ways[0]}}}" if ways else
            f"and it says that it offers {', '.join(offered)} alone" if offered else
            "and it offers none by Redfish. Many have one by IPMI all the same: bmc: {console: ipmi}"))

    def log(self) -> LogByRedfish:
        return LogByRedfish(self.board, self.answers)

    def _text(self, verb: str) -> str:
        return shell("redfish", "bmc", machine=self.board.machine, base=curl.settings(self.board),
                     system=curl.url(self.board, redfish.system_path(self.answers)),
                     boots=curl.url(self.board, redfish.boot_path(self.answers))) + "\n" + verb


class LogByRedfish:
    """One resource names the next."""

    def __init__(self, board: Board, answers: redfish.Answers):
        self._board, self._answers, self._rounds = board, {**answers}, 0

    def question(self) -> str:
        self._rounds += 1
        paths = redfish_log.to_read(self._answers) if self._rounds <= redfish_log.ROUNDS else ()
        return curl.reading(self._board, paths) if paths else ""

    def hear(self, output: str) -> None:
        self._answers |= curl.parse(output)

    def events(self) -> tuple[Event, ...]:
        return redfish_log.events(self._answers)


class AskingByRedfish:
    """One resource names the next."""

    def __init__(self, board: Board):
        self._board, self._answers, self._rounds = board, dict[str, redfish.Answer](), 0

    def question(self) -> str:
        self._rounds += 1
        paths = redfish.to_read(self._answers) if self._rounds <= redfish.ROUNDS else ()
        return curl.reading(self._board, paths) if paths else ""

    def hear(self, output: str) -> None:
        self._answers |= curl.parse(output)

    def known(self) -> ByRedfish:
        return ByRedfish(self._board, redfish.state(self._answers), self._answers)
