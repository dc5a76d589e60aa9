"""The rack's operators: their accounts on every machine, kubectl on rooster, and what each may do in the cluster."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.rack import Machine, Rack
from fabfile.resources import (
    AuthorizedKeys,
    Directory,
    File,
    Group,
    HomeKubeconfig,
    Kubeconfig,
    NoFormerAccounts,
    OperatorRights,
    Packages,
    Resource,
    User,
)
from fabfile.roles.programs import held, kubernetes_programs, kubernetes_repository
from fabfile.upstream.paths import OPERATORS, operators_kubeconfig

GROUP = "coop-operators"
SUDOERS = "/etc/sudoers.d/coop-operators"


def accounts(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """The accounts of operators.yaml, their keys and sudo; those that left the file are gone."""
    yield Packages({"sudo": None})
    yield Group(GROUP)
    yield File(SUDOERS, f"%{GROUP} ALL=(ALL:ALL) NOPASSWD: ALL\n", mode=0o440, check="visudo -c -q -f {}")
    for name, account in rack.operators.items():
        yield User(name, (GROUP,), shell=account.shell or "", uid=account.uid)
        yield AuthorizedKeys(name, account.authorized_keys)
    yield NoFormerAccounts(GROUP, tuple(rack.operators), (operators_kubeconfig("NAME"),))


def operator_rights(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """On a control plane."""
    yield OperatorRights(operators_of(rack))


def operators(rack: Rack, machine: Machine, days: int = 30) -> Iterator[Resource]:
    """On rooster: kubectl, and for each operator a certificate of their own, no copy of admin.conf: who did what stays
    visible in audits. Coop asks the cluster with the one of the operator who runs it. `days`: how long it is good for."""
    yield kubernetes_repository(rack, machine)
    yield from held(kubernetes_programs(rack, "kubectl"))
    yield Directory(OPERATORS, mode=0o700)
    for user in operators_of(rack):
        path = operators_kubeconfig(user)
        yield Kubeconfig(path, client=user, machine=rack.leader.name, server=f"https://{rack.cluster.endpoint_address}", days=days)
        yield HomeKubeconfig(user, path)


def operators_of(rack: Rack) -> tuple[str, ...]:
    """Everybody who may change the cluster: those of operators.yaml, and the account that this run logs in with."""
    return tuple(dict.fromkeys([rack.operator.user, *rack.operators]))


def kubeconfig(rack: Rack) -> str:
    """Where the one lies on rooster that this run asks the cluster with."""
    return operators_kubeconfig(rack.operator.user)
