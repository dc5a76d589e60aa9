"""What an upgrade of Kubernetes is refused for: rules over what was seen, each with what to do next. All are pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from fabfile.facts.etcd_majority import etcd_while_away
from fabfile.facts.upgrading import ClusterSeen, MemberSeen, NodeSeen
from fabfile.rack.versions import minor, numbers
from fabfile.resources.kubeadm_upgrade import COMPONENTS
from fabfile.upstream.chart_versions import allows

LEAST_DISK = 15  # percent free
KUBELET_SKEW = 3  # minors that a kubelet may be older than its API server
OWN_MANIFESTS = frozenset(f"{name}.yaml" for name in (*COMPONENTS, "etcd"))


@dataclass(frozen=True)
class Situation:
    """All that the rules look at."""

    target: str  # "1.37.2"
    cluster: ClusterSeen
    members: Mapping[str, MemberSeen]  # by name, those that answered
    unreachable: Mapping[str, str]  # name → why
    control_planes: tuple[str, ...]
    off: frozenset[str] = frozenset()  # meant to be off, by hosts.yaml
    ends_servers: bool = False  # pods without a controller may be ended, or are waited for
    unfit: Callable[[str, str], str] = lambda part, version: ""  # why this version of a part does not go with the target
    strangers: frozenset[str] = frozenset()  # of hosts.yaml, those that answered and are in no cluster
    names: frozenset[str] | None = None  # the nodes that are to be drained; None: all that an upgrade has not come to
    together: tuple[tuple[str, ...], ...] = ()  # the nodes that may be rebooted at the same time

    @property
    def planes(self) -> tuple[MemberSeen, ...]:
        return tuple(self.members[name] for name in self.control_planes if name in self.members)

    @property
    def versions(self) -> list[str]:
        """Of all control planes' components."""
        return [version for plane in self.planes for version in plane.components.values()]

    def node_is_done(self, node: NodeSeen) -> bool:
        """Its kubelet is of the target, and so is its control plane."""
        member = self.members.get(node.name)
        return node.kubelet == self.target and (member is None or (not member.begun and all(
            version == self.target for version in member.components.values())))

    @property
    def has_begun(self) -> bool:
        """Whether an upgrade to the target has come to a member's control plane or kubelet."""
        return (self.target in self.versions or any(member.begun for member in self.members.values())
                or any(node.kubelet == self.target for node in self.cluster.nodes))

    @property
    def to_do(self) -> tuple[NodeSeen, ...]:
        """The nodes that the upgrade, or whatever drains them, still has to come to."""
        return tuple(node for node in self.cluster.nodes if (
            node.name in self.names if self.names is not None else node.name not in self.off and not self.node_is_done(node)))


Rule = Callable[[Situation], Iterator[str]]


def refusals(now: Situation, rules: Iterable[Rule] | None = None) -> list[str]:
    """Why it must not begin, or go on; empty when it may. `rules`: those of an upgrade, unless others are given."""
    if now.cluster.failed:
        return [f"the cluster could not be asked for its {name}: {why}" if name != "ready" else f"the cluster does not answer: {why}"
                for name, why in sorted(now.cluster.failed.items())]
    return [sentence for rule in rules or RULES for sentence in rule(now)]


def everything_was_seen(now: Situation) -> Iterator[str]:
    for name, why in now.unreachable.items():
        yield f"{name} cannot be reached ({why}): repair it, or remove it: inv node.remove {name} --dead"
    known = {node.name for node in now.cluster.nodes}
    for name, member in now.members.items():
        if name not in known:
            yield f"{name} is a member by its files, and the cluster has no such node: inv cluster.bootstrap"
        elif not member.kubelet:
            yield f"{name} has no package kubelet: inv cluster.bootstrap"
    for name in now.control_planes:
        if name in now.off:
            yield f"hosts.yaml expects {name}, a control plane, to be off: it would be left behind, and etcd lacks a member"
        elif name in now.members and set(now.members[name].components) != set(COMPONENTS):
            yield (f"{name} has no manifests of {', '.join(sorted(set(COMPONENTS) - set(now.members[name].components)))} "
                   "in /etc/kubernetes/manifests")
    for node in now.cluster.nodes:
        if node.name not in now.members and node.name not in now.unreachable and node.name not in now.off:
            yield f"{node.name} is a node, and not in hosts.yaml: add it there, or delete the node"


def all_have_joined(now: Situation) -> Iterator[str]:
    """A newcomer joins at the version that the cluster has."""
    for name in sorted(now.strangers if now.names is None else now.strangers & now.names):
        former = " (with the former kubernetes.version)" if now.names is None else ""
        yield f"{name} is in hosts.yaml and in no cluster: inv node.add {name}{former}, or `expect: off` there"


def one_minor_at_a_time(now: Situation) -> Iterator[str]:
    if not now.versions:
        return
    lowest, highest = min(now.versions, key=numbers), max(now.versions, key=numbers)
    if numbers(now.target) < numbers(max(highest, now.cluster.configured or highest, key=numbers)):
        yield (f"the cluster runs {highest}, and configs/versions.yaml says {now.target}: a cluster is not downgraded; put "
               f"{highest} back there")
    major, number = numbers(lowest)[:2]
    if numbers(now.target)[:2] > (major, number + 1):
        yield f"the cluster runs {lowest}: upgrade to a version of {major}.{number + 1} first, minors are not skipped"


def kubelets_are_in_bounds(now: Situation) -> Iterator[str]:
    for node in now.cluster.nodes:
        if not node.kubelet:
            continue
        if numbers(node.kubelet) > numbers(now.target):
            yield (f"kubelet on {node.name} is {node.kubelet}, newer than {now.target}: with the former kubernetes.version, "
                   "inv cluster.bootstrap puts it back")
        if numbers(now.target)[1] - numbers(node.kubelet)[1] > KUBELET_SKEW:
            yield (f"kubelet on {node.name} is {node.kubelet}: at most {KUBELET_SKEW} minors older than the API server are "
                   f"supported; remove the node: inv node.remove {node.name}")


def nodes_are_ready(now: Situation) -> Iterator[str]:
    """But for the one that an upgrade was cut short at."""
    for node in now.cluster.nodes:
        begun = node.cordoned_by_us or (node.name in now.members and now.members[node.name].begun)
        if not node.ready and node.name not in now.off and not begun:
            yield f"{node.name} is not Ready: inv node.status {node.name}"


def etcd_is_well(now: Situation) -> Iterator[str]:
    for plane in now.planes:
        if plane.etcd:
            yield f"etcd on {plane.name} is not healthy: {plane.etcd}"
        for alarm in plane.alarms:
            yield f"etcd on {plane.name} has the alarm {alarm}: etcdctl alarm list"
        for state, name in plane.etcd_members:
            if state != "started":
                yield f"etcd's member {name or '(without a name)'} is {state}, says {plane.name}"
            elif name not in now.control_planes:
                yield (f"etcd has a member {name} that is no control plane of hosts.yaml: inv node.remove {name} --dead, with its lines "
                       "in hosts.yaml put back meanwhile")


def etcd_keeps_its_majority(now: Situation) -> Iterator[str]:
    """Also where a control plane is meant to be off, which nobody has asked."""
    well = {plane.name for plane in now.planes if not plane.etcd}
    yield from etcd_while_away(now.together, {name: name in well for plane in now.planes for _, name in plane.etcd_members})


def disks_have_room(now: Situation) -> Iterator[str]:
    """On the members that are still to be worked on."""
    names = {node.name for node in now.to_do}
    for member in now.members.values():
        for mount, free in member.disks.items():
            if free < LEAST_DISK and member.name in names:
                yield f"{mount} on {member.name} has {free} % free, less than {LEAST_DISK} %: inv node.status {member.name}"


def manifests_are_kubeadms(now: Situation) -> Iterator[str]:
    """kubelet runs every file there: of a copy beside the original, either may win."""
    for member in now.members.values():
        allowed = OWN_MANIFESTS if member.name in now.control_planes else frozenset()
        for name in member.manifests:
            if name not in allowed:
                yield (f"/etc/kubernetes/manifests/{name} on {member.name} is none of kubeadm's, and kubelet runs it: move it "
                       "out of that folder")


def parts_go_together(now: Situation) -> Iterator[str]:
    for version in sorted({node.containerd for node in now.to_do if node.containerd}):
        if why := now.unfit("containerd", version):
            where = ", ".join(node.name for node in now.to_do if node.containerd == version)
            yield f"{where} {'runs' if ',' not in where else 'run'} containerd {version}: {why}. {_FIRST}"
    if now.cluster.calico and (why := now.unfit("calico", now.cluster.calico)):
        yield f"the pod network is Calico {now.cluster.calico}: {why}. {_FIRST}"
    for release, wants in now.cluster.releases.items():
        if wants and not allows(wants, now.target):
            yield f"the chart of {release} names Kubernetes {wants}: upgrade it first (inv hub.upgrade, inv service.upgrade)"


_FIRST = "Upgrade that first, with the former kubernetes.version: inv cluster.bootstrap"


def no_removed_interface_is_used(now: Situation) -> Iterator[str]:
    told = set()
    for plane in now.planes:
        for labels in plane.deprecated:
            gone = labels.get("removed_release", "")
            name = f"{labels.get('resource', '')}.{labels.get('version', '')}.{labels.get('group', '')}".rstrip(".")
            if gone and numbers(gone) <= numbers(minor(now.target)) and name not in told:
                told.add(name)
                yield (f"somebody asks for {name}, which {gone} does not have any more: find who (the API server's audit log "
                       "names users), and have it ask for a newer version")


def drains_can_end(now: Situation) -> Iterator[str]:
    names = {node.name for node in now.to_do}
    if not names:
        return
    for budget in now.cluster.budgets:
        if budget.never:
            yield (f"the PodDisruptionBudget {budget.name} never allows an eviction: {budget.healthy} of {budget.expected} pods "
                   "must stay; start more of them, or change it")
    for node, said in now.cluster.undrainable:
        # a budget that has no room at this moment may have some later: the drain waits for it
        if node in names and "disruption budget" not in said and "timeout" not in said:
            yield f"{node} cannot be drained: {said}"
    if not now.ends_servers:
        for node in sorted(names):
            lost = [pod.words for pod in now.cluster.pods if pod.node == node and not pod.owner]
            if lost:
                yield (f"nobody would start these again after {node} is drained: {', '.join(lost)}; wait until they end, let "
                       "the task wait (--wait 2h), or end them (--force)")


RULES = (everything_was_seen, all_have_joined, one_minor_at_a_time, kubelets_are_in_bounds, nodes_are_ready, etcd_is_well,
         etcd_keeps_its_majority, disks_have_room, manifests_are_kubeadms, parts_go_together, no_removed_interface_is_used, drains_can_end)
# of any work that drains nodes
OF_DRAINS = (all_have_joined, nodes_are_ready, etcd_is_well, etcd_keeps_its_majority, disks_have_room, drains_can_end)
