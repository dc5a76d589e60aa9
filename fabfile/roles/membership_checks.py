"""What must be true of the cluster's machines together: Ready, in the mesh, and nobody else remembered."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from fabfile.rack import Machine, Rack
from fabfile.resources import Check
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


def nodes_are_ready(rack: Rack, machines: tuple[Machine, ...] = ()) -> Check:
    """These nodes (all there are, if none is named) are Ready, with the addresses of hosts.yaml."""
    known = " ".join(f"{machine.name}={machine.address()}" for machine in rack.chicks)
    asked = " ".join(machine.name for machine in machines)
    what = " and ".join(machine.name for machine in machines) or "every node"
    each = ".items[*]" if len(machines) != 1 else "@"
    return Check(f"{what} is Ready", rack.first_control_plane.name, BEGIN + f"""
nodes=$(kubectl get nodes {asked} -o jsonpath='{{range {each}}}{{.metadata.name}} \
{{.status.conditions[?(@.type=="Ready")].status}} \
{{.status.addresses[?(@.type=="InternalIP")].address}}{{"\\n"}}{{end}}') || exit 1
wrong=$(echo "$nodes" | while read -r name ready address; do
    [ "$ready" = True ] || echo "$name is not Ready"
    case {quote(f" {known} ")} in
        *" $name=$address "*) ;;
        *) echo "$name at $address is not in hosts.yaml" ;;
    esac
done)
[ -z "$wrong" ] || {{ echo "$wrong"; exit 1; }}
""", limit=180)


def mesh_is_established(rack: Rack, machines: tuple[Machine, ...] = ()) -> Check:
    """Each of N nodes that are Ready, these machines (or all nodes) among them, holds N-1 BGP sessions."""
    return Check("every node speaks BGP with every other", rack.first_control_plane.name,
                 BEGIN + awaited(machines) + LONELY, limit=180)


def awaited(machines: tuple[Machine, ...]) -> str:
    """Shell text that goes on when these machines (all nodes, if none is named) are Ready."""
    everyone = "$(kubectl get nodes -o 'jsonpath={.items[*].metadata.name}')"
    names = " ".join(machine.name for machine in machines) or everyone
    return f"""
for name in {names}; do ready | grep -qx "$name" || {{ echo "$name is not Ready"; exit 1; }}; done
"""


def reports_again(machine: Machine) -> Check:
    """The machine's kubelet has told the API server that it lives, since the machine was started."""
    return Check(f"{machine.name} reports to the cluster again", machine.name, f"""
[ -e /etc/kubernetes/kubelet.conf ] || exit 0
started=$(date -d "$(systemctl show --timestamp=utc -P UserspaceTimestamp)" +%s)
told=$(kubectl --kubeconfig /etc/kubernetes/kubelet.conf -n kube-node-lease get lease {machine.name} \
    -o 'jsonpath={{.spec.renewTime}}') || exit 1
[ "$(date -d "$told" +%s)" -ge "$started" ] || {{ echo "it last did at $told"; exit 1; }}
""", limit=300)


def pod_network_forgets(rack: Rack, machine: Machine) -> Iterator[Check]:
    """No block of pod addresses belongs to a machine that has left."""
    yield Check(f"no pod addresses belong to {machine.name}", rack.first_control_plane.name, BEGIN + f"""
blocks=$(kubectl get blockaffinities.crd.projectcalico.org \
    -o jsonpath='{{range .items[*]}}{{.spec.node}} {{.spec.cidr}}{{"\\n"}}{{end}}') || exit 1
! echo "$blocks" | grep '^{machine.name} '
""", limit=300)
