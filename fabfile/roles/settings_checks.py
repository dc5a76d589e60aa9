"""Checks after settings have changed: kubelets report, API servers are ready, services answer."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.rack import Machine, Rack
from fabfile.rack.cluster import API_PORT
from fabfile.resources import Check
from fabfile.resources.api_question import ready
from fabfile.roles.membership_checks import nodes_are_ready
from fabfile.roles.pod_traffic import all_work_together
from fabfile.upstream import documents


def settings_hold(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """These members are Ready, their kubelets have spoken since they were started, their API servers are ready."""
    for machine in machines:
        yield kubelet_reports(machine)
        if machine in rack.control_planes:
            yield Check(f"the API server of {machine.name} is ready", machine.name,
                        f"{ready(f'{machine.address()}:{API_PORT}')} 2>&1 || {{ echo 'it is not'; exit 1; }}", limit=120,
                        about=(machine.name,))
    yield nodes_are_ready(rack, machines)


def kubelet_reports(machine: Machine) -> Check:
    """kubelet on this machine has told the API server that it lives, since it was started."""
    return Check(f"kubelet on {machine.name} reports to the API server", machine.name, f"""
[ -e /etc/kubernetes/kubelet.conf ] || exit 0
started=$(date -d "$(systemctl show --timestamp=utc -P ActiveEnterTimestamp kubelet)" +%s)
told=$(kubectl --kubeconfig /etc/kubernetes/kubelet.conf -n kube-node-lease get lease {machine.name} \
    -o 'jsonpath={{.spec.renewTime}}' 2>&1) || {{ echo "$told"; exit 1; }}
[ "$(date -d "$told" +%s)" -ge "$started" ] || {{ echo "it last did at $told"; exit 1; }}
""", limit=120, about=(machine.name,))


def pod_network_holds(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """Pods reach pods and the world, and services answer on every node, whichever machine was changed."""
    yield from all_work_together(rack, machines)
    yield from services_answer(rack)


def services_answer(rack: Rack) -> Iterator[Check]:
    """From each node's own network the service of the API answers, through the rules of kube-proxy's mode alone."""
    mode = documents.kube_proxy_mode(rack)
    former = {"iptables": "nft list tables 2>/dev/null | grep kube-proxy",
              "nftables": "iptables-save -t nat 2>/dev/null | grep -m 1 -e '^:KUBE-S[VE][CP]-' -e '^:KUBE-SERVICES '"}
    for machine in rack.reached:
        yield Check(f"services answer on {machine.name}", machine.name, f"""
[ -e /etc/kubernetes/kubelet.conf ] || exit 0
mode=$(curl -fs --max-time 3 http://127.0.0.1:10249/proxyMode) || mode={mode}
[ "$mode" = {mode} ] || {{ echo "kube-proxy runs in mode $mode"; exit 1; }}
curl -sSk --max-time 5 -o /dev/null https://{rack.network.service[1]}/livez 2>&1 || exit 1
! {former.get(mode, 'false')} || {{ echo 'rules of the previous mode are left'; exit 1; }}
""", limit=120, about=(machine.name,))
