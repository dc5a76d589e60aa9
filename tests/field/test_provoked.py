"""Causes as the programs themselves say them: each is provoked once, with the forge's programs and those of this computer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "forge"))

from api_server import api_server

from fabfile.engine.causes import cause
from fabfile.programs import shell
from fabfile.resources import writing
from lab.forge import calico, containerd, cri_tools, kubernetes
from lab.forge.store import Store
from lab.places import forge_cache
from tests.ssh.swarm import sshd

CASES = yaml.safe_load((Path(__file__).parents[1] / "cases/field/provoked.yaml").read_text())
STORE = Store(forge_cache())
CONTAINERD = """
s=$(mktemp -d /tmp/coop-cause.XXXXXX)
printf 'version = 3\\nroot = "%s/root"\\nstate = "%s/state"\\ndisabled_plugins = [%s]\\n' "$s" "$s" "$without" >c.toml
printf '[grpc]\\naddress = "%s/c.sock"\\n[ttrpc]\\naddress = "%s/t.sock"\\n' "$s" "$s" >>c.toml
printf '[plugins."io.containerd.cri.v1.images".registry]\\nconfig_path = "%s/certs"\\n' "$PWD" >>c.toml
containerd --config c.toml >containerd.log 2>&1 & others="$others $!"
until grep -q 'successfully booted' containerd.log; do sleep 0.2; done
"""
KUBELET = CONTAINERD + """
printf 'apiVersion: kubelet.config.k8s.io/v1beta1\\nkind: KubeletConfiguration\\nfailCgroupV1: false\\nfailSwapOn: false\\n' >k.yaml
printf 'cgroupsPerQOS: false\\nenforceNodeAllocatable: []\\n' >>k.yaml
printf 'authentication: {webhook: {enabled: false}, anonymous: {enabled: true}}\\nauthorization: {mode: AlwaysAllow}\\n' >>k.yaml
timeout 80 kubelet --config k.yaml --kubeconfig "$config" --hostname-override "$node" --cert-dir "$PWD/pki" --root-dir "$PWD/kubelet" \\
    --container-runtime-endpoint "unix://$s/c.sock" >kubelet.log 2>&1 & kubelet=$! others="$others $!"
"""
BEGIN = "ip link set lo up; others=; s=; trap 'kill $others 2>/dev/null; wait; [ -z \"$s\" ] || rm -rf \"$s\"' EXIT"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with api_server(tmp_path_factory.mktemp("api")) as api:
        yield api


@pytest.mark.parametrize("case", [case for case in CASES if "script" in case], ids=lambda case: case["cause"])
def test_a_program_says_it(tmp_path, case, request):
    """In a network of its own that leads nowhere, or in that of an API server, and a root whose mounts are its own."""
    parts = (kubernetes.programs, containerd.programs, cri_tools.programs, calico.programs)
    path = ":".join([*(str(STORE.folder(part) / "bin") for part in parts), os.environ["PATH"]])
    program, libraries = sshd()
    script = case["script"]
    network, env, kubeconfig = ["unshare", "--net"], os.environ | {"PATH": path}, ""
    if case.get("beside_api"):
        api = request.getfixturevalue("api")
        kubeconfig = api.kubeconfig
        network, env = ["nsenter", "--net", "--target", api.namespace, "unshare"], env | {"KUBECONFIG": kubeconfig}
    texts = {"MOVE": writing.move(str(tmp_path / "file")), "CONTAINERD": CONTAINERD, "KUBELET": KUBELET,
             "SSHD": f"LD_LIBRARY_PATH={libraries} {program}",
             "EVIDENCE": shell("evidence", seconds="20", peers="", kubeconfig=kubeconfig),
             "WATCHED": shell("watched_kubelet", command="sleep 20"),
             "CALICO": str(STORE.folder(calico.programs) / "src/manifests/calico.yaml")}
    for name, text in texts.items():
        script = script.replace(f"@{name}@", text)
    whole = f"{BEGIN}\n{case.get('before', '')}\n{script}"
    done = subprocess.run([*network, "--mount", "sh", "-c", whole], cwd=tmp_path, text=True, timeout=100,
                          env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    found = cause(done.stdout)
    assert found and found.name == case["cause"], done.stdout
    for words in case["says"]:
        assert words in found.says


@pytest.mark.parametrize("case", [case for case in CASES if "api" in case], ids=lambda case: case["cause"])
def test_the_api_server_says_it(api, case):
    said = api.shell(f"(\n{case['api']}\n) 2>&1 || :")
    found = cause(said)
    assert found and found.name == case["cause"], said
    for words in case["says"]:
        assert words in found.says
