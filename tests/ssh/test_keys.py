"""Operators' keys as people have them: locked, in an agent, on a token, certified; used as ssh does, or told in words."""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from agents import PASSPHRASE, SecurityKeyAgent, keygen, real_agent
from conftest import Operator
from swarm import Swarm

from fabfile.engine.errors import KeyRefused, KeyUnusable, NoAnswer
from fabfile.tasks.queries import ask


@pytest.fixture(scope="module")
def swarm(tmp_path_factory):
    with Swarm(tmp_path_factory.mktemp("swarm"), chicks=1) as swarm:
        yield swarm


@pytest.fixture
def somebody(swarm, tmp_path, monkeypatch):
    """An operator whose home and agent are empty. Only what `let_in` names may log in."""
    home = tmp_path / "home" / ".ssh"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home.parent))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return Somebody(swarm, tmp_path, home, monkeypatch)


class Somebody(Operator):
    def __init__(self, swarm, folder, home, monkeypatch):
        super().__init__(swarm, folder / "state")
        self.home, self.hosts = home, self.folder / "hosts.yaml"
        self._monkeypatch = monkeypatch

    def has(self, key: Path | None) -> None:
        """What hosts.yaml says as identity_file."""
        line = f"  identity_file: {key}\n" if key else ""
        self.hosts.write_text(self.hosts.read_text().replace(f"  identity_file: {self.swarm.key}\n", line))

    def let_in(self, *lines: str) -> None:
        for host in self.swarm.hosts.values():
            host.run("cat >/root/.ssh/authorized_keys <<'END'\n" + "\n".join(lines) + "\nEND")

    def uses(self, agent: Path) -> None:
        self._monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))

    def gets_in(self) -> bool:
        """Whether both machines are reached; what kept the operator out is raised."""
        answers, errors = ask(self.rack, dict.fromkeys(self.swarm.hosts, "hostname"))
        for error in errors.values():
            raise error
        return answers == {name: f"{name}\n" for name in self.swarm.hosts}


def public(key: Path) -> str:
    return Path(f"{key}.pub").read_text().strip()


@pytest.mark.parametrize("options", [("-t", "ed25519"), ("-t", "rsa", "-b", "2048"), ("-t", "ecdsa"),
                                     ("-t", "rsa", "-b", "2048", "-m", "PEM")], ids=" ".join)
def test_a_locked_key_is_used_from_the_agent(somebody, tmp_path, options):
    key = keygen(tmp_path / "locked", *options, passphrase=PASSPHRASE)
    somebody.has(key)
    somebody.let_in(public(key))
    with real_agent(tmp_path / "agent") as agent:
        somebody.uses(agent.socket)
        for number in range(8):  # sshd would not hear of an eighth one
            agent.add(keygen(tmp_path / f"other{number}"))
        with pytest.raises(KeyUnusable, match=f"{key} is locked with a passphrase, and the agent does not have it: ssh-add {key}"):
            somebody.gets_in()
        agent.add(key)
        assert somebody.gets_in()
        if "PEM" not in options:  # in that format the file itself does not say which key it is
            Path(f"{key}.pub").unlink()
            assert somebody.gets_in()


def test_a_locked_key_without_an_agent_is_reported_by_every_task(somebody, tmp_path):
    key = keygen(tmp_path / "locked", passphrase=PASSPHRASE)
    somebody.has(key)
    for task in (["rack.check"], ["gateway.leases"], ["cluster.bootstrap", "--only", "gateway"]):
        code, said = somebody.end(".venv/bin/inv", *task)
        assert code == 2 and f"{key} is locked with a passphrase, and no agent is running" in said, said
        assert f"ssh-add {key}, or leave identity_file out" in said and "Traceback" not in said, said
    assert "hosts.yaml:" in somebody.end(".venv/bin/inv", "rack.check")[1]
    code, said = somebody.end(".venv/bin/fab", "-H", "chick0", "--", "uptime")
    assert code == 2 and "is locked with a passphrase" in said and "Traceback" not in said, said


def test_a_security_key_signs_through_the_agent(somebody, tmp_path):
    token = SecurityKeyAgent(tmp_path / "token.sock")
    line = f"{token.kind.decode()} {base64.b64encode(token.blob).decode()}"
    half = tmp_path / "id_ed25519_sk.pub"
    half.write_text(f"{line} token\n")
    somebody.let_in(line)
    somebody.has(half)
    with pytest.raises(KeyUnusable, match="is the public half of a key, and no agent is running"):
        somebody.gets_in()
    somebody.uses(tmp_path / "token.sock")
    assert somebody.gets_in() and token.signatures == 2
    token.touched = False
    with pytest.raises(KeyUnusable, match="the agent refuses to sign with it") as told:
        somebody.gets_in()
    assert "not touched" in told.value.hint
    token.close()


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
@pytest.mark.parametrize("in_agent", [False, True], ids=["in a file", "in the agent"])
def test_a_certificate_beside_the_key_is_shown_first(somebody, tmp_path, kind, in_agent):
    authority = keygen(tmp_path / "authority")
    key = keygen(tmp_path / "key", "-t", kind, passphrase=PASSPHRASE if in_agent else "")
    subprocess.run(["ssh-keygen", "-q", "-s", str(authority), "-I", "somebody", "-n", "root", f"{key}.pub"], check=True)
    somebody.let_in(f"cert-authority {public(authority)}")
    somebody.has(key)
    with real_agent(tmp_path / "agent") as agent:
        if in_agent:
            somebody.uses(agent.socket)
            agent.add(key)
        assert somebody.gets_in()
        somebody.let_in(public(key))  # nobody there knows the authority any more: the key itself is let in
        assert somebody.gets_in()


def test_a_certificate_that_is_in_the_agent_alone(somebody, tmp_path):
    authority, key = keygen(tmp_path / "authority"), keygen(tmp_path / "key", "-t", "rsa")
    subprocess.run(["ssh-keygen", "-q", "-s", str(authority), "-I", "somebody", "-n", "root", f"{key}.pub"], check=True)
    somebody.let_in(f"cert-authority {public(authority)}")
    somebody.has(None)
    with real_agent(tmp_path / "agent") as agent:
        somebody.uses(agent.socket)
        agent.add(key)
        key.unlink()
        assert somebody.gets_in()


def test_without_identity_file_the_usual_keys_go_ahead_of_what_else_is_in_the_agent(somebody, tmp_path):
    key = keygen(somebody.home / "id_ed25519", passphrase=PASSPHRASE)
    somebody.let_in(public(key))
    somebody.has(None)
    with pytest.raises(KeyUnusable, match=f"no agent is running, and {key} can be used through the agent alone"):
        somebody.gets_in()
    with real_agent(tmp_path / "agent") as agent:
        somebody.uses(agent.socket)
        for number in range(8):
            agent.add(keygen(tmp_path / f"other{number}"))
        agent.add(key)
        assert somebody.gets_in()
    plain = keygen(somebody.home / "id_ecdsa", "-t", "ecdsa")
    somebody.let_in(public(plain))
    assert somebody.gets_in()


def test_too_many_keys_are_reported_as_that(somebody, tmp_path):
    key = keygen(tmp_path / "key")
    somebody.let_in(public(key))
    somebody.has(None)
    with real_agent(tmp_path / "agent") as agent:
        somebody.uses(agent.socket)
        for number in range(8):
            agent.add(keygen(tmp_path / f"other{number}"))
        agent.add(key)
        with pytest.raises(KeyRefused, match="ended the login after 6 keys, its MaxAuthTries: other0 of the agent") as told:
            somebody.gets_in()
        assert "operator.identity_file" in told.value.hint
        shutil.copy(f"{key}.pub", tmp_path / "alone.pub")
        somebody.hosts.write_text(somebody.hosts.read_text().replace(
            "  user: root", f"  user: root\n  identity_file: {tmp_path}/alone.pub"))
        assert somebody.gets_in()


def test_a_refused_key_and_a_locked_agent_are_reported(somebody, tmp_path):
    key = keygen(tmp_path / "key", passphrase=PASSPHRASE)
    somebody.has(key)
    somebody.let_in("# nobody")
    with real_agent(tmp_path / "agent") as agent:
        somebody.uses(agent.socket)
        agent.add(key)
        with pytest.raises(KeyRefused, match=f"login as root was refused: it refused {key} of the agent"):
            somebody.gets_in()
        agent.lock()
        with pytest.raises(KeyUnusable, match=r"is locked with a passphrase, and the agent holds no key \(or is locked"):
            somebody.gets_in()


def test_an_agent_that_hangs_or_talks_nonsense_is_reported_in_time(somebody, tmp_path, monkeypatch):
    monkeypatch.setattr("fabfile.engine.agent.PATIENCE", 1.0)
    somebody.has(keygen(tmp_path / "key", passphrase=PASSPHRASE))
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "silent.sock"))
    listening.listen()
    somebody.uses(tmp_path / "silent.sock")
    with pytest.raises(KeyUnusable, match="the agent does not answer"):
        somebody.gets_in()
    listening.close()
    somebody.uses(tmp_path / "gone.sock")
    with pytest.raises(KeyUnusable, match="no agent is running"):
        somebody.gets_in()


def configured(rooster, *lines: str) -> None:
    """rooster's sshd with these settings besides its own; with none as it was."""
    kept = "[ -e /etc/ssh/kept ] || cp /etc/ssh/sshd_config /etc/ssh/kept; cp /etc/ssh/kept /etc/ssh/sshd_config"
    rooster.run(f"{kept}; cat >>/etc/ssh/sshd_config <<'END'\n" + "\n".join(lines) + "\nEND\nkill -HUP 1", check=False)


def test_a_machine_that_takes_no_keys_says_so(somebody, tmp_path):
    somebody.let_in(public(somebody.swarm.key))
    configured(somebody.swarm.hosts["rooster"], "PubkeyAuthentication no", "PasswordAuthentication yes")
    try:
        with pytest.raises(KeyRefused, match="it takes no keys from root, only"):
            somebody.gets_in()
    finally:
        configured(somebody.swarm.hosts["rooster"])


def test_a_machine_that_waits_no_longer_for_a_touch_is_no_refusal(somebody, tmp_path):
    token = SecurityKeyAgent(tmp_path / "token.sock")
    line = f"{token.kind.decode()} {base64.b64encode(token.blob).decode()}"
    (tmp_path / "id.pub").write_text(line)
    somebody.let_in(line)
    somebody.has(tmp_path / "id.pub")
    somebody.uses(tmp_path / "token.sock")
    configured(somebody.swarm.hosts["rooster"], "LoginGraceTime 2")
    token.delay = 5.0
    try:
        with pytest.raises(NoAnswer, match="it closed the connection at the login"):
            somebody.gets_in()
    finally:
        configured(somebody.swarm.hosts["rooster"])
        token.close()
