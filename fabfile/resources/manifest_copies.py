"""Static pods of a control plane: no second file starts one of kubeadm's."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from .base import Change, Resource, conflict
from .others import moved_away

_FOLDER = "/etc/kubernetes/manifests"
_OURS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")


@dataclass(frozen=True)
class NoManifestCopies(Resource):
    """No copy of one of kubeadm's manifests lies beside it: kubelet starts whatever is there and does not begin with a dot, so that
    `etcd.yaml.backup` and `etcd.yaml` contend for one name, and the older may win."""

    @property
    def name(self) -> str:
        return "no copies of manifests"

    def probe(self) -> str:
        ours = "|".join(f"{name}.yaml" for name in _OURS)
        names = "|".join(_OURS)
        return (f"set --; for f in {_FOLDER}/*; do case ${{f##*/}} in {ours}) ;; *) [ ! -f \"$f\" ] || set -- \"$@\" \"$f\" ;; esac; done\n"
                f"[ $# = 0 ] || grep -lsE '^  name: ({names})$' -- \"$@\" || :")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        for path in facts.split("\n"):
            if path.startswith(_FOLDER):
                yield conflict(path, f"kubelet starts {path} beside the manifest of kubeadm that it is a copy of, and either may win",
                               moved_away(path))
