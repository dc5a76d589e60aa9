"""A GPU for some users, as docs/gpu.md says, on a machine that has none: all but NVIDIA's driver and runtime is real (lab/forge/gpus).

One GPU, two in the hub's quota, three members of the group: one of them is given it, one waits, and one is refused.
"""

import json
import re
import shlex
import subprocess

import pytest
import yaml
from conftest import wait_until

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
HUB, HUB_AT = "jupyter.flock.example", "128.120.136.54"
NODE, MODEL, OTHERS = "chick2", "NVIDIA A100-PCIE-40GB", "chick1"
MEMBERS, STUDENT = ("ada", "emmy", "mary"), "student"
GPU = f'    gpu: {{driver: "580", model: {MODEL}}}\n'
VERSIONS = """
nvidia:
  driver:
    repository: https://developer.download.nvidia.com/compute/cuda/repos/debian13/x86_64/
    key: https://developer.download.nvidia.com/compute/cuda/repos/debian13/x86_64/8793F200.pub
  toolkit:
    version: 1.18.1
    repository: https://nvidia.github.io/libnvidia-container/stable/deb/amd64/
    key: https://nvidia.github.io/libnvidia-container/gpgkey
"""
SERVICES = """\
services:
  gpus-plugin:
    namespace: nvidia
    chart: {name: nvidia-device-plugin, version: 0.18.0, repository: https://nvidia.github.io/k8s-device-plugin}
    values: {runtimeClassName: nvidia}
"""
PROFILE = """\
      - display_name: GPU
        slug: gpu
        kubespawner_override:
          extra_resource_limits: {nvidia.com/gpu: "1"}
          extra_pod_config: {runtimeClassName: nvidia}
"""
EDITS = {
    "hosts.yaml": (f"  {NODE}:\n", f"  {NODE}:\n{GPU}"),
    "configs/versions.yaml": ("\ntested_here:", f"{VERSIONS}\ntested_here:"),
    "configs/hub.yaml": ("\nvalues:\n", "\nprofile_groups: {gpu: [gpu-users]}\nquota: {requests.nvidia.com/gpu: 2}\n"
                         "canary: {groups: [gpu-users], profile: gpu}\n\nvalues:\n"),
}


@pytest.fixture(scope="module")
def rack(lab, operator, inside):
    """Machines of which one has a GPU, and what the page says in the rack's files; they are as before afterwards."""
    before = {lab.rack / name: (lab.rack / name).read_text() for name in EDITS}
    services, hub = lab.rack / "configs/services.yaml", lab.rack / "configs/hub.yaml"
    try:
        for name, (old, new) in EDITS.items():
            path = lab.rack / name
            assert old in path.read_text()
            path.write_text(path.read_text().replace(old, new, 1))
        hub.write_text(hub.read_text().replace("[student, other]", f"[{', '.join((*MEMBERS, STUDENT))}]").rstrip("\n") + f"\n{PROFILE}")
        services.write_text(SERVICES)
        inside(NODE, f"echo '{MODEL}' >/etc/nvidia-gpus")
        assert operator.bootstrap("--yes")["exit_code"] == 0
        yield lab
    finally:
        for path, text in before.items():
            path.write_text(text)
        services.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def kubectl(inside):
    return lambda words, check=True: inside("chick0", f"{KUBECTL} {words}", check=check)


@pytest.fixture(scope="module")
def web(rack):
    """Calls the hub by its name from the internet, with words for curl; what it answers."""
    def call(path: str, *words: str) -> str:
        curl = ["curl", "-sk", "--noproxy", "*", "--max-time", "20", "--resolve", f"{HUB}:443:{HUB_AT}"]
        return subprocess.run([*rack.in_network("internet"), *curl, *words, f"https://{HUB}/hub/{path}"],
                              capture_output=True, text=True).stdout
    return call


@pytest.fixture(scope="module")
def api(rack, web):
    """Asks the hub's API as Coop's service, or with another token; an answer that is no JSON as it is."""
    coop = yaml.safe_load((rack.rack / "configs/secrets.yaml").read_text())["hub"]["hub"]["services"]["coop"]["apiToken"]

    def ask(method: str, path: str, body: object = None, token: str = coop):
        said = web(f"api/{path}", "-X", method, "-H", f"Authorization: token {token}", "-d", json.dumps(body or {}))
        try:
            return json.loads(said)
        except ValueError:
            return said
    return ask


@pytest.fixture(scope="module")
def tokens(api):
    """Everybody's own, by user; the members are in the group. Nobody has a server afterwards."""
    def stopped(user: str) -> bool:
        api("DELETE", f"users/{user}/server")
        return not api("GET", f"users/{user}")["servers"]

    users = [*MEMBERS, STUDENT]
    for user in users:
        api("POST", f"users/{user}")
    api("POST", "groups/gpu-users")
    api("POST", "groups/gpu-users/users", {"users": list(MEMBERS)})
    yield {user: api("POST", f"users/{user}/tokens")["token"] for user in users}
    for user in users:
        wait_until(f"the server of {user} is gone", lambda user=user: stopped(user))


@pytest.fixture(scope="module")
def start(api, tokens):
    """Begins to start one's server, as its owner."""
    return lambda user, profile: api("POST", f"users/{user}/server", {"profile": profile}, tokens[user])


@pytest.fixture(scope="module")
def told(web, tokens):
    """What the page of a server that starts has told its owner within some seconds."""
    return lambda user: web(f"api/users/{user}/server/progress", "-N", "-H", f"Authorization: token {tokens[user]}")


@pytest.fixture(scope="module")
def runs(api):
    return lambda user: api("GET", f"users/{user}")["servers"].get("", {}).get("ready", False)


@pytest.fixture(scope="module")
def allocatable(kubectl):
    return lambda: kubectl(rf"get node {NODE} -o jsonpath='{{.status.allocatable.nvidia\.com/gpu}}'").strip()


def found(operator) -> dict[str, dict]:
    """The doctor's findings about GPUs, by rule."""
    typed = operator.inv("doctor", "--json", code=None)
    assert typed.code in (0, 3), typed.said
    return {one["rule"]: one for one in typed.data["findings"] if one["rule"].startswith("gpu_")}


def pods_on(kubectl, node: str) -> list[dict]:
    return json.loads(kubectl(f"get pods -A -o json --field-selector spec.nodeName={node}"))["items"]


def test_the_machine_has_all_that_a_gpu_needs(rack, inside, kubectl, allocatable):
    versions = inside(NODE, "dpkg-query -W -f '${Package} ${Version}\\n' '*nvidia*' libcuda1").split()
    assert dict(zip(versions[::2], versions[1::2], strict=True)) == {
        **dict.fromkeys(("libcuda1", "nvidia-driver-cuda", "nvidia-kernel-open-dkms", "nvidia-kernel-support"), "580.95.05-1"),
        **dict.fromkeys(("nvidia-container-toolkit", "nvidia-container-toolkit-base"), "1.18.1-1")}
    assert {"nvidia-driver-cuda", "nvidia-kernel-open-dkms", "nvidia-container-toolkit"} <= set(inside(NODE, "apt-mark showhold").split())
    node = json.loads(kubectl(f"get node {NODE} -o json"))
    assert node["metadata"]["labels"]["nvidia.com/gpu.present"] == "true"
    assert node["spec"]["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]
    wait_until("kubelet has the plugin's GPU", lambda: allocatable() == "1")
    assert "nvidia" not in inside(OTHERS, "dpkg-query -W; cat /etc/containerd/config.toml")


def test_a_second_run_changes_nothing_and_the_doctor_finds_nothing(rack, operator):
    assert operator.bootstrap()["changes"] == 0
    assert found(operator) == {}


def test_the_hub_is_proved_on_the_gpu(rack, operator, kubectl):
    """The first bootstrap has done so, before it ended."""
    scheduled = "-n hub get events --field-selector reason=Scheduled -o jsonpath='{.items[*].message}'"
    assert f"assigned hub/jupyter-coop-canary to {NODE}" in kubectl(scheduled)
    assert "ran a cell" in operator.inv("hub.prove").said


@pytest.mark.parametrize("user, sees", [("ada", True), (STUDENT, False)])
def test_who_sees_the_profile(tokens, web, tmp_path, user, sees):
    jar = ("-b", str(tmp_path / "jar"), "-c", str(tmp_path / "jar"))
    xsrf = re.search(r'name="_xsrf" value="([^"]*)"', web("login", *jar))[1]
    web("login", *jar, "--data-urlencode", f"_xsrf={xsrf}", "-d", f"username={user}", "-d", "password=x")
    page = web("spawn", *jar)
    assert "profile-item-large" in page and ("profile-item-gpu" in page) == sees


def test_others_cannot_start_it_by_the_api(start, told, api, kubectl):
    start(STUDENT, "gpu")
    wait_until("its owner is told", lambda: "No such profile: gpu" in told(STUDENT))
    assert not api("GET", f"users/{STUDENT}")["servers"]
    assert f"jupyter-{STUDENT}" not in kubectl("-n hub get pods -o name")


def test_a_members_server_has_the_gpu(start, runs, kubectl, inside):
    start("ada", "gpu")
    wait_until("ada's server runs", lambda: runs("ada"), 300)
    assert kubectl("-n hub get pod jupyter-ada -o jsonpath='{.spec.nodeName}'").strip() == NODE
    inside_it = kubectl("-n hub exec jupyter-ada -c notebook -- sh -c 'echo $NVIDIA_VISIBLE_DEVICES; ls -l /dev/nvidia0'").split()
    assert inside_it[0] == "GPU-0" and inside_it[1].startswith("crw")
    [pod] = json.loads(inside(NODE, "crictl pods --name '^jupyter-ada$' --state ready -o json"))["items"]
    assert pod["runtimeHandler"] == "nvidia"


def test_a_second_server_waits_and_its_page_says_why(start, told, runs, kubectl):
    start("emmy", "gpu")
    wait_until("the reason is told", lambda: "Insufficient nvidia.com/gpu" in told("emmy"))
    assert not runs("emmy") and "Pending" in kubectl("-n hub get pod jupyter-emmy")


def test_a_server_beyond_the_quota_is_refused(start, told, api, kubectl):
    start("mary", "gpu")
    wait_until("it is refused", lambda: "exceeded quota: coop" in told("mary"))
    assert not api("GET", "users/mary")["servers"] and "jupyter-mary" not in kubectl("-n hub get pods -o name")


def test_the_one_that_waits_is_given_the_gpu_when_it_is_free(api, runs, kubectl):
    api("DELETE", "users/ada/server")
    wait_until("emmy's server runs", lambda: runs("emmy"), 180)
    assert kubectl("-n hub get pod jupyter-emmy -o jsonpath='{.spec.nodeName}'").strip() == NODE
    api("DELETE", "users/emmy/server")


def test_others_pods_stay_away(start, runs, kubectl):
    """From the first moment, as it joined with its taint: nothing is there but what tolerates it."""
    kubectl("create deployment many --image=docker.io/library/busybox:1.37 --replicas=8 -- sleep 86400")
    start(STUDENT, "default")
    kubectl("wait --for=condition=Available deployment/many --timeout=180s")
    wait_until("the student's server runs", lambda: runs(STUDENT), 180)
    for pod in pods_on(kubectl, NODE):
        keys = {one.get("key") for one in pod["spec"]["tolerations"] if one.get("effect") in (None, "NoSchedule")}
        assert keys & {None, "nvidia.com/gpu"}, pod["metadata"]["name"]
    assert f"jupyter-{STUDENT}" in [pod["metadata"]["name"] for pod in pods_on(kubectl, OTHERS)]
    kubectl("delete deployment many --wait=false")


def test_a_gpu_that_is_gone_is_found(rack, operator, inside, allocatable):
    inside(NODE, ": >/etc/nvidia-gpus")
    wait_until("kubelet has none", lambda: allocatable() == "0")
    assert found(operator)["gpu_missing"]["what"] == f"{NODE} has 0 of 1 GPUs"
    inside(NODE, f"echo '{MODEL}' >/etc/nvidia-gpus")
    wait_until("kubelet has it again", lambda: allocatable() == "1")


def test_a_driver_newer_than_its_module_is_found_and_healed_by_what_is_said(rack, operator, inside, allocatable):
    hosts = rack.rack / "hosts.yaml"
    hosts.write_text(hosts.read_text().replace('driver: "580"', 'driver: "590"'))
    assert f"programs that use a GPU of {NODE} fail until it has been rebooted" in operator.inv("cluster.bootstrap", code=1).said
    assert "580.95.05" in inside(NODE, "cat /usr/lib/nvidia/version")
    operator.bootstrap("--yes")
    finding = found(operator)["gpu_driver_differs"]
    assert finding["what"] == f"the kernel of {NODE} has driver 580.95.05, its programs have 590.44.01"
    assert "Driver/library version mismatch" in inside(NODE, "nvidia-smi", check=False)
    operator.types(*shlex.split(finding["fix"]), "--yes")
    assert found(operator) == {}
    assert MODEL in inside(NODE, "nvidia-smi --query-gpu=name --format=csv,noheader")
    wait_until("kubelet has the GPU again", lambda: allocatable() == "1")
    assert operator.bootstrap()["changes"] == 0


def test_what_left_hosts_yaml_is_taken_away(rack, operator, inside, kubectl):
    for name, (old, new) in EDITS.items():
        path = rack.rack / name
        path.write_text(path.read_text().replace('driver: "590"', 'driver: "580"').replace(new, old))
    hub = rack.rack / "configs/hub.yaml"
    hub.write_text(hub.read_text().replace(PROFILE, ""))
    (rack.rack / "configs/services.yaml").unlink()
    operator.bootstrap("--yes")
    node = json.loads(kubectl(f"get node {NODE} -o json"))
    assert "nvidia.com/gpu.present" not in node["metadata"]["labels"] and "taints" not in node["spec"]
    assert "nvidia" not in inside(NODE, "cat /etc/containerd/config.toml") and not kubectl("get runtimeclasses -o name").strip()
    assert "nvidia" not in kubectl("get daemonsets -A -o name") and not kubectl("-n hub get resourcequotas -o name").strip()
    assert "nvidia-driver-cuda" in inside(NODE, "apt-mark showhold")  # the packages stay
    assert operator.bootstrap()["changes"] == 0
