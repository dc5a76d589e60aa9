"""The proof that pods reach what they may: each other, services, names and the world, from every node."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import Any
from urllib.parse import urlsplit

import yaml

from fabfile.rack import Machine, Rack
from fabfile.rack.upstream import cluster_configuration
from fabfile.resources import Check
from fabfile.roles.membership_checks import BEGIN, LONELY, mesh_is_established, nodes_are_ready

NAMESPACE = "coop-check"


def members_work_together(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """These machines are Ready, and every node that is Ready works with every other."""
    yield nodes_are_ready(rack, machines)
    yield mesh_is_established(rack)
    yield pods_reach_everything(rack)


def all_work_together(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """The same of every chick that is not missing, whichever machines the step was about."""
    return members_work_together(rack, rack.reached)


def pods_reach_everything(rack: Rack) -> Check:
    """From a pod on every node that is Ready: every other node's pod by a whole unfragmented packet, a service, DNS, the world; and no tunnel carries a route of the node.

    The pods are there for these seconds only. They see their machine's root, read-only, for its own `ping`
    and `curl` (busybox's ping cannot forbid fragments, its wget checks no certificate), not its network.
    """
    world = urlsplit(rack.network.internet_check)
    port = world.port or {"http": 80, "https": 443}[world.scheme]
    domain = cluster_configuration(rack)["networking"]["dnsDomain"]
    links = " ".join(f"{machine.name}={machine.inner.name}" for machine in rack.chicks)
    what = "pods reach pods, services, names and the world from every node"
    return Check(what, rack.leader.name, BEGIN + LONELY + f"""
said=$(kubectl -n kube-system rollout status deployment/coredns --timeout=1s 2>&1) ||
    {{ echo "$said"; exit 1; }}
# a proof that was cut short has left its pods
kubectl delete namespace {NAMESPACE} --ignore-not-found --timeout=60s >/dev/null || exit 1
trap 'kubectl delete namespace {NAMESPACE} --wait=false --ignore-not-found >/dev/null 2>&1' EXIT
kubectl apply --server-side -f - >/dev/null <<'OBJECTS' || exit 1
{yaml.safe_dump_all(_probe(rack), sort_keys=False)}OBJECTS
tries=0; nodes=$(ready)
while pods=$(kubectl -n {NAMESPACE} get pods --field-selector status.phase=Running -o jsonpath='\
{{range .items[*]}}{{.spec.nodeName}}={{.metadata.name}}={{.status.podIP}}{{"\\n"}}{{end}}') || exit 1
    pods=$(for node in $nodes; do echo "$pods" | grep "^$node="; done)
    [ "$(echo "$pods" | grep -c .)" -lt "$(echo "$nodes" | grep -c .)" ]
do
    tries=$((tries + 1)); [ $tries -lt 200 ] || {{ kubectl -n {NAMESPACE} get pods -o wide; exit 1; }}
    sleep 0.3
done
said=$(for pod in $pods; do (
    node=${{pod%%=*}}; name=${{pod#*=}}; name=${{name%=*}}
    for link in {links}; do [ "${{link%%=*}}" != "$node" ] || break; done
    kubectl -n {NAMESPACE} exec "$name" -- sh -c {quote(_FROM_A_POD)} sh \\
        "${{link#*=}}" kubernetes.default.svc.{domain} \\
        {quote(world.hostname or "")} {port} {quote(world.geturl())} \\
        $(echo "$pods" | grep -v "^$node=" | sed 's/.*=//') 2>&1 | sed "s/^/$node: /"
) & done; wait)
[ "$(echo "$said" | grep -c ': asked$')" -eq "$(echo "$pods" | grep -c .)" ] &&
    ! echo "$said" | grep -v ': asked$'
""", limit=240, stage=1)


# $1 the node's interface, $2 a service's name, $3 $4 $5 host, port and address of a page outside, then the
# addresses of the other pods
_FROM_A_POD = r"""
link=$1 service=$2 host=$3 port=$4 page=$5; shift 5
first() { nslookup "$1" 2>/dev/null | sed '1,/^Name/d' | grep -oE '([0-9]+\.){3}[0-9]+' | head -n 1; }
mtu=$(cat /sys/class/net/eth0/mtu) wire=$(cat "/machine/sys/class/net/$link/mtu")
[ "$mtu" = "$wire" ] || echo "a pod's packets may have $mtu bytes, the link's $wire"
for device in $(sed -n '2,$s/^\([a-z][^\t]*\).*/\1/p' /machine/proc/1/net/route | sort -u); do
    case $(cat "/machine/sys/class/net/$device/type" "/machine/sys/class/net/$device/uevent") in
        768*|776*|778*|*DEVTYPE=vxlan*|*DEVTYPE=wireguard*) echo "the tunnel $device carries a route" ;;
    esac
done
for pod in "$@"; do
    chroot /machine ping -q -c 1 -W 3 -M do -s $((mtu - 28)) "$pod" >/dev/null 2>&1 ||
        echo "no whole packet of $mtu bytes reaches $pod"
done
[ -n "$(first "$service")" ] || echo "DNS does not tell $service"
address=$(first "$host")
[ -n "$address" ] || echo "DNS does not tell $host"
[ -z "$address" ] ||
    chroot /machine curl -sS -o /dev/null --max-time 15 --resolve "$host:$port:$address" "$page"
echo asked   # what comes before this word is wrong
"""


def _probe(rack: Rack) -> list[dict[str, Any]]:
    labels = {"app": "probe"}
    template: dict[str, Any] = {"metadata": {"labels": labels}}
    container = {"name": "probe", "image": rack.versions.check_image, "command": ["sleep", "900"],
                 "volumeMounts": [{"name": "machine", "mountPath": "/machine", "readOnly": True}]}
    template["spec"] = {
        "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 0,
        "tolerations": [{"operator": "Exists"}], "containers": [container],
        "volumes": [{"name": "machine", "hostPath": {"path": "/"}}],
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "probe", "namespace": NAMESPACE},
         "spec": {"selector": {"matchLabels": labels}, "template": template}},
    ]
