"""Who is told what, and when: the news between two looks; a mail and a webhook that arrive; what stands in the files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from fabfile.facts.look import Look
from fabfile.finding import Finding, Severity
from fabfile.loading import load
from fabfile.news import News, Told, key_of, known
from fabfile.rack.problem import RackProblems
from fabfile.rack.watching import Mail, address_of, password_of
from fabfile.rules.compared import news
from fabfile.screen.news import subject, text
from fabfile.secret import Secret
from fabfile.tasks import notifying, watching
from fabfile.tasks.notifying import Untold
from tests.mails import mail_server, serving
from tests.unit.test_doctor import rack, seen  # noqa: F401

PROJECT = Path(__file__).parents[2]
KUBELET = Finding("kubelet does not run on chick1", "chick1", Severity.DEGRADED, fix="inv cluster.bootstrap --limit chick1",
                  rule="kubelet_not_running")
HUB = Finding("the hub does not answer", "hub", Severity.DOWN, rule="hub_down")
NOTICE = Finding("chick2 is cordoned", "chick2", Severity.NOTICE, rule="node_cordoned")
KNOWN = {key_of(KUBELET.rule, KUBELET.where, KUBELET.what): Told(KUBELET.what, Severity.DEGRADED)}
VAR = Finding("/var of chick1 is full", "chick1", Severity.DOWN, rule="disk_full")
ROOT = replace(VAR, what="/ of chick1 is full")
VAR_KNOWN = {key_of(VAR.rule, VAR.where, VAR.what): Told(VAR.what, Severity.DOWN)}
RUN = '{"task": "hub.upgrade", "who": "spicy", "origin": "laptop", "since": "2026-11-23T%s:00+00:00"}'
AWAY = {"chick1": {"kind": "NoAnswer", "problem": "no answer"}}


@pytest.mark.parametrize(("told", "found", "case", "new", "worse", "gone"), [
    pytest.param({}, [KUBELET, HUB], {}, [KUBELET, HUB], [], [], id="the first time all is new"),
    pytest.param({}, [NOTICE], {}, [], [], [], id="less than who is told wants to know"),
    pytest.param(KNOWN, [KUBELET], {}, [], [], [], id="what is told is not told again"),
    pytest.param(KNOWN, [replace(KUBELET, severity=Severity.DOWN)], {}, [], ["chick1"], [], id="worse"),
    pytest.param(KNOWN, [], {}, [], [], ["chick1"], id="gone"),
    pytest.param(KNOWN, [], {"unreachable": AWAY}, [], [], [], id="gone? its machine does not answer"),
    pytest.param(KNOWN, [], {"cluster": "down"}, [], [], [], id="gone? the API server does not answer"),
    pytest.param(KNOWN, [], {"cut_short": {"chick2": ["machine"]}}, [], [], [], id="gone? a machine has not told all"),
    pytest.param(KNOWN, [], {"expects_off": ["chick1"]}, [], [], ["chick1"], id="its machine is meant to be off now"),
    pytest.param(KNOWN, [replace(HUB, follows=(KUBELET,))], {}, [HUB], [], [], id="there, and follows from something new"),
    pytest.param({}, [replace(HUB, follows=(KUBELET,))], {}, [HUB], [], [], id="what follows is no news of its own"),
    pytest.param(KNOWN, [HUB], {"rooster": {"run": RUN % "19:50"}}, [], [], ["chick1"], id="a task is changing the rack"),
    pytest.param({}, [HUB], {"rooster": {"run": RUN % "18:50"}}, [HUB], [], [], id="a task has been changing it for an hour"),
    pytest.param(VAR_KNOWN, [VAR, ROOT], {}, [ROOT], [], [], id="another thing that the same rule finds there"),
    pytest.param(VAR_KNOWN, [replace(VAR, severity=Severity.DEGRADED)], {}, [], [], [], id="less bad"),
])
def test_news(rack, told, found, case, new, worse, gone):  # noqa: F811
    heard = news(told, found, seen(rack, case), Severity.DEGRADED)
    assert [one.what for one in heard.new.values()] == [one.what for one in new]
    assert [where for _, where, _ in heard.worse] == worse and [where for _, where, _ in heard.gone] == gone
    later = known(told, heard)
    assert not news(later, found, seen(rack, case), Severity.DEGRADED), "told once"
    assert set(told) - set(heard.gone) <= set(later)


def test_what_became_less_bad_is_told_when_it_is_worse_again(rack):  # noqa: F811
    look = seen(rack, {})
    later = known(VAR_KNOWN, news(VAR_KNOWN, [replace(VAR, severity=Severity.DEGRADED)], look, Severity.DEGRADED))
    assert [one.what for one in news(later, [VAR], look, Severity.DEGRADED).worse.values()] == [VAR.what]


def test_what_one_of_two_looks_says_is_no_news(rack):  # noqa: F811
    look: Look = seen(rack, {})
    first, later = news(KNOWN, [HUB], look, Severity.DEGRADED), news(KNOWN, [KUBELET], look, Severity.DEGRADED)
    assert first and not first & later
    assert (first & news(KNOWN, [HUB], look, Severity.DEGRADED)) == first


def test_a_message_says_what_and_what_to_type():
    heard = News({("kubelet_not_running", "chick1", ""): KUBELET}, {}, {("hub_down", "hub", ""): Told(HUB.what, HUB.harm)})
    assert subject("flock", heard) == "[flock] 1 new, 1 gone: kubelet does not run on chick1"
    assert text(heard) == ("New:\n!  kubelet does not run on chick1\n   inv cluster.bootstrap --limit chick1\n\n"
                           "Gone:\n   the hub does not answer")


# -- messages that arrive --------------------------------------------------------------------------------------------------


def mail_by(server, user: str | None = None) -> Mail:
    return Mail(to=["ops@flock.example", "lab@flock.example"], sender="rooster@flock.example", server="localhost",
                port=server.server_address[1], user=user)


def test_a_mail_arrives():
    with mail_server() as server:
        notifying.mail(mail_by(server), None, "[flock] 1 new: naïve", "the text")
    assert {"rcpt TO:<ops@flock.example>", "rcpt TO:<lab@flock.example>", "To: ops@flock.example, lab@flock.example",
            "the text"} <= set(server.said)


def test_a_mail_that_is_not_taken_is_an_error():
    with mail_server(refuses=True) as server, pytest.raises(Untold, match="no such user"):
        notifying.mail(mail_by(server), None, "subject", "text")


def test_a_password_is_not_sent_in_clear():
    with mail_server() as server, pytest.raises(Untold, match="offers no STARTTLS"):
        notifying.mail(mail_by(server, user="coop"), Secret("horse battery"), "subject", "text")
    assert not [line for line in server.said if line.upper().startswith(("AUTH", "MAIL"))]


class Http(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.got.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.send_response(self.server.code)
        self.end_headers()

    def do_GET(self) -> None:
        self.server.got.append((self.path, None))
        self.send_response(self.server.code)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("code", [200, 500])
def test_a_webhook_and_a_heartbeat_are_called_and_no_error_has_their_address(code):
    server = HTTPServer(("127.0.0.1", 0), Http)
    server.got, server.code = [], code
    address = f"http://127.0.0.1:{server.server_address[1]}/hooks/secret"
    with serving(server):
        for call in (lambda: notifying.webhook(address, "what"), lambda: notifying.heartbeat(address)):
            if code == 200:
                call()
            else:
                with pytest.raises(Untold) as wrong:
                    call()
                assert "500" in str(wrong.value) and "secret" not in str(wrong.value)
    assert server.got == [("/hooks/secret", {"text": "what"}), ("/hooks/secret", None)]


@pytest.mark.parametrize("refuses", [True, False], ids=["nobody could be told", "told"])
def test_there_is_no_heartbeat_when_somebody_could_not_be_told(refuses, rack_folder, monkeypatch, capsys):
    """Nothing answers at its address, so that one says that it was tried."""
    with mail_server(refuses) as server:
        (rack_folder / "configs/watch.yaml").write_text(json.dumps({"heartbeat": "https://localhost:1/ping", "mail": {
            "to": ["ops@flock.example"], "sender": "rooster@flock.example", "server": "localhost", "port": server.server_address[1]}}))
        monkeypatch.setenv("COOP_RACK", str(rack_folder))
        with pytest.raises(SystemExit if refuses else Untold) as ended:
            watching.watch.body(None, test=True)
    assert "no such user" in capsys.readouterr().err if refuses else "the heartbeat did not answer" in str(ended.value)


# -- files -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def rack_folder(tmp_path):
    shutil.copytree(PROJECT / "configs", tmp_path / "configs")
    shutil.copy(PROJECT / "hosts.yaml", tmp_path)
    return tmp_path


def with_files(folder, watch: str, secrets: str) -> Mapping:
    (folder / "configs/watch.yaml").write_text(watch)
    (folder / "configs/secrets.yaml").write_text(secrets)
    (folder / "configs/secrets.yaml").chmod(0o600)
    return load(folder)


def test_a_secret_address_comes_before_the_other(rack_folder):
    loaded = with_files(rack_folder, "webhook: https://chat.example/a\nharm: down\n",
                        "watch: {webhook: https://chat.example/hooks/b, password: horse battery}\n")
    assert address_of(loaded.secrets, loaded.watching, "webhook") == "https://chat.example/hooks/b"
    assert address_of(loaded.secrets, loaded.watching, "heartbeat") is None
    assert password_of(loaded.secrets) == Secret("horse battery")


@pytest.mark.parametrize(("watch", "secrets", "says"), [
    ("webhook: http://chat.example/a\n", "", "'http://chat.example/a' is not an https address"),
    ("mail: {to: [], sender: a@b.example, server: smtp.example}\n", "", "a list of mail addresses is expected"),
    ("mail: {to: [ops], sender: a@b.example, server: smtp.example}\n", "", "'ops' is not a mail address"),
    ("harm: bad\n", "", "configs/watch.yaml:1: harm"),
    ("{}\n", "watch: {webhok: https://chat.example/hooks/b}\n", "configs/secrets.yaml:1: watch.webhok: unknown key"),
    ("{}\n", "watch: {webhook: http://chat.example/hooks/b}\n", "configs/secrets.yaml:1: watch.webhook: this is not an https address"),
])
def test_what_is_wrong_is_told_by_its_line(rack_folder, watch, secrets, says):
    with pytest.raises(RackProblems) as wrong:
        with_files(rack_folder, watch, secrets)
    assert says in str(wrong.value) and "hooks/b" not in str(wrong.value)
