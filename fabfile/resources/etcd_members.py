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


def member_probe(member: str) -> str:
    """Shell text behind `etcdctl`: a line "member ID" if there is one of this name. It ends the shell where etcd does not answer."""
    return f"{_found(member)}\n[ -z \"$ids\" ] || printf 'member %s\\n' $ids"


def member_removed(member: str) -> str:
    """Shell text behind `etcdctl`: the member of this name is removed, if there is one."""
    return f"{_found(member)}\nfor id in $ids; do etcdctl member remove \"$id\" || exit; done"


def _found(member: str) -> str:
    return ("members=$(etcdctl member list) || exit\n"
            f"ids=$(printf '%s\\n' \"$members\" | sed -n 's/^\\([0-9a-f]*\\), [a-z]*, {member}, .*/\\1/p')")
