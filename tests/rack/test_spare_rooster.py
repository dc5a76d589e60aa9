"""rooster is lost with its disk, and a spare takes its place by docs/availability.md: how long that takes, and that the cluster goes on."""

import json
import subprocess
import threading
import time

import pytest
from conftest import hub_answers, wait_until

MEMBERS = {"chick0", "chick1", "chick2"}
STATE = ("var/lib/coop/backups", "var/lib/coop/databases")
AWAY = 900.0  # seconds at most, from the spare's start to the hub's answer
KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
PODS = (f"{KUBECTL} get pods -A -l component!=singleuser-server --field-selector status.phase=Running -o jsonpath="
        "'{range .items[*]}{.metadata.uid}{range .status.containerStatuses[*]} {.name}={.restartCount}{end}{\"\\n\"}{end}'")
NEW_KEY = """cd /etc/ssh && mkdir -p /root/keys && cp -a ssh_host_* /root/keys/ && rm ssh_host_* &&
ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key && systemctl restart ssh"""


class Watched(threading.Thread):
    """Looks once a second while rooster is replaced: when the hub answers first, and which nodes are not Ready at any time."""

    def __init__(self, lab, nodes):
        super().__init__(daemon=True)
        self.lab, self.nodes = lab, nodes
        self.answered, self.looks, self.lost = 0.0, 0, set()
        self.end = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.join()

    def run(self) -> None:
        while not self.end.wait(1):
            self.looks += 1
            self.lost |= MEMBERS - self.nodes()
            if not self.answered and hub_answers(self.lab):
                self.answered = time.time()


@pytest.fixture(scope="module")
def ssh(lab, operator, tmp_path_factory):
    """ssh("sudo", "true", stdout=file): runs a command on rooster as docs/availability.md types it."""
    config = tmp_path_factory.mktemp("ssh") / "rack.ssh"

    def run(*words: str, **where) -> None:
        config.write_text(operator.inv("rack.ssh-config").said)
        subprocess.run(["ssh", "-F", config, "-o", "BatchMode=yes", "rooster", *words], check=True, **where)
    return run


@pytest.fixture(scope="module")
def replaced(lab, operator, inside, nodes, ssh, tmp_path_factory):
    """What the rack was before, and what was seen while an empty machine with a host key of its own became rooster."""
    lab.reset()
    hosts = lab.rack / "hosts.yaml"
    text = hosts.read_text()
    assert operator.bootstrap()["exit_code"] == 0
    wait_until("the hub answers", lambda: hub_answers(lab), limit=300)
    operator.inv("rack.backup")
    before = {"backups": operator.inv("rack.backup", "--list", "--json").data, "pods": set(inside("chick0", PODS).splitlines())}
    assert before["backups"] and before["backups"][0]["whole"] and before["pods"]
    copy = tmp_path_factory.mktemp("copy") / "rooster-state.tar.gz"
    with copy.open("wb") as file:
        ssh("sudo", "tar", "-C", "/", "-cz", *STATE, stdout=file)

    lab.off("rooster")
    wait_until("the hub is away", lambda: not hub_answers(lab))
    with Watched(lab, nodes) as seen:
        lab.reset(["rooster"])
        began = lab.status()["rooster"].since
        inside("rooster", NEW_KEY)
        assert "host key" in operator.inv("cluster.bootstrap", "--dry", code=1).said
        fingerprint = inside("rooster", "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").split()[1]
        operator.inv("rack.trust", "rooster", "--fingerprint", fingerprint)
        with copy.open("rb") as file:
            ssh("sudo", "tar", "-C", "/", "-xpz", stdin=file)
        run = operator.bootstrap("--yes")
        wait_until("the hub answers again", lambda: seen.answered, limit=300)
    yield before, seen, seen.answered - began, run
    hosts.write_text(text)
    inside("rooster", "cp -a /root/keys/ssh_host_* /etc/ssh/ && rm -r /root/keys && systemctl restart ssh")


def test_one_bootstrap_makes_it_rooster(replaced, operator):
    _, _, away, run = replaced
    print(json.dumps({"hub away, from the spare's start": round(away), "bootstrap": run}))
    assert run["exit_code"] == 0 and away <= AWAY
    assert operator.bootstrap()["changes"] == 0


def test_nodes_and_pods_have_gone_on(replaced, inside):
    before, seen, _, _ = replaced
    assert seen.looks > 5 and not seen.lost
    assert not before["pods"] - set(inside("chick0", PODS).splitlines())


def test_the_former_backup_is_there(replaced, operator, inside):
    before, *_ = replaced
    assert operator.inv("rack.backup", "--list", "--json").data == before["backups"]
    assert set(inside("rooster", "stat -c '%a %U' /var/lib/coop/backups /var/lib/coop/backups/*").split("\n")) == {"700 root", ""}


def test_operators_and_students_work(replaced, operator, inside):
    assert " Ready " in inside("rooster", "runuser -u spicy -- kubectl get nodes --no-headers")
    operator.inv("hub.prove")
    wait_until("the doctor is silent", lambda: operator.inv("doctor", code=None).code == 0, limit=300)
