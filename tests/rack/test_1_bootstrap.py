"""From machines with nothing but ssh to a cluster; then nothing more to do; and no secret was to be seen anywhere."""

import json
import re
import threading
import time
from pathlib import Path

import pytest
from conftest import wait_until
from state import difference, state

TOKEN = re.compile(rb"\b[a-z0-9]{6}\.[a-z0-9]{16}\b")
KEY = re.compile(rb"PRIVATE KEY|client-key-data|LS0tLS1CRUdJTiB[A-Za-z0-9+/]*UFJJVkFURSBLRV")


class Watcher(threading.Thread):
    """Reads every process's command line and every file in /tmp, here and on the machines, while a run is running."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.lab, self.seen, self.looks, self.ended = lab, {}, 0, threading.Event()

    def run(self):
        while not self.ended.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                self.look(process / "cmdline")
            roots = [Path(f"/proc/{box.pid}/root/tmp") for box in self.lab.status().values() if box.machine and box.pid]
            for folder in [Path("/tmp"), *roots]:
                for file in folder.glob("coop*"):
                    self.look(file)
            self.looks += 1
            time.sleep(0.1)

    def look(self, path: Path):
        try:
            text = path.read_bytes()[:1 << 20]
        except OSError:
            return
        if found := TOKEN.search(text) or KEY.search(text):
            self.seen[str(path)] = found[0]


@pytest.fixture(scope="module")
def refused(lab, operator, inside, kind):
    """Where the first control plane never answered, and hosts.yaml does not say that it is meant to: a bootstrap."""
    if not kind.expected:
        pytest.skip("nothing is to be refused on this rack")
    return operator.inv("cluster.bootstrap", "--json", code=1).data


def test_a_cluster_is_not_made_elsewhere_while_the_first_control_plane_may_hold_one(refused, inside, kind):
    """But all that needs no cluster is done."""
    for machine in kind.members:
        assert "no" in inside(machine, "[ -e /etc/kubernetes/admin.conf ] || [ -e /etc/kubernetes/kubelet.conf ] || echo no")
        assert "v1.36.3" in inside(machine, "kubelet --version")
    assert [error.get("machine") for error in refused["errors"]].count(kind.off) <= 1
    assert kind.off in " ".join(error["problem"] for error in refused["errors"])


@pytest.fixture(scope="module")
def story(request, lab, operator, inside, kind):
    """A dry run, the real one, and what the machines were before and after each."""
    if kind.expected:
        request.getfixturevalue("refused")
    request.getfixturevalue("intended")
    before = {machine: state(inside, machine) for machine in kind.machines}
    dry = operator.bootstrap("--dry", code=kind.differs)
    between = {machine: state(inside, machine) for machine in kind.machines}
    watcher = Watcher(lab)
    watcher.start()
    typed = operator.inv("cluster.bootstrap", code=kind.done)
    watcher.ended.set()
    watcher.join()
    return {"before": before, "between": between, "dry": dry, "typed": typed, "watcher": watcher}



def test_a_dry_run_touches_nothing(story, kind):
    for machine in kind.machines:
        assert not difference(story["before"][machine], story["between"][machine])


def test_a_dry_run_lists_what_the_run_did(story, operator):
    planned = {(change["machine"], change["resource"]) for change in story["dry"]["plan"]}
    done = {(record["machine"], record["resource"]) for record in operator.inv("run.show", "last", "--json").data
            if record["event"] == "changed"}
    assert planned == done


def test_all_nodes_are_ready(story, nodes, kind):
    assert nodes() == set(kind.members)


def test_the_run_says_that_nothing_is_left(story):
    assert "The plan made afterwards is empty" in story["typed"].said


def test_a_second_run_changes_nothing(story, operator, kind):
    again = operator.bootstrap()
    assert (again["changes"], again["exit_code"]) == (0, kind.done)
    assert {again["machines"][name]["round_trips"] for name in kind.members} == {1}


def test_no_secret_is_in_a_process_list_or_a_temporary_file(story):
    assert story["watcher"].looks > 50
    assert not story["watcher"].seen


def test_no_secret_is_in_the_output_or_the_journal(story, operator, lab):
    journal = json.dumps(operator.inv("run.show", "last", "--json").data).encode()
    for text in (story["typed"].said.encode(), json.dumps(story["dry"]).encode(), journal):
        assert not TOKEN.search(text) and not KEY.search(text)


def test_no_token_outlives_its_join(story, inside, kind):
    """The joins' own are deleted at once; the one that kubeadm init cannot do without lasts a minute."""
    wait_until("no token is left", lambda: "bootstrap-token" not in inside(
        kind.first, "kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-system get secrets -o name"), limit=90)


def test_programs_are_held_at_one_version(story, inside, kind):
    for machine in kind.members:
        held = set(inside(machine, "apt-mark showhold").split())
        assert {"kubeadm", "kubelet", "kubectl", "containerd.io"} <= held
        assert "v1.36.3" in inside(machine, "kubelet --version")


def test_the_pod_network_has_no_tunnel(story, inside, kind):
    for machine in kind.members:
        routes = inside(machine, "ip route")
        assert len(re.findall(r"^10\.244\.\S+/26 via 10\.0\.0\.\d+ dev enp1s0 proto bird", routes, re.MULTILINE)) == len(kind.members) - 1
        assert "tunl0" not in routes and "vxlan" not in routes


def test_status_says_all_is_well_or_who_is_missing(story, operator, kind):
    typed = operator.inv("cluster.status", code=3 if kind.off and not kind.expected else 0)
    assert (kind.off or "every pod is ready") in typed.said


def test_fab_runs_any_command_and_the_same_tasks(story, operator):
    assert "load average" in operator.types("fab", "-H", "chick1", "--", "uptime").said
    assert "kubelet" in operator.types("fab", "-H", "chick1", "node.status").said


def test_plain_ssh_works_with_the_printed_configuration(story, operator, tmp_path):
    config = tmp_path / "ssh_config"
    config.write_text(operator.inv("rack.ssh-config").said)
    assert operator.types("ssh", "-F", str(config), "chick1", "hostname").said.strip() == "chick1"


def test_operators_have_kubectl_on_rooster(story, operator, kind):
    said = operator.types("fab", "-H", "rooster", "--", "kubectl get nodes --no-headers").said
    assert len(re.findall(r" Ready ", said)) == len(kind.members)
