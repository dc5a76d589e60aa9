"""Checks of the cluster's machines together: Ready, BGP sessions with all others, no leftovers of removed nodes."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.programs import shell
from fabfile.rack import Machine, Rack
from fabfile.rack.cluster import API_PORT
from fabfile.resources import Check
from fabfile.resources.base import NOTE, PENDING
from fabfile.resources.node_images import PULLS
from fabfile.upstream.paths import ADMIN_CONF


def of_all_nodes(*programs: str, **variables: str) -> str:
    """Shell text for a control plane: what these programs ask of all nodes, where there is a pod network."""
    return shell("nodes", "networked", *programs, kubeconfig=ADMIN_CONF, pending=str(PENDING), **variables)


def nodes_are_ready(rack: Rack, machines: tuple[Machine, ...]) -> Check:
    """The nodes of these machines are Ready, with the addresses of hosts.yaml. Others that are not are named. Images may take long
    by a slow line: while they come, they are waited for."""
    wanted = " ".join(f"{machine.name}={machine.address()}" for machine in machines)
    what = f"{' and '.join(machine.name for machine in machines)} {'is' if len(machines) == 1 else 'are'} Ready"
    return Check(what if len(machines) < 5 else f"{len(machines)} nodes are Ready", rack.leader.name,
                 of_all_nodes("members", wanted=wanted, notice=NOTE),
                 limit=180, most=PULLS, about=tuple(machine.name for machine in machines))


def mesh_is_established(rack: Rack) -> Check:
    """Each of N nodes that are Ready holds N-1 BGP sessions. A slow machine that pulls other pods' images at the same time was seen to
    have them five minutes after calico-node's last container had started."""
    return Check("every Ready node has BGP sessions with all others", rack.leader.name, of_all_nodes("mesh"),
                 limit=420, most=PULLS, stage=1)


def reports_again(machine: Machine) -> Check:
    """The machine's kubelet has told the API server that it lives, since the machine was started."""
    return Check(f"kubelet on {machine.name} reports to the API server again", machine.name, f"""
[ -e /etc/kubernetes/kubelet.conf ] || exit 0
started=$(date -d "$(systemctl show --timestamp=utc -P UserspaceTimestamp)" +%s)
told=$(kubectl --kubeconfig /etc/kubernetes/kubelet.conf -n kube-node-lease get lease {machine.name} \
    -o 'jsonpath={{.spec.renewTime}}') || exit 1
[ "$(date -d "$told" +%s)" -ge "$started" ] || {{ echo "it last did at $told"; exit 1; }}
""", limit=300)


def api_servers_are_ready(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """Of those of these machines that are control planes. It includes etcd: the next one may go down only when this one's serves again."""
    for machine in machines:
        if machine in rack.control_planes:
            yield Check(f"the API server of {machine.name} is ready", machine.name,
                        f"kubectl --kubeconfig {ADMIN_CONF} --server https://{machine.address()}:{API_PORT} --request-timeout=5s "
                        "get --raw /readyz 2>&1", limit=300, about=(machine.name,))


def pod_network_drops(rack: Rack, machines: tuple[Machine, ...], machine: Machine) -> Iterator[Check]:
    """No block of pod addresses belongs to a machine that has left."""
    yield Check(f"no pod addresses are assigned to {machine.name}", rack.leader.name, of_all_nodes() + f"""
blocks=$(kubectl get blockaffinities.crd.projectcalico.org \
    -o jsonpath='{{range .items[*]}}{{.spec.node}} {{.spec.cidr}}{{"\\n"}}{{end}}') || exit 1
! echo "$blocks" | grep '^{machine.name} '
""", limit=300)
