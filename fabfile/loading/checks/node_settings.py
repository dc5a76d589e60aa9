"""Labels, taints and kubelet settings of single machines: which are allowed, and which are reserved for Kubernetes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fabfile.loading.draft import Draft, Wrong
from fabfile.rack.files import CLUSTER, HOSTS
from fabfile.rack.gpu import PRESENT, TAINT
from fabfile.rack.node_labels import CONTROL_PLANE, NO_ADDRESSES, OWN_LABELS, OWN_TAINTS

SETTINGS = ("labels", "taints", "gpu", "KubeletConfiguration")
ROLES_SAY = "roles: [control-plane] keeps pods off the machine, [control-plane, worker] allows them"


def only_members_have_them(draft: Draft) -> Iterator[Wrong]:
    for machine in draft.machines.values():
        for key in SETTINGS if not machine.is_member else ():
            if getattr(machine, key):
                yield Wrong(HOSTS, ("machines", machine.name, key), f"{machine.name} is not a node of the cluster",
                            "control planes and workers have these")


def labels_are_the_operators(draft: Draft) -> Iterator[Wrong]:
    for machine in draft.machines.values():
        for key in machine.labels:
            at = ("machines", machine.name, "labels", key)
            if key in OWN_LABELS:
                yield Wrong(HOSTS, at, "kubelet writes this label itself", "leave it out")
            elif key == CONTROL_PLANE or (key == NO_ADDRESSES and "control-plane" in machine.roles):
                yield Wrong(HOSTS, at, "the machine's roles say whether it has this label", ROLES_SAY)


def taints_are_the_operators(draft: Draft) -> Iterator[Wrong]:
    for machine in draft.machines.values():
        seen = set()
        for number, taint in enumerate(machine.taints):
            at = ("machines", machine.name, "taints", number)
            if taint.key in OWN_TAINTS:
                yield Wrong(HOSTS, (*at, "key"), "Kubernetes sets this taint by the node's state", "leave it out")
            elif taint.key == CONTROL_PLANE:
                yield Wrong(HOSTS, (*at, "key"), "the machine's roles say whether it has this taint", ROLES_SAY)
            elif (taint.key, taint.effect) in seen:
                yield Wrong(HOSTS, at, f"{taint.key} with {taint.effect} appears twice", "a node has it once")
            seen.add((taint.key, taint.effect))


def gpus_are_given_to_pods(draft: Draft) -> Iterator[Wrong]:
    """They are where pods run, and the node's label and taint are Coop's."""
    for machine in draft.machines.values():
        at = ("machines", machine.name)
        if not machine.is_member or not machine.gpu:
            continue
        if "worker" not in machine.roles:
            yield Wrong(HOSTS, (*at, "gpu"), f"{machine.name} takes no pods, so nobody could use its GPU",
                        "roles: [control-plane, worker] allows them")
        if PRESENT in machine.labels:
            yield Wrong(HOSTS, (*at, "labels", PRESENT), "`gpu` sets this label", "leave it out")
        for number, taint in enumerate(machine.taints):
            if (taint.key, taint.effect) == (TAINT.key, TAINT.effect):
                yield Wrong(HOSTS, (*at, "taints", number), f"`gpu` sets the taint {TAINT.text}", "leave it out")


def pods_have_a_place(draft: Draft) -> Iterator[Wrong]:
    """The cluster's own pods, such as CoreDNS, tolerate a control plane, and no taint of the operator's."""
    members = [machine for machine in draft.machines.values() if machine.is_member]
    if members and draft.whole and all(
            any(taint.effect != "PreferNoSchedule" for taint in machine.node_taints) for machine in members):
        yield Wrong(HOSTS, ("machines", members[-1].name, "taints"), "every machine of the cluster has a taint: its "
                    "own pods, such as DNS, could not be scheduled", "leave one without")


def taints_stand_at_machines(draft: Draft) -> Iterator[Wrong]:
    kubeadm = draft.cluster.kubeadm
    for name in ("InitConfiguration", "JoinConfiguration") if kubeadm else ():
        registration = getattr(kubeadm, name).get("nodeRegistration")
        if isinstance(registration, Mapping) and "taints" in registration:
            yield Wrong(CLUSTER, ("kubeadm", name, "nodeRegistration", "taints"),
                        "taints are kept for each machine", "write them in hosts.yaml: machines.NAME.taints")


ALL = (only_members_have_them, labels_are_the_operators, taints_are_the_operators, gpus_are_given_to_pods, pods_have_a_place,
       taints_stand_at_machines)
