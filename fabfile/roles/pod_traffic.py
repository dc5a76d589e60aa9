"""The proof that the cluster's machines work together: nodes, routes, and what pods reach from everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from urllib.parse import urlsplit

import yaml

from fabfile.rack import Machine, Rack
from fabfile.rack.upstream import cluster_configuration
from fabfile.resources import Check
from fabfile.roles.control_plane import KUBECONFIG

NAMESPACE = "coop-check"

_BEGIN = f"""
export KUBECONFIG={KUBECONFIG}
network=$(kubectl -n kube-system get daemonset calico-node --ignore-not-found -o name) || exit 1
[ -n "$network" ] || exit 0   # there is no pod network yet: the step that brings it asks again
"""


def members_work_together(rack: Rack) -> Iterator[Check]:
    """Of every machine that is a member now: Ready, in the BGP mesh, no tunnel, and its pods reach whatever they may."""
    yield nodes_are_ready(rack)
    yield mesh_is_established(rack)
    for machine in rack.chicks:
        yield no_tunnel_carries_a_route(machine)
    yield pods_reach_everything(rack)


def nodes_are_ready(rack: Rack) -> Check:
    """Every node is Ready, under the name and the address of hosts.yaml."""
    known = " ".join(f"{machine.name}={machine.address()}" for machine in rack.chicks)
    return Check("every node is Ready", rack.first_control_plane.name, _BEGIN + f"""
nodes=$(kubectl get nodes -o jsonpath='{{range .items[*]}}{{.metadata.name}} {{.status.conditions[?(@.type=="Ready")].status}} \
{{.status.addresses[?(@.type=="InternalIP")].address}}{{"\\n"}}{{end}}') || exit 1
wrong=$(echo "$nodes" | while read -r name ready address; do
    [ "$ready" = True ] || echo "$name is not Ready"
    case {quote(f" {known} ")} in *" $name=$address "*) ;; *) echo "$name at $address is not in hosts.yaml";; esac
done)
[ -z "$wrong" ] || {{ echo "$wrong"; exit 1; }}
""", limit=180)


def mesh_is_established(rack: Rack) -> Check:
    """Each of N nodes holds N-1 BGP sessions."""
    return Check("every node speaks BGP with every other", rack.first_control_plane.name, _BEGIN + """
count=$(kubectl get nodes -o name | wc -l)
speakers=$(kubectl -n kube-system get pods -l k8s-app=calico-node --field-selector status.phase=Running \
    -o jsonpath='{range .items[*]}{.spec.nodeName}={.metadata.name}{"\\n"}{end}') || exit 1
[ "$(echo "$speakers" | grep -c .)" -eq "$count" ] || { echo "calico-node runs on: $speakers"; exit 1; }
wrong=$(for speaker in $speakers; do (
    sessions=$(timeout 15 kubectl -n kube-system exec "${speaker#*=}" -c calico-node -- \
        birdcl -s /var/run/calico/bird.ctl show protocols 2>&1 | grep -c ' BGP .* Established')
    [ "$sessions" -eq $((count - 1)) ] || echo "${speaker%%=*} has $sessions sessions of $((count - 1))"
) & done; wait)
[ -z "$wrong" ] || { echo "$wrong"; exit 1; }
""", limit=120)


def no_tunnel_carries_a_route(machine: Machine) -> Check:
    """Pods' packets go from node to node as they are."""
    return Check(f"no tunnel carries a route on {machine.name}", machine.name, """
for kind in ipip vxlan wireguard; do
    ip -o link show type $kind 2>/dev/null
done | sed 's/^[0-9]*: \\([^:@]*\\).*/\\1/' | while read -r tunnel; do
    ip route show dev "$tunnel" | sed "s/$/ dev $tunnel/"
done | if grep .; then exit 1; fi
""")


def reports_again(machine: Machine) -> Check:
    """The machine's kubelet has told the API server that it lives, since the machine was started."""
    return Check(f"{machine.name} reports to the cluster again", machine.name, f"""
[ -e /etc/kubernetes/kubelet.conf ] || exit 0
started=$(date -d "$(systemctl show --timestamp=utc -P UserspaceTimestamp)" +%s)
told=$(kubectl --kubeconfig /etc/kubernetes/kubelet.conf -n kube-node-lease get lease {machine.name} \
    -o 'jsonpath={{.spec.renewTime}}') && [ "$(date -d "$told" +%s)" -ge "$started" ] || {{ echo "last at ${{told:-?}}"; exit 1; }}
""", limit=300)


def pod_network_forgets(rack: Rack, machine: Machine) -> Check:
    """No block of pod addresses belongs to a machine that has left."""
    return Check(f"no pod addresses belong to {machine.name}", rack.first_control_plane.name, _BEGIN + f"""
blocks=$(kubectl get blockaffinities.crd.projectcalico.org \
    -o jsonpath='{{range .items[*]}}{{.spec.node}} {{.spec.cidr}}{{"\\n"}}{{end}}') || exit 1
! echo "$blocks" | grep '^{machine.name} '
""", limit=300)


def pods_reach_everything(rack: Rack) -> Check:
    """From a pod on every node: every other node's pod by a whole unfragmented packet, a service, DNS, the world.

    The pods are there for these seconds only. They see their machine's root, read-only, for its own `ping` and `curl`
    (busybox's ping cannot forbid fragments, its wget checks no certificate); the network is the pod's.
    """
    world = urlsplit(rack.network.internet_check)
    port = world.port or {"http": 80, "https": 443}[world.scheme]
    domain = cluster_configuration(rack)["networking"]["dnsDomain"]
    links = " ".join(f"{machine.name}={machine.inner.name}" for machine in rack.chicks)
    return Check("pods reach pods, services, names and the world from every node", rack.first_control_plane.name,
                 _BEGIN + f"""
for workload in daemonset/calico-node deployment/coredns; do
    kubectl -n kube-system rollout status $workload --timeout=1s 2>&1 || exit 1   # too early for a pod of ours
done >&2
kubectl delete namespace {NAMESPACE} --ignore-not-found --timeout=60s >/dev/null || exit 1   # of a proof that was cut short
trap 'kubectl delete namespace {NAMESPACE} --wait=false --ignore-not-found >/dev/null 2>&1' EXIT
kubectl apply --server-side -f - >/dev/null <<'OBJECTS' || exit 1
{yaml.safe_dump_all(_probe(rack), sort_keys=False)}OBJECTS
kubectl -n {NAMESPACE} rollout status daemonset/probe --timeout=60s >/dev/null 2>&1 ||
    {{ kubectl -n {NAMESPACE} get pods -o wide; exit 1; }}
pods=$(kubectl -n {NAMESPACE} get pods -o jsonpath='{{range .items[*]}}\
{{.spec.nodeName}}={{.metadata.name}}={{.status.podIP}}{{"\\n"}}{{end}}') || exit 1
said=$(for pod in $pods; do (
    node=${{pod%%=*}}; name=${{pod#*=}}; name=${{name%=*}}
    for link in {links}; do [ "${{link%%=*}}" != "$node" ] || break; done
    kubectl -n {NAMESPACE} exec "$name" -- sh -c {quote(_FROM_A_POD)} sh \
        "${{link#*=}}" kubernetes.default.svc.{domain} {quote(world.hostname or "")} {port} {quote(world.geturl())} \
        $(echo "$pods" | grep -v "^$node=" | sed 's/.*=//') 2>&1 | sed "s/^/$node: /"
) & done; wait)
[ "$(echo "$said" | grep -c ': asked$')" -eq "$(echo "$pods" | grep -c .)" ] && ! echo "$said" | grep -v ': asked$'
""", limit=240)


# $1 the node's interface, $2 a service's name, $3 $4 $5 host, port and address of a page outside, then pods' addresses
_FROM_A_POD = r"""
link=$1 service=$2 host=$3 port=$4 page=$5; shift 5
first() { nslookup "$1" 2>/dev/null | sed '1,/^Name/d' | grep -oE '([0-9]+\.){3}[0-9]+' | head -n 1; }
mtu=$(cat /sys/class/net/eth0/mtu) wire=$(cat "/machine/sys/class/net/$link/mtu")
[ "$mtu" = "$wire" ] || echo "a pod's packets may have $mtu bytes, the link's $wire"
for pod in "$@"; do
    chroot /machine ping -q -c 1 -W 3 -M do -s $((mtu - 28)) "$pod" >/dev/null 2>&1 ||
        echo "no whole packet of $mtu bytes reaches $pod"
done
[ -n "$(first "$service")" ] || echo "DNS does not tell $service"
address=$(first "$host")
[ -n "$address" ] || echo "DNS does not tell $host"
[ -z "$address" ] || chroot /machine curl -sS -o /dev/null --max-time 15 --resolve "$host:$port:$address" "$page"
echo asked   # what comes before this word is wrong
"""


def _probe(rack: Rack) -> list[dict]:
    labels = {"app": "probe"}
    container = {"name": "probe", "image": rack.versions.check_image, "command": ["sleep", "900"],
                 "volumeMounts": [{"name": "machine", "mountPath": "/machine", "readOnly": True}]}
    pod = {"automountServiceAccountToken": False, "terminationGracePeriodSeconds": 0,
           "tolerations": [{"operator": "Exists"}], "containers": [container],
           "volumes": [{"name": "machine", "hostPath": {"path": "/"}}]}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "probe", "namespace": NAMESPACE},
         "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}},
    ]
