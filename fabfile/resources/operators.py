"""What the rack's operators have in the cluster and at home: their rights, and the kubeconfig that kubectl reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from fabfile.upstream.paths import ADMIN_CONF

from .base import Change, Command, Resource

LABEL = "coop/operator"


@dataclass(frozen=True)
class OperatorRights(Resource):
    """These operators may do everything in the cluster, each by a binding of their own, and nobody else by one of Coop's.
    Probed and changed on a control plane."""

    users: tuple[str, ...]
    kubeconfig: str = ADMIN_CONF

    @property
    def name(self) -> str:
        return "rights of operators"

    @property
    def _kubectl(self) -> str:
        return f"kubectl --kubeconfig {quote(self.kubeconfig)}"

    def probe(self) -> str:
        rows = '{range .items[*]}{.metadata.name} {.roleRef.name} {.subjects[*].name}{"\\n"}{end}'
        return (f"[ ! -r {quote(self.kubeconfig)} ] || {self._kubectl} --request-timeout=10s get clusterrolebindings -l {LABEL} "
                f"-o {quote(f'jsonpath={rows}')} || :")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = dict(row.split(" ", 1) for row in facts.splitlines() if " " in row)
        wanted = {_binding(user): user for user in self.users}
        missing = [user for name, user in wanted.items() if found.get(name) != f"cluster-admin {user}"]
        if missing:
            objects = "\n".join(json.dumps(_object(user)) for user in missing)
            script = f"printf '%s\\n' {quote(objects)} | {self._kubectl} apply --server-side --force-conflicts --field-manager=coop -f-"
            yield Change(f"without rights in the cluster: {', '.join(missing)}",
                         (Command(script, shown="kubectl apply of their bindings"),))
        for name in found:
            if name not in wanted:
                user = name.removeprefix(_binding(""))
                yield Change(f"{user}, who is no operator, has rights in the cluster",
                             (Command(f"{self._kubectl} delete clusterrolebinding {quote(name)} --ignore-not-found"),),
                             interrupts=f"{user} can do nothing in the cluster any more")


def _binding(user: str) -> str:
    return f"coop-operator-{user.replace('_', '.')}"


def _object(user: str) -> dict[str, object]:
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": _binding(user), "labels": {LABEL: "yes"}},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]}


@dataclass(frozen=True)
class HomeKubeconfig(Resource):
    """A copy of a kubeconfig where the account's kubectl looks. Home and group are the account's own, wherever they
    are: it is read and written in the account's name, for root may write nothing to a home on a share."""

    user: str
    source: str

    @property
    def name(self) -> str:
        return f"kubeconfig of {self.user}"

    def probe(self) -> str:
        user, source = quote(self.user), quote(self.source)
        return (f"home=$(getent passwd -- {user} | cut -d : -f 6)\n"
                'if [ -z "$home" ]; then echo nobody\n'
                f'elif ! runuser -u {user} -- test -d "$home"; then echo "homeless $home"\n'
                f'elif [ -r {source} ] && runuser -u {user} -- cat -- "$home/.kube/config" 2>/dev/null | cmp -s - {source}\n'
                'then echo same; else echo "other $home"; fi')

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        state, _, home = facts.strip().partition(" ")
        if state in ("nobody", "homeless") or (state == "same" and f"file:{self.source}" not in altered):
            return  # a home that a first login makes gets it in the next run
        user = quote(self.user)
        inner = ('umask 077; mkdir -p -- "$1/.kube" && cd -- "$1/.kube" &&\n'
                 "{ [ ! -e config ] || [ -e config.former ] || cp -p config config.former; } &&\n"
                 "cat >config.coop && mv -f config.coop config")
        yield Change(f"{home or 'the home of ' + self.user}/.kube/config is not the operator's", (Command(
            f'home=$(getent passwd -- {user} | cut -d : -f 6)\nrunuser -u {user} -- sh -c {quote(inner)} sh "$home" <{quote(self.source)}',
            shown=f"write .kube/config of {self.user}, in its own name"),))
