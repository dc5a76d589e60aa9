"""Somebody is told by mail what goes wrong on machines: once, and when a second look says so too."""

from __future__ import annotations

import json

from tests.mails import mail_server


def subjects(server) -> list[str]:
    return [line for line in server.said if line.startswith("Subject: ")]


def watched(operator, server) -> list[str]:
    """The subjects of the mails that one run of rack.watch sends."""
    before = len(subjects(server))
    code, said = operator.end(".venv/bin/inv", "rack.watch")
    assert code == 0, said
    return subjects(server)[before:]


def test_a_finding_is_told_once(operate):
    operator = operate(chicks=2)
    chick1 = operator.swarm.hosts["chick1"]
    with mail_server() as server:
        told = {"mail": {"to": ["ops@flock.example"], "sender": "rooster@flock.example", "server": "localhost",
                         "port": server.server_address[1]}}
        file = operator.folder.joinpath("configs/watch.yaml")
        file.write_text(json.dumps({**told, "heartbeat": "https://localhost:1/ping"}))
        server.refuses = True
        code, said = operator.end(".venv/bin/inv", "rack.watch")
        assert code == 1 and "no such user" in said and "is told by the next inv rack.watch" in said
        assert "heartbeat" not in said, "there is none when nobody could be told"
        server.refuses = False
        file.write_text(json.dumps(told))
        assert len(watched(operator, server)) == 1, "what is wrong from the beginning"
        assert not watched(operator, server), "it is told once"

        chick1.run("printf '/swap.img none swap sw 0 0\\n' >>/etc/fstab")
        assert watched(operator, server) == ["Subject: [swarm] 1 new: swap comes back at the next boot of chick1"]
        assert "   inv cluster.bootstrap --limit chick1" in server.said, "what to type"

        chick1.run("sed -i /swap/d /etc/fstab")
        assert not watched(operator, server), "no API server answers: nothing is called gone"
    [told] = operator.state.glob("coop/swarm/watch/mail.json")
    assert told.stat().st_mode & 0o777 == 0o600 and "swap_returns" in told.read_text()
