"""Organisations on a real API server with Calico's and MetalLB's kinds: applied twice, drifted, and one of them taken away.

No controller runs. What ends a namespace is done here, when the API server says that it is to end.
"""

import json
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from api_server import api_server

from fabfile.resources import File, KubernetesObjects, PrunedObjects
from fabfile.roles.organisations import marks, organisations
from fabfile.roles.prune import METALLB_KINDS
from lab.forge import calico, metallb
from lab.forge.store import Store
from lab.places import forge_cache
from tests.unit.test_organisations import BIOLOGY, COMMON, PHYSICS, made

KINDS = "globalnetworkpolicies.crd.projectcalico.org,ippools.crd.projectcalico.org,ipaddresspools.metallb.io,l2advertisements.metallb.io," \
        "namespaces,resourcequotas,limitranges"
ENDS = """(
until [ -n "$(kubectl get namespace biology -o 'jsonpath={.metadata.deletionTimestamp}' 2>/dev/null)" ]; do sleep 0.2; done
kubectl -n biology delete resourcequotas,limitranges --all
kubectl get namespace biology -o json |
  python3 -c 'import json, sys; one = json.load(sys.stdin); one["spec"] = {}; print(json.dumps(one))' |
  kubectl replace --raw /api/v1/namespaces/biology/finalize -f -
) >/dev/null 2>&1 &
"""


def take_kinds(api, folder: Path) -> None:
    """Has the API server take Calico's and MetalLB's kinds, and MetalLB's namespace; no webhook converts one of them."""
    store, file = Store(forge_cache()), folder / "kinds.yaml"
    manifests = [store.folder(calico.programs) / "src/manifests/calico.yaml", store.folder(metallb.programs) / "src" / metallb.MANIFEST]
    kinds = [one for manifest in manifests for one in yaml.safe_load_all(manifest.read_text())
             if one and one["kind"] == "CustomResourceDefinition"]
    for one in kinds:
        one["spec"].pop("conversion", None)
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "metallb-system"}}
    file.write_text(yaml.safe_dump_all([*kinds, space]))
    api.shell(f"kubectl apply --server-side -f {file}")
    wait = "kubectl wait --for=condition=Established crd --all --timeout=20s >/dev/null 2>&1"  # it fails where one has no condition yet
    api.shell(f"for again in 1 2 3 4 5; do if {wait}; then exit; fi; sleep 1; done; exit 1")


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    with api_server(folder) as api:
        take_kinds(api, folder)
        yield api


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return made(tmp_path_factory.mktemp("two"), COMMON + BIOLOGY + PHYSICS)


@pytest.fixture(scope="module")
def applied(api, two, tmp_path_factory):
    """The resource that applies them, of a folder of this computer's."""
    folder = tmp_path_factory.mktemp("manifests")
    for one in organisations(two, two.leader):
        if isinstance(one, File):
            (folder / one.path.rpartition("/")[2]).write_text(one.content)
        elif isinstance(one, KubernetesObjects):
            wanted = replace(one, directory=str(folder), files=(), kubeconfig=api.kubeconfig)
    api.apply(wanted)
    return wanted


def versions(api, name: str) -> dict[str, str]:
    """Of each object with the mark of this organisation, the version that the API server has."""
    found = json.loads(api.shell(f"kubectl get {KINDS} -A -l coop/set=organisation.{name} -o json"))["items"]
    return {f"{one['kind']} {one['metadata']['name']}": one["metadata"]["resourceVersion"] for one in found}


def test_every_object_is_taken_and_the_second_run_changes_nothing(api, applied):
    assert len(versions(api, "biology")) == len(versions(api, "physics")) == 7
    before = versions(api, "biology")
    assert api.plan(applied) == []
    assert versions(api, "biology") == before


@pytest.mark.parametrize("drift, named", [
    ("-n physics patch resourcequota coop --type=merge -p '{\"spec\": {\"hard\": {\"requests.cpu\": \"99\"}}}'",
     "ResourceQuota physics/coop"),
    ("annotate namespace biology cni.projectcalico.org/ipv4pools-", "Namespace biology"),
    ("patch ippools.crd.projectcalico.org organisation-biology --type=merge -p '{\"spec\": {\"natOutgoing\": true}}'",
     "IPPool organisation-biology"),
    ("delete globalnetworkpolicies.crd.projectcalico.org default.organisation-biology", "GlobalNetworkPolicy default.organisation-biology"),
    ("-n metallb-system patch ipaddresspools.metallb.io organisation-physics --type=json "
     "-p '[{\"op\": \"remove\", \"path\": \"/spec/serviceAllocation\"}]'", "IPAddressPool metallb-system/organisation-physics"),
    ("delete bgppeers.crd.projectcalico.org coop-rooster", "BGPPeer coop-rooster")])
def test_drift_is_named_and_undone(api, applied, drift, named):
    api.shell(f"kubectl {drift}")
    [change] = api.apply(applied)
    assert change.what == f"the objects of organisations differ: {named}"


def pod(**spec) -> str:
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "biology"}, "spec": {
        "containers": [{"name": "a", "image": "b"}], **spec}})


def counted(api, cores: str) -> None:
    """What the quota's controller would write; what the API server makes of it is real."""
    status = {"status": {"hard": {"requests.cpu": "64", "requests.memory": "256Gi", "services.loadbalancers": "8"},
                         "used": {"requests.cpu": cores, "requests.memory": "0", "services.loadbalancers": "0"}}}
    api.shell(f"kubectl -n biology patch resourcequota coop --subresource=status --type=merge -p '{json.dumps(status)}'")


def test_its_pods_are_counted_and_may_not_use_their_nodes_network(api, applied):
    refused = api.shell(f"kubectl create -f - 2>&1 <<'X' || :\n{pod(hostNetwork=True)}X")
    assert 'violates PodSecurity "baseline' in refused and "hostNetwork=true" in refused
    counted(api, "63995m")
    refused = api.shell(f"kubectl create -f - 2>&1 <<'X' || :\n{pod()}X")
    assert "exceeded quota: coop, requested: requests.cpu=10m, used: requests.cpu=63995m, limited: requests.cpu=64" in refused


@pytest.fixture
def controller(api, tmp_path):
    """MetalLB's own."""
    program = Store(forge_cache()).folder(metallb.programs) / "bin/controller"
    words = ["nsenter", "--net", "--target", api.namespace, str(program), "--namespace=metallb-system", "--webhook-mode=disabled"]
    environment = {"KUBECONFIG": api.kubeconfig, "HOME": str(tmp_path)}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    yield
    process.kill()
    process.wait()


def test_metallb_gives_its_addresses_to_services_of_its_namespace_alone(api, applied, controller):
    counted(api, "0")
    spaces = ("default", "biology")
    asking = [{"apiVersion": "v1", "kind": "Service", "metadata": {
        "name": "asks", "namespace": space, "annotations": {"metallb.io/loadBalancerIPs": "10.0.1.70"}}, "spec": {
            "type": "LoadBalancer", "selector": {"a": "b"}, "ports": [{"port": 80}]}} for space in spaces]
    api.shell(f"kubectl apply -f - <<'X'\n{yaml.safe_dump_all(asking)}X")

    def told(space: str) -> str:
        return api.shell(f"kubectl -n {space} get events --field-selector involvedObject.name=asks -o jsonpath='{{.items[*].message}}'")

    until = time.monotonic() + 90
    while not (told("default") and told("biology")):
        assert time.monotonic() < until
        time.sleep(1)
    assert "pool organisation-biology not compatible for ip assignment" in told("default")
    given = {space: api.shell(f"kubectl -n {space} get service asks -o jsonpath='{{.status.loadBalancer.ingress[*].ip}}'")
             for space in spaces}
    assert given == {"default": "", "biology": "10.0.1.70"}
    api.shell("kubectl -n default delete service asks; kubectl -n biology delete service asks --wait=false\n"
              "kubectl -n biology patch service asks --type=merge -p '{\"metadata\": {\"finalizers\": null}}' || :")


def test_one_that_leaves_leaves_nothing_and_the_other_does_not_notice(api, applied, tmp_path):
    alone = made(tmp_path, COMMON + PHYSICS)
    blocks = {"10-245-0-0-26": "10.245.0.0/26", "10-245-4-0-26": "10.245.4.0/26"}  # of nodes, as Calico writes them
    held = [{"apiVersion": "crd.projectcalico.org/v1", "kind": kind, "metadata": {"name": f"{prefix}{name}"},
             "spec": {"cidr": cidr, **more}} for name, cidr in blocks.items() for kind, prefix, more in (
                ("IPAMBlock", "", {"allocations": [], "unallocated": [], "attributes": [], "strictAffinity": False}),
                ("BlockAffinity", "chick1-", {"node": "chick1", "state": "confirmed", "deleted": "false"}))]
    api.shell(f"kubectl apply -f - <<'X'\n{yaml.safe_dump_all(held)}X")
    before = versions(api, "physics")
    pruned = PrunedObjects({**marks(alone)}, kinds=METALLB_KINDS, kubeconfig=api.kubeconfig)
    [change] = api.plan(pruned)
    assert change.typed == "biology" and change.interrupts.startswith("organisation biology ends")
    api.shell(ENDS + change.commands[0].script)
    assert versions(api, "biology") == {} and versions(api, "physics") == before
    left = api.shell("kubectl get ipamblocks.crd.projectcalico.org,blockaffinities.crd.projectcalico.org -o name").split()
    assert [one.rpartition("/")[2] for one in left] == ["10-245-4-0-26", "chick1-10-245-4-0-26"]
    assert "coop-rooster" in api.shell("kubectl get bgppeers.crd.projectcalico.org -o name")
    assert api.plan(pruned) == []
