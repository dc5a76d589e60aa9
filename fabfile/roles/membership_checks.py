"""What must be true of the cluster's machines together: Ready, in the mesh, and nobody else remembered."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.rack import Machine, Rack
from fabfile.resources import Check
from fabfile.resources.base import NOTE
from fabfile.roles.control_plane import KUBECONFIG

# `ready` prints the nodes that are Ready, one a line.
BEGIN = f"""
export KUBECONFIG={KUBECONFIG}
ready() {{
    kubectl get nodes -o jsonpath='{{range .items[*]}}{{.metadata.name}} \
{{.status.conditions[?(@.type=="Ready")].status}}{{"\\n"}}{{end}}' | sed -n 's/ True$//p'
}}
network=$(kubectl -n kube-system get daemonset calico-node --ignore-not-found -o name) || exit 1
[ -n "$network" ] || exit 0   # there is no pod network yet: the step that brings it asks again
"""

# `rolled_out NAMESPACE NAME`: the DaemonSet's pods are new and ready on every node that is Ready; a node that is away
# keeps its old pod, which nobody can replace.
ROLLED_OUT = """
rolled_out() {
    set -- "$2" $(kubectl -n "$1" get daemonset "$2" -o jsonpath='{.metadata.generation} \
{.status.observedGeneration} {.status.desiredNumberScheduled} {.status.numberReady} {.status.updatedNumberScheduled}')
    away=$(kubectl get nodes -o jsonpath='{range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}' |
        grep -cv '^True$')
    [ "$2" = "$3" ] && [ $(($4 - $5)) -le "$away" ] && [ $(($4 - ${6:-0})) -le "$away" ] ||
        { echo "$1 is ready on ${5:-0} nodes of ${4:-?}"; return 1; }
}
"""

# Prints the nodes that hold fewer sessions than there are other nodes that are Ready.
LONELY = """
count=$(ready | grep -c .)
set -- $(kubectl -n kube-system get daemonset calico-node \
    -o jsonpath='{.metadata.generation} {.status.observedGeneration} {.status.updatedNumberScheduled}')
[ "$1" = "$2" ] && [ "${3:-0}" -ge "$count" ] ||
    { echo "calico-node is new on ${3:-0} nodes of $count"; exit 1; }
speakers=$(kubectl -n kube-system get pods -l k8s-app=calico-node --field-selector status.phase=Running \
    -o jsonpath='{range .items[*]}{.spec.nodeName}={.metadata.name}{"\\n"}{end}') || exit 1
lonely=$(for node in $(ready); do (
    speaker=$(echo "$speakers" | sed -n "s/^$node=//p")
    sessions=$(timeout 15 kubectl -n kube-system exec "${speaker:-none}" -c calico-node -- \
        birdcl -s /var/run/calico/bird.ctl show protocols 2>&1 | grep -c ' BGP .* Established')
    [ "$sessions" -ge $((count - 1)) ] || echo "$node has $sessions sessions of $((count - 1))"
) & done; wait)
[ -z "$lonely" ] || { echo "$lonely"; exit 1; }
"""


def nodes_are_ready(rack: Rack, machines: tuple[Machine, ...]) -> Check:
    """The nodes of these machines are Ready, with the addresses of hosts.yaml. Others that are not are named."""
    wanted = " ".join(f"{machine.name}={machine.address()}" for machine in machines)
    what = f"{' and '.join(machine.name for machine in machines)} {'is' if len(machines) == 1 else 'are'} Ready"
    return Check(what if len(machines) < 5 else f"{len(machines)} nodes are Ready", rack.leader.name, BEGIN + f"""
nodes=$(kubectl get nodes -o jsonpath='{{range .items[*]}}{{.metadata.name}} \
{{.status.conditions[?(@.type=="Ready")].status}} \
{{.status.addresses[?(@.type=="InternalIP")].address}}{{"\\n"}}{{end}}') || exit 1
wrong=$(for each in {wanted}; do
    name=${{each%%=*}}
    found=$(echo "$nodes" | grep "^$name " || echo "$name unknown")
    case $found in
        "$name True ${{each#*=}}") ;;
        "$name True "*) echo "$name is in the cluster at ${{found##* }}, and hosts.yaml says ${{each#*=}}" ;;
        "$name unknown") echo "$name is not in the cluster" ;;
        *) echo "$name is not Ready" ;;
    esac
done)
[ -z "$wrong" ] || {{ echo "$wrong"; exit 1; }}
echo "$nodes" | while read -r name ready address; do
    [ "$ready" = True ] || echo "{NOTE}$name is not Ready: nothing was asked of it"
done
""", limit=180, about=tuple(machine.name for machine in machines))


def mesh_is_established(rack: Rack) -> Check:
    """Each of N nodes that are Ready holds N-1 BGP sessions."""
    return Check("every node that is Ready speaks BGP with every other", rack.leader.name, BEGIN + LONELY, limit=180,
                 stage=1)


def reports_again(machine: Machine) -> Check:
    """The machine's kubelet has told the API server that it lives, since the machine was started."""
    return Check(f"{machine.name} reports to the cluster again", machine.name, f"""
[ -e /etc/kubernetes/kubelet.conf ] || exit 0
started=$(date -d "$(systemctl show --timestamp=utc -P UserspaceTimestamp)" +%s)
told=$(kubectl --kubeconfig /etc/kubernetes/kubelet.conf -n kube-node-lease get lease {machine.name} \
    -o 'jsonpath={{.spec.renewTime}}') || exit 1
[ "$(date -d "$told" +%s)" -ge "$started" ] || {{ echo "it last did at $told"; exit 1; }}
""", limit=300)


def pod_network_forgets(rack: Rack, machines: tuple[Machine, ...], machine: Machine) -> Iterator[Check]:
    """No block of pod addresses belongs to a machine that has left."""
    yield Check(f"no pod addresses belong to {machine.name}", rack.leader.name, BEGIN + f"""
blocks=$(kubectl get blockaffinities.crd.projectcalico.org \
    -o jsonpath='{{range .items[*]}}{{.spec.node}} {{.spec.cidr}}{{"\\n"}}{{end}}') || exit 1
! echo "$blocks" | grep '^{machine.name} '
""", limit=300)
