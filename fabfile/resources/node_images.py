"""The images of what runs on every node, fetched before a machine joins. From then on pods of others pull there too, each image behind
the one before, and the node's own network waits among them."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from fabfile.programs import shell
from fabfile.upstream.paths import ADMIN_CONF, CRI_SOCKET

from .base import Change, Command, RemoteValue, Resource

PULLS = 1800.0  # seconds that the images of a node's own pods may take to come


@dataclass(frozen=True)
class NodeImages(Resource):
    """Those of kube-proxy and calico-node, as the cluster on `control_plane` has them, and `more`. A member's kubelet fetches what
    it needs by itself; so does that of a machine for which one could not be fetched."""

    control_plane: str
    more: tuple[str, ...] = ()
    socket: str = CRI_SOCKET

    @property
    def name(self) -> str:
        return "images of every node"

    def probe(self) -> str:
        return "[ ! -e /etc/kubernetes/kubelet.conf ] || echo member"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if facts.strip():
            return
        wanted = RemoteValue("images", self.control_plane, "\n".join([
            f"kubectl --kubeconfig {ADMIN_CONF} -n kube-system get daemonset kube-proxy calico-node --ignore-not-found"
            " -o jsonpath=\"{.items[*].spec.template.spec['initContainers','containers'][*].image}\" || exit 1",
            f"printf '\\n%s\\n' {' '.join(map(quote, self.more))}",
        ]), "the names of the cluster's images", secret=False)
        yield Change("they are fetched before the machine joins",
                     (Command(shell("node_images", socket=self.socket), long=True, limit=PULLS, shown="crictl pull, image by image"),),
                     remote_values=(wanted,))
