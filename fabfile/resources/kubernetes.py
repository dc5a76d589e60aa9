"""Kubernetes objects, and the operators' kubeconfig."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from fabfile.programs import shell
from fabfile.upstream.paths import ADMIN_CONF

from . import parts, writing
from .base import Change, Command, RemoteValue, Resource
from .file import FileFacts, permission_changes


@dataclass(frozen=True)
class KubernetesObjects(Resource):
    """What a kustomization on the machine describes, by server-side apply; what differs is the server's own
    word.

    `files` are the paths that earlier resources write into the directory: when one is about to be altered,
    what will differ is known only after it. Every object bears the label coop/set with the value `mark`; `objects`
    are all of the set, where the rack knows them ("StorageClass homes"). PrunedObjects looks for others. `then` is run each
    time that they were applied.
    """

    set_name: str
    directory: str
    files: tuple[str, ...] = ()
    kubeconfig: str = ADMIN_CONF
    mark: str = ""
    objects: tuple[str, ...] = ()
    then: Command | None = None

    @property
    def name(self) -> str:
        return f"Kubernetes objects {self.set_name}"

    @property
    def _kubectl(self) -> str:
        return f"kubectl --kubeconfig {quote(self.kubeconfig)}"

    @property
    def _what(self) -> str:
        return f"--server-side --force-conflicts --field-manager=coop -k {quote(self.directory)}"

    def probe(self) -> str:
        kustomization = quote(f"{self.directory}/kustomization.yaml")
        return (
            f"if [ ! -r {quote(self.kubeconfig)} ] || [ ! -r {kustomization} ] ||\n"
            "  ! command -v kubectl >/dev/null; then echo absent\n"
            "else s=0\n"
            f"  d=$({self._kubectl} --request-timeout=20s diff --concurrency=8 {self._what} 2>&1) || s=$?\n"
            "echo \"exit $s\"; printf '%s\\n' \"$d\"; fi"
        )

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        head, _, said = facts.partition("\n")
        said = said.strip("\n")
        waiting = [path for path in self.files if f"file:{path}" in altered]
        if head == "exit 0" and not waiting:
            return
        if waiting:
            what, diff = f"the objects of {self.set_name} follow {', '.join(waiting)}", ""
        elif head == "exit 1" and (names := _objects(said)):
            what, diff = f"the objects of {self.set_name} differ: {', '.join(names)}", said
        elif head == "absent":
            what, diff = f"the objects of {self.set_name} are not in a cluster yet", ""
        else:
            reason = said.split("\n")[-1]
            what, diff = f"the objects of {self.set_name} could not be compared ({reason})", ""
        shown = f"kubectl apply --server-side -k {self.directory}"
        script = shell("apply", kubeconfig=self.kubeconfig, folder=self.directory)
        apply = Command(script, long=True, limit=300.0, shown=shown)
        yield Change(what, (apply, self.then) if self.then else (apply,), diff=diff)


def _objects(diff: str) -> list[str]:
    """"DaemonSet kube-system/calico-node" for each file of kubectl's diff: GROUP.VERSION.KIND.NAMESPACE.NAME,
    where a core object has no group, a cluster's own no namespace, and group and name may hold dots. The kind
    alone begins with a capital letter."""
    found = []
    for path in re.findall(r"^\+\+\+ \S*/(\S+)", diff, re.MULTILINE):
        kind = re.search(r"([A-Z]\w*)\.([^.]*)\.(.*)", path)
        found.append(f"{kind[1]} {kind[2]}{'/' if kind[2] else ''}{kind[3]}" if kind else path)
    return found


@dataclass(frozen=True)
class Kubeconfig(Resource):
    """A client's own kubeconfig, made on a control plane; it works, and will for `days` days at least.

    The certificate says who it is, and belongs to no group: what the client may do is a binding in the cluster, which can
    be taken back. A certificate cannot.
    """

    path: str
    client: str
    machine: str
    server: str
    owner: str = "root"
    group: str = "root"
    days: int = 30

    @property
    def name(self) -> str:
        return f"kubeconfig {self.path}"

    def probe(self) -> str:
        here = quote(self.path)
        return parts.probe(
            f"if [ -f {here} ]; then stat -c 'file %a %U %u %G %g' -- {here}\n"
            f"elif [ -e {here} ]; then echo 'no file'; else echo absent; fi",
            f"[ ! -f {here} ] || {{ sed -n 's/^ *server: //p' {here}\n"
            f"if sed -n 's/^ *client-certificate-data: //p' {here} | base64 -d 2>/dev/null |\n"
            f"  openssl x509 -noout -checkend {self.days * 24 * 3600} >/dev/null 2>&1\n"
            f"then ! sed -n 's/^ *client-certificate-data: //p' {here} | base64 -d | openssl x509 -noout -subject | "
            "grep -q 'O *= *kubeadm:cluster-admins' && echo lasting || echo grouped; else echo ending; fi\n"
            f"! command -v kubectl >/dev/null || kubectl --kubeconfig {here} --request-timeout=5s get --raw /version"
            " 2>&1 >/dev/null | tail -n 1; }",
        )

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        kept, look = parts.facts(facts, 2)
        found = FileFacts(kept)
        server, lasting, *answer = [*(look.strip("\n") + "\n").split("\n")[:3], ""]
        refused = [word for word in ("Unauthorized", "x509", "Forbidden", "error loading config")
                   if any(word in line for line in answer)]
        if found.kind != "file":
            what = f"{self.path} is {found.kind}"
        elif server != self.server:
            what = f"{self.path} names the server {server or '(none)'}, should be {self.server}"
        elif lasting == "grouped":
            what = f"the certificate in {self.path} is one of the group of administrators, which nobody can take back"
        elif lasting != "lasting":
            what = f"the certificate in {self.path} expires within {self.days} days"
        elif refused:
            what = f"the cluster refuses {self.path}: {answer[0]}"
        else:
            yield from permission_changes(self.path, found, self.owner, self.group, 0o600)
            return
        written = ("printf '%s\\n' \"$kubeconfig\" | "
                   + f"sed {quote(f's|^( *server: ).*|{chr(92)}1{self.server}|')} -E")
        script = writing.put(self.path, written, owner=self.owner, group=self.group, mode=0o600,
                             check="grep -q client-key-data {}")
        yield Change(what, (Command(script, shown=f"write {self.path} (mode 0600)"),),
                     remote_values=(self._borrowed(),), alters=frozenset({f"file:{self.path}"}))

    def _borrowed(self) -> RemoteValue:
        obtain = (
            f"kubectl --kubeconfig {ADMIN_CONF} -n kube-system get configmap kubeadm-config "
            "-o 'jsonpath={.data.ClusterConfiguration}' |\n"
            f"kubeadm kubeconfig user --config /dev/stdin --client-name {quote(self.client)} "
            "--validity-period 8760h 2>/dev/null"
        )
        return RemoteValue("kubeconfig", self.machine, obtain,
                        f"a certificate of a year for {self.client}, made on {self.machine}")
