"""Which node may leave: a control plane only after etcd was asked; and whose machine is taken to be off."""

import paramiko
import pytest
from invoke import Exit

from fabfile.engine.errors import HostKeyChanged, HostKeyUnknown, KeyRefused, LinkLost, NoAnswer, NoShell, TookTooLong, proves_that_it_runs
from fabfile.engine.link import Link
from fabfile.tasks import queries
from fabfile.tasks.node import look_at_leaving
from tests.unit.etcd_answers import etcd
from tests.unit.small_rack import all_control_planes

PODS = "node True\n\n#pods\n"


@pytest.mark.parametrize("silent, dead, told", [([], False, ""), (["chick2"], False, "lose its majority"), (["chick2"], True, "")])
def test_etcd_is_asked_before_a_living_control_plane_leaves(monkeypatch, silent, dead, told):
    rack = all_control_planes()
    asked = []

    def ask(rack, questions, limit=60.0, ways=None):
        asked.append(questions)
        return {name: etcd(3, silent) if "etcdctl" in text else PODS if "get node" in text else "" for name, text in questions.items()}, {}

    monkeypatch.setattr(queries, "ask", ask)
    leaving = look_at_leaving(rack, rack.machine("chick1"), dead, None)
    assert told in leaving.refusal(force=True) if told else leaving.refusal(force=True) == ""
    assert any("etcdctl" in text for questions in asked for text in questions.values()) != dead


def test_an_api_server_that_does_not_answer_lets_nobody_leave(monkeypatch):
    rack = all_control_planes()
    monkeypatch.setattr(queries, "ask", lambda *_, **__: ({"chick0": "refused"}, {}))
    with pytest.raises(Exit, match="cannot be queried"):
        look_at_leaving(rack, rack.machine("chick1"), False, None)


@pytest.mark.parametrize("error, runs", [
    (KeyRefused("chick1", "login was refused"), True),
    (HostKeyChanged("chick1", "another key"), True),
    (NoShell("chick1", "no command runs"), True),
    (TookTooLong("chick1", "20 s"), True),
    (NoAnswer("chick1", "no method in common", answered=True), True),
    (NoAnswer("chick1", "no answer"), False),
    (LinkLost("chick1", "the connection was lost"), False),
    (HostKeyUnknown("chick1", "not spoken to"), False),
    (KeyRefused("rooster", "login was refused"), False),  # the way to it
    (None, False),
])
def test_a_machine_that_answers_in_any_way_runs(error, runs):
    assert proves_that_it_runs("chick1", error) is runs


@pytest.mark.parametrize("error, connected, answered", [
    (ConnectionRefusedError(111, "Connection refused"), False, True),
    (paramiko.ChannelException(2, "Connect failed"), False, False),  # Paramiko keeps no reason
    (OSError(113, "No route to host"), False, False),
    (TimeoutError(), False, False),
    (TimeoutError(), True, True),  # its system took the connection
    (paramiko.SSHException("Error reading SSH protocol banner"), True, True),
    (paramiko.ssh_exception.IncompatiblePeer("no kex"), True, True),
])
def test_what_a_connection_that_fails_says_of_the_machine(error, connected, answered):
    rack = all_control_planes()
    link = Link(rack, rack.machine("chick1"), Link(rack, rack.gateway))
    if connected:
        link._set(wire=type("Wire", (), {"verdict": "", "complaint": lambda self: ""})())
    assert link.as_link_error(error).answered is answered


@pytest.mark.parametrize("ready, dead, error, refused, doubt", [
    ("True", False, None, "", ""),
    ("Unknown", False, NoAnswer("chick1", "no answer"), "", "nobody has said that it is off (--dead)"),
    ("Unknown", True, None, "", ""),
    ("True", True, None, "", "the cluster says that it is Ready"),
    ("True", False, NoAnswer("chick1", "no answer"), "yet the cluster says it is Ready", ""),
    ("Unknown", False, KeyRefused("chick1", "login was refused"), "chick1 runs, and lets nobody in", ""),
    ("", False, TookTooLong("chick1", "60 s"), "chick1 runs, and lets nobody in", ""),
])
def test_a_machine_is_dead_only_if_it_is_silent_or_said_to_be(monkeypatch, ready, dead, error, refused, doubt):
    def ask(rack, questions, limit=60.0, ways=None):
        said = {name: etcd(3) if "etcdctl" in text else f"node {ready}\n#pods\n" for name, text in questions.items()}
        return {name: text for name, text in said.items() if name != "chick1" or not error}, {"chick1": error} if error else {}

    monkeypatch.setattr(queries, "ask", ask)
    rack = all_control_planes()
    leaving = look_at_leaving(rack, rack.machine("chick1"), dead, None)
    assert (refused in leaving.refusal(force=True) if refused else leaving.refusal(force=True) == "") and leaving.doubt == doubt
