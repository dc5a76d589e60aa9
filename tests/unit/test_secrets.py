"""Planted secrets: machines say them back in every way, and nothing that is shown or kept holds a piece of
them.
"""

from __future__ import annotations

import json
import signal
import traceback
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256, sha512
from io import StringIO
from pathlib import Path
from shlex import quote

import pytest
import simulated
from rich.console import Console

from bench import machines as whole
from bench.simulated import whole_rack
from fabfile import secret
from fabfile.engine.errors import LinkLost
from fabfile.engine.events import Failed, Heard, Waiting
from fabfile.engine.journal import Journal, find, result_as_data
from fabfile.engine.run import run
from fabfile.engine.step import Step
from fabfile.loading import load
from fabfile.rack.secrets import hidden, read_secrets, revealed
from fabfile.resources.base import Change, Check, Command, RemoteValue, Resource
from fabfile.screen import runs as runs_screen
from fabfile.screen.ending import ending_text, error_text
from fabfile.screen.plan import plan_text
from fabfile.screen.progress import Board, Lines

PROJECT = Path(__file__).parents[2]
NUMBER = sha256(b"planted").hexdigest()
TOKEN = "q7xk2m.9f3t6w1zr8vb4n5c"
PASSWORD = "Gänse' \"fliegen\" $(nachts) 72"
PEM_LINES = [b64encode(sha512(bytes([n])).digest()[:48]).decode() for n in range(6)]
PEM = "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *PEM_LINES, "-----END RSA PRIVATE KEY-----", ""])
KEY_DATA = b64encode(PEM.encode()).decode()
KUBECONFIG = f"apiVersion: v1\nusers:\n- user:\n    client-key-data: {KEY_DATA}\n  name: spicy\n"
JOIN = f"{TOKEN} sha256:{'0' * 64} {NUMBER}"
SECRETS = (TOKEN, NUMBER, PASSWORD, KEY_DATA, *PEM_LINES)
LENGTH = 12  # so many letters of a secret in a row are found anywhere


@pytest.fixture(autouse=True)
def knows_no_secret_yet(monkeypatch, tmp_path):
    monkeypatch.setattr(secret, "_known", ())
    monkeypatch.setattr(secret, "_pieces", {})
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def pieces(*secrets: str) -> set[str]:
    return {one[at:at + LENGTH] for one in secrets for at in range(len(one) - LENGTH + 1)}


# a key's first and last line are everybody's
PLANTED = pieces(TOKEN, NUMBER, PASSWORD, KEY_DATA[44:-44], *PEM_LINES)


def found_in(shown: str, planted: set[str]) -> set[str]:
    return {shown[at:at + LENGTH] for at in range(len(shown) - LENGTH + 1)} & planted


class Everything:
    """Whatever a run shows and keeps."""

    def __init__(self, rack):
        self.events: list = []
        self.printed = StringIO()
        self.board = Board(lambda *lines, **_: print(*lines, file=self.printed))
        self.listeners = (self.events.append, Journal(rack.name), Lines(rack.name, self.printed), self.board)
        self.rack = rack

    def tell(self, event) -> None:
        for listener in self.listeners:
            listener(event)
        if isinstance(event, Heard | Waiting | Failed):
            Console(file=self.printed, width=400).print(self.board.render())

    def text(self, result) -> str:
        run = find(self.rack.name, result.run)
        errors = [*result.errors, *(outcome.error for outcome in result.machines.values() if outcome.error)]
        parts = [
            self.printed.getvalue(), repr(self.events), repr(result), plan_text(result.plan),
            ending_text(result),
            json.dumps(result_as_data(result), ensure_ascii=False), json.dumps(result_as_data(result)),
            runs_screen.run_as_text(run), runs_screen.run_as_json(run), repr(run),
            *(f"{error_text(error)} {error!r} {vars(error)}" for error in errors),
            *("".join(traceback.format_exception(error)) for error in errors)]
        return "\n".join(parts)


class Shell(simulated.FunctionShell):
    """Answers may hold beats, a lost connection, or silence."""

    def write(self, data: bytes) -> None:
        super().write(data)
        self._said = self._said.replace(b"@beat@", f"\n{self.mark} +".encode())

    def read(self, timeout: float) -> bytes:
        if not self._said:
            raise TimeoutError
        endings = {b"@cut@": LinkLost("chick1", "the connection was lost"), b"@silence@": TimeoutError()}
        for word, error in endings.items():
            if self._said.startswith(word):
                raise error
            if word in self._said:
                said, self._said = self._said.split(word)[0], word
                return said
        return super().read(timeout)


class Ways(simulated.Ways):
    def shell(self, machine, *, fresh=False):
        return Shell(self.machines[machine.name])


@dataclass(frozen=True)
class Release(Resource):
    """A change with all three secrets in its hands."""

    long: bool = False

    @property
    def name(self):
        return "release"

    def probe(self):
        return "is it released?"

    def changes(self, facts, altered):
        if "odd" in facts:
            raise ValueError(f"cannot understand {facts!r}")
        if "released" not in facts:
            remote_values = (RemoteValue("join", "chick0", "make a token", "a join token", 'take back "$join"'),
                             RemoteValue("kubeconfig", "chick0", "make a kubeconfig", "a certificate", "revoke it"))
            script = f"printf %s {quote(PASSWORD)} | helm upgrade hub -f -"
            yield Change(f"the release is {facts or 'absent'}", (Command(script, long=self.long),),
                         remote_values=remote_values, diff=f"-password: {facts}", undo="")


COMMON = {"make a token": (0, JOIN + "\n"), "make a kubeconfig": (0, KUBECONFIG)}


def said(text: str) -> list[str]:
    """The ways in which a program says a text."""
    inside = f'{{"password": {json.dumps(text)}}}'
    return [text, f"error: {text} is wrong", f"+ kubeadm join --token {quote(text)}", inside,
            b64encode(text.encode()).decode(),
            *(b64encode(f"{before}{inside}".encode()).decode() for before in ("", "a", "ab"))]


EVERYTHING = "\n".join(line for one in (*SECRETS, KUBECONFIG, PEM, JOIN) for line in said(one))
CUT = [PASSWORD[5:], TOKEN[4:], KEY_DATA[100:], NUMBER[20:], PEM_LINES[2][8:]]  # as `tail -c` leaves it
OPEN = [PASSWORD[:-5], TOKEN[:-4], KEY_DATA[:-100], NUMBER[:-20]]  # as a line that breaks leaves it

LEAKS = {
    "a command fails and says it all": {"helm": (1, EVERYTHING)},
    **{f"a command's last words begin within a secret {n}": {"helm": (1, f"{cut}\nand more")}
       for n, cut in enumerate(CUT)},
    "a long command says it while it runs": {"helm": (0, "".join(
        f"@beat@ {line}\n" for line in [*EVERYTHING.splitlines(), *CUT]))},
    "a probe fails": {"is it released?": (3, EVERYTHING)},
    "facts that make no sense": {"is it released?": (0, "odd " + EVERYTHING)},
    "facts that are shown": {"is it released?": (0, PASSWORD)},
    "a check does not hold": {"does it hold?": (1, EVERYTHING)},
    **{f"the line is cut within a secret {n}": {"helm": (0, f"begun\n{line}@cut@")}
       for n, line in enumerate(OPEN)},
    "a command hangs with a secret as its last words": {"helm": (0, f"{EVERYTHING}\n{TOKEN[:-3]}@silence@")},
    "the lender cannot make it, and says what it has so far": {
        "make a token": (1, f"{TOKEN}\nno hash\n{NUMBER}")},
    "the lender's line is cut when it is given back": {"take back": (0, f"{JOIN[:-7]}@cut@")},
    "the lender cannot take it back": {"take back": (1, EVERYTHING)},
    "an earlier run's command says it": {"coop_wait": (0, f"@beat@ adopted {JOIN}\n@beat@ {JOIN}\n")},
    "Ctrl-C while it is running": {"helm": KeyboardInterrupt()},
}


def machine(answers: dict):
    def answer(verb: str, text: str) -> tuple[int, str]:
        for begin, found in answers.items():
            if begin in text:
                if isinstance(found, BaseException):
                    raise found
                return found
        return 0, ""
    return answer


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("long", [False, True])
def test_no_piece_of_a_secret_is_shown_or_kept(leak, long):
    known = ("probe", "facts", "earlier")  # said before anything is borrowed: another run had borrowed it
    hidden({"hub": [PASSWORD, *((JOIN, KUBECONFIG) if any(word in leak for word in known) else ())]})
    rack = simulated.rack("rooster", "chick0", "chick1")
    answers = {**LEAKS[leak], **{key: value for key, value in COMMON.items() if key not in LEAKS[leak]}}
    ways = Ways({name: machine(answers) for name in rack.machines})
    check = Check("it holds", "chick1", "does it hold?", 0.05)
    steps = [Step("release", (rack.machine("chick1"),), lambda rack, machine: [Release(long)],
                  verify=lambda rack, machines: [check])]
    shown = Everything(rack)
    result = run(rack, "hub.upgrade", steps, tell=shown.tell, ways=ways)
    assert result.errors or result.remaining or "earlier" in leak or "runs" in leak
    text = shown.text(result)
    assert len(text) > 1000 and not found_in(text, PLANTED), found_in(text, PLANTED)


@pytest.fixture(scope="module")
def sample():
    return load(PROJECT)


@pytest.mark.parametrize("outcome", ["plan", "apply", "fail"])
def test_the_sample_racks_own_secrets_are_nowhere(sample, outcome):
    """Drawn for its hubs, and borrowed for its members; `fail`: every command says itself back and fails."""
    rack, steps = whole_rack(sample)
    planted = pieces(whole.BORROWED.split()[0], *leaves(revealed(rack.secrets)))
    machines = dict(whole.machines(rack, steps))
    if outcome == "fail":
        machines = {name: fails_aloud(one) for name, one in machines.items()}
    texts, errors = [], []
    for only in [step.name for step in steps] if outcome == "fail" else [None]:
        shown = Everything(rack)
        result = run(rack, "cluster.bootstrap", steps, dry=outcome == "plan", only=only, tell=shown.tell,
                     ways=simulated.Ways(machines), consent=lambda entries: True)
        texts.append(shown.text(result))
        errors += result.errors
    assert len(planted) > 400 and bool(errors) is (outcome == "fail")
    assert not found_in("\n".join(texts) + repr(rack) + repr(steps), planted)


def leaves(value) -> list[str]:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return [leaf for one in inner for leaf in leaves(one)]
    return [str(value)]


def fails_aloud(machine):
    def answer(verb: str, text: str) -> tuple[int, str]:
        code, said = machine(verb, text)
        return (code, said) if verb == "look" or "flock -n 8" in text or said else (1, text)
    return answer


@pytest.mark.parametrize("text", [
    f"hub: {{password: !{NUMBER} x}}", f"hub: {{password: *{NUMBER}}}", f"hub: {{password: \"{NUMBER}}}",
    f"hub: {{password: {NUMBER}\n", f"{NUMBER}", f"hub: [{NUMBER}", f"hub: &{NUMBER} [*{NUMBER}]",
    f"hub:\n\tpassword: {NUMBER}", f"hub: {{password: @{NUMBER}}}", f"hub: {{password: x: {NUMBER}}}"])
def test_a_file_of_secrets_that_is_wrong_is_reported_without_them(tmp_path, text):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/secrets.yaml").write_text(text)
    (tmp_path / "configs/secrets.yaml").chmod(0o600)
    document, values = read_secrets(tmp_path)
    assert document.problems or NUMBER in text
    assert not found_in(f"{document} {list(map(str, document.problems))} {values}", pieces(NUMBER))


def test_a_number_among_the_secrets_is_masked_too():
    assert hidden({"hub": {"pin": 92837465}})["hub"]["pin"] == 92837465
    assert secret.mask("the pin 92837465 is wrong") == f"the pin {secret.MASK} is wrong"
