"""Cluster membership: kubeadm init, kubeadm join, and kubeadm reset.

A mark on the machine tells how far it went: `begun` before kubeadm starts, `finished` when it has ended well.
What was begun and not finished is reset and done again. What was once finished is never reset, however broken
it looks: a person decides that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from shlex import quote
from typing import ClassVar

from fabfile.programs import shell
from fabfile.upstream.paths import ADMIN_CONF, CRI_SOCKET, ETCD, PKI

from . import writing
from .api_question import ADMIN, KUBELET_ASKS
from .base import Change, Command, RemoteValue, Resource, refusal
from .etcd_members import etcdctl, member_removed
from .kubeadm_upgrade import MARK

_BEGUN, _FINISHED = "/var/lib/coop/kubeadm.begun", "/var/lib/coop/kubeadm.finished"
_TRACES = {
    "begun": _BEGUN,
    "finished": _FINISHED,
    "kubelet": "/etc/kubernetes/kubelet.conf",
    "admin": ADMIN_CONF,
    "apiserver": "/etc/kubernetes/manifests/kube-apiserver.yaml",
}

# What the cluster says when the kubelet asks for its own node: "node 200 0", curl's code behind the answer's.
_ASKED = f"""
if [ -r /etc/kubernetes/kubelet.conf ] && command -v curl >/dev/null; then
  {KUBELET_ASKS}
  a=$(curl -s --max-time 5 -o /dev/null -w '%{{http_code}}' --cacert "$ca" \
    --cert /var/lib/kubelet/pki/kubelet-client-current.pem "$s/api/v1/nodes/"@NODE@); echo "node $a $?"
fi
""".strip()
_STRANGER = 60  # curl: the server's certificate is of another CA


def _traces(etcd: str) -> dict[str, str]:
    """Where a membership leaves traces; `etcd` is the folder of its data, empty for an etcd that is elsewhere."""
    return {**_TRACES, **({"etcd": f"{etcd}/member"} if etcd else {})}


def probe_of_traces(etcd: str) -> str:
    """Shell text that prints a word for each trace that is there."""
    return "\n".join(f"[ ! -e {quote(path)} ] || echo {word}" for word, path in _traces(etcd).items())


@dataclass(frozen=True)
class ControlPlane(Resource):
    """The machine where the cluster is made. `config` is what kubeadm reads, all documents of it.

    A cluster that is there is not made again, and its settings are not changed by this.
    """

    config: str
    node: str
    others: tuple[str, ...] = ()  # ADDRESS:PORT of the rack's other API servers: one that answers has the cluster
    socket: str = CRI_SOCKET
    etcd: str = ETCD  # the folder of its data; empty: the cluster's etcd is elsewhere
    pki: str = PKI
    path: ClassVar[str] = "/etc/kubernetes/kubeadm-init.yaml"

    @property
    def name(self) -> str:
        return f"control plane on {self.node}"

    def probe(self) -> str:
        probe = probe_of_traces(self.etcd)
        if self.etcd:
            probe += f"\n[ ! -e {quote(f'{self.etcd}/lost+found')} ] || echo mount"
        if not self.others:
            return probe
        return (f"{probe}\n[ -e {ADMIN_CONF} ] || ! command -v curl >/dev/null ||\n"
                f"  for server in {' '.join(map(quote, self.others))}; do\n"
                '    ! curl -sk --max-time 3 -o /dev/null "https://$server/version" || echo "elsewhere $server"\n'
                "  done")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        traces, elsewhere, server = facts.partition("elsewhere ")
        found, paths = set(traces.split()), _traces(self.etcd)
        mount, whole = "mount" in found, {"admin", "apiserver", "kubelet"} | ({"etcd"} if self.etcd else set())
        found -= {"mount"}
        if whole <= found and "begun" not in found:
            return
        if "finished" in found:
            lost = ", ".join(paths[word] for word in sorted(whole - found))
            yield _refusal(f"{self.node} holds the cluster, but {lost or 'part of it'} is gone",
                           "restore it from a backup; nothing is reset")
            return
        if elsewhere:
            yield _refusal(f"{self.node} holds no cluster, but {server.split()[0]} serves one: a second one would be created",
                           f"name a machine that holds it before {self.node} in hosts.yaml, then "
                           f"`inv node.add {self.node}`")
            return
        if found and "begun" not in found:
            yield _remains(self.node, found, paths)
            return
        if mount:
            yield _refusal(f"etcd's folder {self.etcd} is the top of a file system (it has lost+found), and kubeadm wants it empty",
                           f"name a folder below it in cluster.yaml: etcd.local.dataDir: {self.etcd}/data")
            return
        config = quote(self.path)
        commands = [Command(
            writing.put(self.path, writing.text_of(self.config.encode()), mode=0o600,
                        check="kubeadm config validate --config {}"),
            shown=f"write {self.path} (mode 0600), checked by kubeadm config validate")]
        if found:
            commands.append(reset_by_kubeadm(self.socket, self.pki))
        commands += [
            Command(f"kubeadm config images pull --config {config}", long=True, limit=1200.0),
            marked(f"kubeadm init --config {config} --skip-token-print", limit=900.0),
        ]
        what = f"an init on {self.node} did not finish" if found else f"there is no cluster on {self.node}"
        yield Change(what, tuple(commands), alters=ALTERED)


@dataclass(frozen=True)
class Member(Resource):
    """A machine that joins the cluster made on `control_plane`.

    `config` is what kubeadm reads, with TOKEN and CA_HASH (and, for one more control plane, CERTIFICATE_KEY) in
    the places of what is made at the moment of the join, held in memory, and void afterwards.
    """

    config: str
    node: str
    control_plane: str
    socket: str = CRI_SOCKET
    etcd: str = ETCD
    pki: str = PKI  # also on that control plane
    TOKEN: ClassVar[str] = "@TOKEN@"
    CA_HASH: ClassVar[str] = "@CA_HASH@"
    CERTIFICATE_KEY: ClassVar[str] = "@CERTIFICATE_KEY@"

    @property
    def name(self) -> str:
        return f"membership of {self.node}"

    def probe(self) -> str:
        return f"{probe_of_traces(self.etcd)}\n{_ASKED.replace('@NODE@', quote(self.node))}"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        traces, _, answer = facts.partition("node ")
        found = set(traces.split())
        if "kubelet" in found and "begun" not in found:
            yield from self._known(*answer.split())
            return
        if "finished" in found:
            yield self._removed_by_hand(f"{self.node} is a member, but has lost /etc/kubernetes/kubelet.conf")
            return
        if found and "begun" not in found:
            yield _remains(self.node, found, _traces(self.etcd))
            return
        commands = [reset_by_kubeadm(self.socket, self.pki)] if found else []
        commands.append(self._join())
        what = f"a join of {self.node} did not finish" if found else f"{self.node} is not in the cluster"
        yield Change(what, tuple(commands), remote_values=(self._token(),), alters=ALTERED)

    def _known(self, answer: str = "", code: str = "0") -> Iterator[Change]:
        """A member that the cluster does not know, or that is of another one. No answer says nothing."""
        if answer == "404":
            # kubelet registers the node when it starts, and whoever had written of itself into the node that is
            # gone (Calico its address, without which no other node speaks to it) does so when it starts
            script = "systemctl stop kubelet\ncrictl rmp --force --all || :\nsystemctl start kubelet"
            yield Change(f"the cluster has no node {self.node}, though it is a member",
                         (Command(script, long=True, limit=300.0, shown="restart kubelet and all pods"),),
                         alters=frozenset({"unit:kubelet.service"}))
        elif answer == "401" or int(code) == _STRANGER:
            yield self._removed_by_hand(f"{self.node} is a member of another cluster")

    def _removed_by_hand(self, what: str) -> Change:
        return _refusal(what, f"`inv node.remove {self.node}`, then `inv node.add {self.node}` fixes it")

    def _join(self) -> Command:
        """The borrowed variable `join` holds the token, the CA's hash and the certificate key."""
        words = quote(self.config)
        for mark, word in ((self.TOKEN, "$1"), (self.CA_HASH, "$2"), (self.CERTIFICATE_KEY, "$3")):
            words = words.replace(mark, f"'\"{word}\"'")
        config = "/run/coop/kubeadm-join.yaml"  # in memory; it holds the token
        return marked(f"kubeadm join --config {config}", limit=600.0, before=[
            "set -- $join",
            f"umask 077; mkdir -p /run/coop; trap 'rm -f {config}' EXIT",
            f"printf %s {words} >{config}",
            f"kubeadm config validate --config {config}",
        ])

    def _no_former_member(self) -> list[str]:
        """A previous self's member of etcd goes, too: this machine has no data of it, and kubeadm adds none beside one that is silent."""
        if not (self.etcd and self.CERTIFICATE_KEY in self.config):
            return []
        return [etcdctl(self.control_plane, self.pki),
                f"said=$({{ {member_removed(self.node)}; }} 2>&1) || {{ echo \"$said\"; exit 1; }}"]

    def _token(self) -> RemoteValue:
        with_key = self.CERTIFICATE_KEY in self.config
        obtain = [
            f"export KUBECONFIG={ADMIN_CONF}",
            # A node of this name can only be a previous self; kubeadm refuses to join beside it.
            f"said=$(kubectl delete node --ignore-not-found {quote(self.node)} 2>&1) ||"
            ' { echo "$said"; exit 1; }',
            *self._no_former_member(),
            f"said=$(kubeadm token create --ttl 15m --description {quote(f'join of {self.node}')} 2>&1) ||"
            ' { echo "$said"; exit 1; }',
            "token=$(printf '%s\\n' \"$said\" | grep -E '^[a-z0-9]{6}[.][a-z0-9]{16}$')",
            f"ca=$(openssl x509 -pubkey -noout -in {quote(f'{self.pki}/ca.crt')})",  # a pipe would hide that there is none
            "hash=$(printf '%s\\n' \"$ca\" | openssl pkey -pubin -outform DER | sha256sum)",
        ]
        revoke = ["kubeadm token delete \"${join%%.*}\""]
        if with_key:
            obtain += [
                # kubeadm makes the key itself and prints it: an argument could be read by every process
                "settings=$(kubectl -n kube-system get configmap kubeadm-config -o 'jsonpath={.data.ClusterConfiguration}')",
                "said=$(printf '%s\\n' \"$settings\" | kubeadm init phase upload-certs --upload-certs --config /dev/stdin 2>/dev/null)",
                "key=$(printf '%s\\n' \"$said\" | grep -xE '[0-9a-f]{64}')",
            ]
            # kubeadm lets the certificates live as long as a token of two hours that it made for nothing else
            revoke += [
                f'secrets="{ADMIN} -n kube-system"',
                "timer=$($secrets get secret kubeadm-certs -o 'jsonpath={.metadata.ownerReferences[*].name}')",
                "$secrets delete secret --ignore-not-found kubeadm-certs $timer",
            ]
        obtain.append('echo "$token sha256:${hash%% *}' + (' $key"' if with_key else '"'))
        return RemoteValue("join", self.control_plane, "\n".join(obtain),
                        f"a join token of 15 minutes, made on {self.control_plane}", "\n".join(revoke))


@dataclass(frozen=True)
class NoMember(Resource):
    """A machine that is in no cluster, nor keeps anything of one."""

    socket: str = CRI_SOCKET
    etcd: str = ETCD
    pki: str = PKI

    @property
    def name(self) -> str:
        return "no membership"

    def probe(self) -> str:
        return probe_of_traces(self.etcd)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if facts.split():
            yield Change("the machine is in a cluster", (reset_by_kubeadm(self.socket, self.pki),), alters=ALTERED,
                         interrupts="every pod that still runs there ends: the machine leaves the cluster")


ALTERED = frozenset({"file:/etc/kubernetes/kubelet.conf", f"file:{ADMIN_CONF}",
                      "unit:kubelet.service"})


def marked(command: str, limit: float, before: Sequence[str] = ()) -> Command:
    """kubeadm between its marks; each is on the disk before the script goes on."""
    return Command("\n".join([
        *before,
        f"mkdir -p /var/lib/coop; : >{_BEGUN}; sync -- {_BEGUN} /var/lib/coop",
        shell("watched_kubelet", command=command),
        f"mv -f {_BEGUN} {_FINISHED}; sync -- /var/lib/coop",
    ]), long=True, limit=limit, shown=command)


def reset_by_kubeadm(socket: str, pki: str) -> Command:
    """The machine leaves its cluster, and keeps nothing of it."""
    return Command(shell("reset", socket=socket, pki=pki, begun=_BEGUN, finished=_FINISHED, upgrading=MARK), long=True, limit=300.0,
                   shown="kubeadm reset")


def _remains(node: str, found: Set[str], paths: Mapping[str, str]) -> Change:
    remains = ", ".join(paths[word] for word in sorted(found))
    return _refusal(f"{node} has remains of another cluster: {remains}",
                    "check what it is; `kubeadm reset` removes it")


def _refusal(what: str, hint: str) -> Change:
    return refusal(f"{what}: {hint}", what=what)
