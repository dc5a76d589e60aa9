"""A static pod that is recreated, by a real shell: kubeadm, kubelet and the component are small programs of the test."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from fabfile.resources import StaticPod

KUBEADM = """#!/bin/sh
[ "$1" != config ] || exit 0
[ "$*" = "init phase control-plane scheduler --config {root}/run/coop/kubeadm-settings.yaml" ] || exit 9
{writes}
"""
# the component: a process for each content of the manifest, healthy or not by that content
PIDOF = """#!/bin/sh
now=$(cksum <{root}/etc/kubernetes/manifests/kube-scheduler.yaml)
[ "$now" = "$(cat {root}/runs 2>/dev/null)" ] || {{
    kill "$(cat {root}/pid 2>/dev/null)" 2>/dev/null
    sleep 60 >/dev/null 2>&1 & echo $! >{root}/pid; echo "$now" >{root}/runs
}}
cat {root}/pid
"""
# kubelet makes a pod of each manifest; what is broken ends as soon as it starts
CRICTL = """#!/bin/sh
now=$(cksum <{root}/etc/kubernetes/manifests/kube-scheduler.yaml)
case $* in
    pods*) echo "pod${{now%% *}}" ;;
    logs*) echo 'unknown flag: --nosuch' ;;
    *yaml) grep -q broken {root}/etc/kubernetes/manifests/kube-scheduler.yaml && [ -e {root}/crashes ] && end=EXITED
        printf 'containers:\\n- metadata:\\n    attempt: 2\\n  podSandboxId: pod%s\\n' "${{now%% *}}"
        printf '  state: CONTAINER_%s\\n' "${{end:-RUNNING}}" ;;
    *) echo container ;;
esac
"""


@pytest.fixture
def made(tmp_path):
    """Runs the script of a change on a machine whose kubeadm writes `writes`; the manifest afterwards, and the end."""
    manifest = tmp_path / "etc/kubernetes/manifests/kube-scheduler.yaml"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("spec: {containers: [{command: [kube-scheduler]}]}  # former\n")
    programs = tmp_path / "bin"
    programs.mkdir()

    def run(writes: str, seconds: int = 4) -> tuple[str, int, str]:
        pod = StaticPod("kube-scheduler", "chick0", (("v", "4"),), (), (), "kind: InitConfiguration\n",
                        "! grep -q broken /etc/kubernetes/manifests/kube-scheduler.yaml", "the scheduler restarts")
        facts = f"file 600 root 0 root 0\nsha256 x\n|{manifest.read_text()}\nend\n"
        [change] = pod.changes(facts, frozenset())
        script = change.commands[0].script.replace("in_seconds 150", f"in_seconds {seconds}").replace("in_seconds 120", "in_seconds 6")
        for folder in ("/etc/kubernetes", "/run/coop", "/var/lib/coop"):
            script = script.replace(folder, f"{tmp_path}{folder}")
        for name, text in {"kubeadm": KUBEADM.format(root=tmp_path, writes=writes.format(manifest=manifest)),
                           "pidof": PIDOF.format(root=tmp_path), "crictl": CRICTL.format(root=tmp_path)}.items():
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        done = subprocess.run(["dash", "-c", f"set -e\n{script}"], text=True, capture_output=True, timeout=60,
                              env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"})
        return manifest.read_text(), done.returncode, done.stdout + done.stderr

    yield run
    if (tmp_path / "pid").exists():
        subprocess.run(["kill", (tmp_path / "pid").read_text().strip()], check=False, capture_output=True)


def test_a_component_that_comes_up_keeps_its_new_manifest(made, tmp_path):
    assert made("echo new >{manifest}") == ("new\n", 0, "")
    assert not (tmp_path / "run/coop/kubeadm-settings.yaml").exists()


def test_one_that_does_not_gets_the_previous_manifest_back_and_says_its_last_words(made):
    text, code, said = made("echo broken >{manifest}")
    assert text.endswith("# former\n") and code == 1
    assert "does not start with these settings" in said and "the previous manifest is back" in said
    assert "unknown flag" in said and "not healthy with the previous" not in said


def test_one_that_ends_again_and_again_is_not_waited_for(made, tmp_path):
    (tmp_path / "crashes").touch()
    began = time.monotonic()
    text, code, said = made("echo broken >{manifest}", seconds=60)
    assert text.endswith("# former\n") and code == 1 and "the previous manifest is back" in said
    assert time.monotonic() - began < 40


def test_nothing_is_waited_for_where_kubeadm_changes_nothing(made):
    text, code, said = made(":")
    assert text.endswith("# former\n") and code == 1 and "as it was before" in said


def test_a_kubeadm_that_fails_ends_it_before_anything_restarts(made, tmp_path):
    text, code, _ = made("exit 3")
    assert text.endswith("# former\n") and code == 3


@pytest.mark.parametrize("path", [Path("/etc/kubernetes/manifests")])
def test_what_waits_beside_a_manifest_is_none_that_kubelet_would_run(path):
    """kubelet passes over names that begin with a dot: the previous manifest comes back by such a one."""
    from fabfile.resources import writing

    assert Path(writing.beside(str(path / "etcd.yaml"))).name.startswith(".")
