"""The members of a cluster's etcd: asked and removed through that of one control plane."""

from __future__ import annotations

from shlex import quote

from .api_question import ADMIN


def etcdctl(node: str, pki: str) -> str:
    """Shell text, for a control plane, that defines `etcdctl`: in the pod of this node's etcd, with its own certificates."""
    folder = quote(f"{pki}/etcd")
    return (f"etcdctl() {{ {ADMIN} -n kube-system exec etcd-{node} -- etcdctl "
            f"--endpoints=https://127.0.0.1:2379 --cacert={folder}/ca.crt --cert={folder}/server.crt "
            f"--key={folder}/server.key \"$@\"; }}")


def member_removed(member: str) -> str:
    """Shell text behind `etcdctl`: the member of this name is removed, if there is one."""
    return ("members=$(etcdctl member list)\n"
            "for id in $(printf '%s\\n' \"$members\" |"
            f" sed -n 's/^\\([0-9a-f]*\\), [a-z]*, {member}, .*/\\1/p')\n"
            "do etcdctl member remove \"$id\"; done")
