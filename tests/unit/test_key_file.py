"""What a key's file says of itself while it is locked; and files that are no keys are reported, with the cure."""

import subprocess

import pytest

from fabfile.engine.keys import Keys, load, problem
from fabfile.rack import key_file
from fabfile.rack.key_file import NoKey
from fabfile.rack.model import Operator

FORMATS = {"ed25519": ("-t", "ed25519"), "rsa": ("-t", "rsa", "-b", "2048"), "ecdsa": ("-t", "ecdsa"),
           "pem": ("-t", "rsa", "-b", "2048", "-m", "PEM"), "pkcs8": ("-t", "rsa", "-b", "2048", "-m", "PKCS8")}


@pytest.fixture(scope="module", params=FORMATS)
def made(request, tmp_path_factory):
    """A format, a key in it, and the same key locked."""
    folder = tmp_path_factory.mktemp("keys")
    plain, locked = folder / "plain", folder / "locked"
    subprocess.run(["ssh-keygen", "-q", *FORMATS[request.param], "-N", "", "-f", plain], check=True)
    locked.write_bytes(plain.read_bytes())
    locked.chmod(0o600)
    public = plain.with_name("plain.pub").read_bytes()
    locked.with_name("locked.pub").write_bytes(public)
    form = FORMATS[request.param][4:]
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "geheim", *form, "-f", locked], check=True)
    return request.param, plain, locked, public.split()


def test_a_locked_key_reports_its_public_half(made):
    form, plain, locked, (kind, _blob, *_) = made
    there = key_file.read(locked)
    assert there.locked and there.needs_agent and there.kind == kind.decode()
    assert there.public == key_file.read(plain.with_name("plain.pub")).public
    assert load(key_file.read(plain)).asbytes() == there.public
    beside = locked.with_name("locked.pub").rename(locked.with_name("away"))
    assert key_file.read(locked).public == (b"" if form in ("pem", "pkcs8") else there.public)
    beside.rename(locked.with_name("locked.pub"))


def test_what_only_an_agent_can_use_is_reported_without_one(made, monkeypatch):
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    _, plain, locked, _ = made
    said = problem(Operator(user="spicy", identity_file=str(locked)))
    assert said == (f"{locked} is locked with a passphrase, and no agent is running: eval $(ssh-agent); ssh-add {locked}, "
                    "or leave identity_file out")
    assert problem(Operator(user="spicy", identity_file=str(plain))) == ""
    assert "is the public half of a key" in problem(Operator(user="spicy", identity_file=f"{plain}.pub"))


@pytest.mark.parametrize("content, told", [
    ("", "no private key that ssh can read"),
    ("hello\n", "no private key that ssh can read"),
    ("PuTTY-User-Key-File-3: ssh-ed25519\n", "PuTTY"),
    ("-----BEGIN DSA PRIVATE KEY-----\nMIIB\n-----END DSA PRIVATE KEY-----\n", "DSA"),
    ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n", "cut off"),
    ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n-----END OPENSSH PRIVATE KEY-----\n", "damaged"),
    ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAAAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "damaged"),
    ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNza", "no private key that ssh can read"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n", "cannot be read as a private key"),
])
def test_what_is_no_key_is_reported(tmp_path, content, told):
    file = tmp_path / "key"
    file.write_text(content)
    with pytest.raises(NoKey, match=told), Keys(Operator(user="spicy", identity_file=str(file))) as keys:
        next(keys.offers()).key()
    assert told in problem(Operator(user="spicy", identity_file=str(file)))


def test_a_security_key_needs_the_agent(tmp_path):
    file = tmp_path / "id_ed25519_sk.pub"
    file.write_text("sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIA== token\n")
    there = key_file.read(file)
    assert there.half and there.needs_agent and there.kind == "sk-ssh-ed25519@openssh.com"
    assert there.certificate == tmp_path / "id_ed25519_sk-cert.pub"
