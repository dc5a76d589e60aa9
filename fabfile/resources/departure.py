"""Nodes that leave the cluster, for a while or permanently: cordon, drain, delete."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote
from typing import ClassVar

from fabfile.upstream.paths import PKI

from .api_question import ADMIN
from .base import Change, Command, Resource
from .etcd_members import etcdctl, member_probe, member_removed

CORDON = "coop-cordon"  # an annotation of the node: its cordon is a procedure's, which takes it off again


@dataclass(frozen=True)
class Cordoned(Resource):
    """A node that gets no new pods for a while. Probed and changed on a control plane. Whose cordon it is stands
    on the node, so that one which somebody else made stays, and one that a killed run left is taken off."""

    lasting: ClassVar[bool] = False
    node: str

    @property
    def name(self) -> str:
        return f"node {self.node} cordoned"

    def probe(self) -> str:
        return _cordon(self.node)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if facts.strip():  # nothing: somebody's own cordon, which stays, or no such node
            node = quote(self.node)
            yield Change(f"{self.node} is schedulable, should be cordoned for now", (
                Command(f"{ADMIN} annotate --overwrite node {node} {CORDON}=yes\n{ADMIN} cordon {node}"),),
                alters=frozenset({f"cordon:{self.node}"}))


@dataclass(frozen=True)
class Uncordoned(Resource):
    """A node that gets new pods again, if it was a procedure that kept them off. Its API server may have been on the
    machine itself, and takes longer to come back than sshd."""

    node: str
    limit: float = 300.0  # seconds

    @property
    def name(self) -> str:
        return f"node {self.node} uncordoned"

    def probe(self) -> str:
        return f"{_cordon(self.node, ours=True)} || echo unknown"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if not facts.strip() and f"cordon:{self.node}" not in altered:
            return
        node, now = quote(self.node), "$(cut -d . -f 1 /proc/uptime)"
        yield Change(f"{self.node} is cordoned by Coop, should be uncordoned", (Command(
            f"until=$(({now} + {self.limit - 30:.0f}))\n"
            f"until said=$({_cordon(self.node, ours=True)} 2>&1); do\n"
            f'[ "{now}" -lt $until ] || {{ echo "$said"; exit 1; }}; sleep 2; done\n'
            f'[ -n "$said" ] || exit 0\n'
            f"{ADMIN} uncordon {node}\n{ADMIN} annotate node {node} {CORDON}-",
            limit=self.limit, shown=f"kubectl uncordon {self.node}"),))


def _cordon(node: str, ours: bool = False) -> str:
    """Shell text that prints something where a node is to be withdrawn: it has no cordon, or a procedure's. `ours`:
    where a procedure has withdrawn it. Fails when the API server does not answer, and prints why not."""
    condition = '*yes) echo ours' if ours else "''|yes|trueyes) echo open"
    return (f"found=$({ADMIN} --request-timeout=10s get node {quote(node)} --ignore-not-found "
            f"-o 'jsonpath={{.metadata.name}} {{.spec.unschedulable}}{{.metadata.annotations.{CORDON}}}' 2>&1) || "
            f'{{ printf "%s\\n" "$found"; false; }} && {{ [ -z "$found" ] || case ${{found#* }} in {condition} ;; esac; }}')


@dataclass(frozen=True)
class Drained(Resource):
    """A node without pods, but for those of DaemonSets and its own. A node that is not there is drained.

    With `force`, pods that nobody brings back elsewhere end too; without, kubectl refuses them. Budgets of
    disruption are honoured in both cases.
    """

    lasting: ClassVar[bool] = False
    node: str
    force: bool = False
    limit: float = 600.0  # seconds

    @property
    def name(self) -> str:
        return f"node {self.node} drained"

    def probe(self) -> str:
        return (f"{ADMIN} get node {quote(self.node)} --ignore-not-found "
                "-o 'jsonpath=node {.spec.unschedulable}{\"\\n\"}' || exit\n"
                f"{ADMIN} get pods -A --field-selector spec.nodeName={quote(self.node)} {POD_LINES}")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        head, _, rest = facts.partition("\n")
        pods = movable(rest)
        if not head.startswith("node") or (head == "node true" and not pods):
            return
        force = " --force" if self.force else ""
        what = f"has {len(pods)} pods to evict" if pods else "is schedulable"
        yield Change(f"{self.node} {what}", (Command(
            f"{ADMIN} drain {quote(self.node)} --ignore-daemonsets --delete-emptydir-data{force} "
            f"--timeout={self.limit:.0f}s", long=True, limit=self.limit + 30),), interrupts=self._interrupts(pods))

    def _interrupts(self, pods: list[Pod]) -> str:
        lost = [f"{pod.namespace}/{pod.name}" for pod in pods if not pod.owner]
        moved = len(pods) - len(lost)
        told = [f"ends {', '.join(lost)}"] if lost else []
        return f"{self.node} is drained: {'; '.join([*told, f'{moved} pods move to other nodes'])}" if pods else ""


@dataclass(frozen=True)
class ServersEnded(Resource):
    """No pod is left on the node that nobody would start again: users' servers are waited for, `limit` seconds at most.
    Probed and asked on a control plane, when the node gets no new pods any more."""

    lasting: ClassVar[bool] = False
    node: str
    limit: float

    @property
    def name(self) -> str:
        return f"servers on {self.node} ended"

    def probe(self) -> str:
        return f"{pods_on(self.node)} || echo unknown"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        lost = [f"{pod.namespace}/{pod.name}" for pod in movable(facts) if not pod.owner]
        lost += ["what could not be asked for"] if "unknown" in facts.splitlines() else []
        if lost:
            script = (f"now() {{ cut -d . -f 1 /proc/uptime; }}; until=$(($(now) + {self.limit:.0f}))\n"
                      f"until left=$({pods_on(self.node)} 2>&1) && left=$(printf '%s\\n' \"$left\" |\n"
                      "  awk '$3 == \"/\" && $4 !~ /Succeeded|Failed/ { print $1 \"/\" $2 }') && [ -z \"$left\" ]; do\n"
                      '[ "$(now)" -lt $until ] || { echo "still there:" $left >&2; exit 1; }; sleep 5; done')
            yield Change(f"{', '.join(lost)} on {self.node} should end", (
                Command(script, long=True, limit=self.limit + 60, shown=f"wait until {', '.join(lost)} ended"),))


@dataclass(frozen=True)
class NodeDeleted(Resource):
    """A node that the cluster does not know any more, nor its etcd: a member that never comes back still counts when the others vote.

    `dead`: its machine is off, so its pods end without it. `etcd` is the node through whose etcd its member is removed; empty
    for one that held no control plane. `doubt`: why its machine may be on after all; its name is then typed.
    """

    node: str
    dead: bool = False
    etcd: str = ""
    pki: str = PKI
    doubt: str = ""

    @property
    def name(self) -> str:
        return f"node {self.node} deleted"

    def probe(self) -> str:
        known = f"{ADMIN} get node {quote(self.node)} --ignore-not-found -o name || exit"
        return f"{known}\n{etcdctl(self.etcd, self.pki)}\n{member_probe(self.node)}" if self.etcd else known

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        lines = facts.splitlines()
        known, member = any(line.startswith("node/") for line in lines), any(line.startswith("member ") for line in lines)
        commands, told, lost = [], [], []
        if member:
            commands.append(Command(f"{etcdctl(self.etcd, self.pki)}\n{member_removed(self.node)}",
                                    shown=f"etcdctl member remove {self.node}"))
            told.append(f"etcd has a member {self.node}")
            lost.append("its member of etcd is removed")
        if known:
            commands.append(Command(f"{ADMIN} delete node {quote(self.node)} --timeout=60s", limit=90))
            told.append(f"the cluster knows a node {self.node}")
            lost.append("its pods are deleted, and start elsewhere if somebody starts them")
        if known and self.dead:
            # nobody is left to say that they have ended, and volumes wait for that word
            commands.append(Command(
                f"{ADMIN} get pods -A --field-selector spec.nodeName={quote(self.node)} --no-headers |\n"
                "while read -r namespace pod rest; do\n"
                f"  {ADMIN} -n \"$namespace\" delete pod \"$pod\" --force --grace-period=0 --wait=false\n"
                "done"))
        if commands:
            yield Change(", and ".join(told), tuple(commands), interrupts=self._interrupts(lost) if self.dead else "",
                         typed=self.node if self.doubt else "")

    def _interrupts(self, lost: list[str]) -> str:
        return (f"{self.node} is taken to be off: {'; '.join(lost)}; what still runs there is not stopped"
                + (f". But {self.doubt}" if self.doubt else ""))


POD_LINES = ("-o 'jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name} "
             "{.metadata.ownerReferences[0].kind}/{.metadata.ownerReferences[0].name} "
             "{.status.phase}{\"\\n\"}{end}'")


def pods_on(node: str) -> str:
    """Shell text that asks for the pods of a node, for `movable`."""
    return f"{ADMIN} --request-timeout=20s get pods -A --field-selector spec.nodeName={quote(node)} {POD_LINES}"


@dataclass(frozen=True)
class Pod:
    """A pod on a node, and who made it: "ReplicaSet/proxy-6d5f"; empty for one that nobody brings back."""

    namespace: str
    name: str
    owner: str


def movable(lines: str) -> list[Pod]:
    """The pods of POD_LINES that a drain moves or ends."""
    pods = []
    for line in lines.split("\n"):
        words = line.split(" ")
        if len(words) == 4 and words[3] not in ("Succeeded", "Failed") \
                and not words[2].startswith(("DaemonSet/", "Node/")):
            pods.append(Pod(words[0], words[1], words[2].strip("/")))
    return pods
