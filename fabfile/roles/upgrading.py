"""A member on its way to the rack's version of Kubernetes: kubeadm, what kubeadm makes, then kubelet; and the checks."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.rack import Machine, Rack
from fabfile.rack.cluster import API_PORT
from fabfile.resources import Check, Packages, Resource, RunsItsProgram
from fabfile.resources.api_question import ADMIN, ready
from fabfile.resources.kubeadm_upgrade import COMPONENTS, KubeadmUpgraded
from fabfile.roles.membership_checks import mesh_is_established, nodes_are_ready
from fabfile.roles.pod_traffic import pods_reach_everything
from fabfile.roles.programs import kubernetes_programs, kubernetes_repository
from fabfile.roles.runtime import runtime
from fabfile.roles.settings import kubelet_answers, patches_of, registration
from fabfile.roles.settings_checks import kubelet_reports


def kubeadm_program(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """kubeadm alone, from the repository of its minor: it upgrades what is there before kubelet follows."""
    yield kubernetes_repository(rack, machine)
    yield Packages(kubernetes_programs(rack, "kubeadm"), hold=("kubeadm",))


def by_kubeadm(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """The member's static pods, certificates and kubelet settings, as the new kubeadm writes them."""
    joined = registration(rack, machine)
    plane = machine in rack.control_planes
    words = ""
    if plane and len(rack.control_planes) == 1:
        words = "the API is not available for up to three minutes while etcd and the API server restart, pods keep running"
    elif plane:
        words = f"the API server and etcd of {machine.name} restart; the others answer meanwhile"
    yield KubeadmUpgraded(
        machine.name, rack.versions.kubernetes.version, machine is rack.leader, plane,
        tuple(map(str, joined["nodeRegistration"].get("ignorePreflightErrors") or ())),
        patches_of(joined), words)


def kubelet_program(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """kubelet and kubectl, and the runtime's settings that follow from the version; kubelet runs the new program."""
    programs = kubernetes_programs(rack, "kubectl", "kubelet")
    yield Packages(programs, hold=tuple(programs), interrupts=f"kubelet restarts on {machine.name}")
    yield from runtime(rack, machine)
    yield RunsItsProgram("kubelet.service", "kubelet", kubelet_answers(rack, machine) or ":")


def control_plane_is_new(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """The API server on each is ready, and of the version; so are the other components' containers."""
    version = rack.versions.kubernetes.version
    for machine in machines:
        if machine not in rack.control_planes:
            continue
        server = f"{machine.address()}:{API_PORT}"
        yield Check(f"the API server of {machine.name} is ready", machine.name,
                    f"{ready(server)} 2>&1 || {{ echo 'it is not'; exit 1; }}", limit=300, about=(machine.name,))
        yield Check(f"the control plane of {machine.name} runs {version}", machine.name, f"""
for name in {' '.join(COMPONENTS)}; do
  image=$({ADMIN} --request-timeout=10s -n kube-system get pod "$name-{machine.name}" -o \
    'jsonpath={{.spec.containers[0].image}} {{.status.containerStatuses[0].ready}}' 2>&1)
  case $image in *:v{version}\\ true) ;; *) echo "$name: $image"; exit 1 ;; esac
done
""", limit=300, about=(machine.name,), stage=1)


def member_is_new(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """Each kubelet reports at the version, each node is Ready, and every node works with every other."""
    version = rack.versions.kubernetes.version
    for machine in machines:
        yield kubelet_reports(machine)
        yield Check(f"kubelet on {machine.name} is {version}", rack.leader.name, f"""
found=$({ADMIN} --request-timeout=10s get node {machine.name} -o 'jsonpath={{.status.nodeInfo.kubeletVersion}}' 2>&1)
[ "$found" = v{version} ] || {{ echo "{machine.name}: $found"; exit 1; }}
""", limit=180, about=(machine.name,))
    yield nodes_are_ready(rack, machines)
    yield mesh_is_established(rack)
    yield pods_reach_everything(rack)
