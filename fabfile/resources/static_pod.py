"""A static pod of the control plane: the API server, the controller manager, the scheduler, etcd.

kubelet runs what lies in /etc/kubernetes/manifests, and kubeadm writes it there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from shlex import quote
from typing import Any

from fabfile.programs import shell
from fabfile.upstream.kubeadm import volume_text

from . import settings, writing
from .base import Change, Command, Resource, rejection
from .file import FileFacts, probe_file
from .kubelet_settings import compared
from .settings import Difference

_PHASE = {"kube-apiserver": "control-plane apiserver", "kube-controller-manager": "control-plane controller-manager",
          "kube-scheduler": "control-plane scheduler", "etcd": "etcd local"}
_VOLUMES = frozenset({  # kubeadm's own
    "k8s-certs", "ca-certs", "etc-pki-ca-trust", "etc-pki-tls-certs", "etc-ca-certificates", "usr-share-ca-certificates",
    "usr-local-share-ca-certificates", "kubeconfig", "etcd-data", "etcd-certs", "flexvolume-dir"})
_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"})


@dataclass(frozen=True)
class StaticPod(Resource):
    """One component of the control plane on `node`, with its arguments, environment and volumes.

    `arguments` are all that it has, in kubeadm's order, its own defaults among them; a value of None is any.
    `config` is what kubeadm makes the manifest from; a pod that does not start with it gets the previous one back.
    `healthy` is shell text, true when the component says that it is well.
    """

    component: str
    node: str
    arguments: tuple[tuple[str, str | None], ...]
    environment: tuple[tuple[str, str], ...]
    volumes: tuple[tuple[str, str], ...]  # name, and "PATH at PATH-IN-THE-CONTAINER, read-only, DirectoryOrCreate"
    config: str
    healthy: str
    interrupts: str
    exact: bool = True

    @property
    def name(self) -> str:
        return f"static pod {self.component}"

    @property
    def manifest(self) -> str:
        return f"/etc/kubernetes/manifests/{self.component}.yaml"

    def probe(self) -> str:
        return probe_file(self.manifest)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = FileFacts(facts)
        if found.kind != "file" or found.content is None or "file:/etc/kubernetes/kubelet.conf" in altered:
            return  # no control plane, or about to be made one, by kubeadm
        differ = self._differences(settings.read(found.content))
        address = [one for one in differ if one.path == ("--advertise-address",)]
        if address:
            yield rejection(f"the API server of {self.node} answers at {address[0].found}, and hosts.yaml says "
                            f"{address[0].expected}: a control plane keeps its address (`inv node.remove {self.node}`, "
                            "then `inv node.add` with the new one)")
        elif differ:
            yield Change(f"{self.component} on {self.node}: {settings.listed(differ)}",
                         (Command(self._script(), long=True, limit=360.0,
                                  shown=f"kubeadm init phase {_PHASE[self.component]}"),),
                         interrupts=self.interrupts, alters=frozenset({f"file:{self.manifest}"}))

    def _differences(self, pod: Mapping[str, Any]) -> tuple[Difference, ...]:
        spec = pod.get("spec") or {}
        container = (spec.get("containers") or [{}])[0]
        words = [word for word in container.get("command") or () if word.startswith("--")]
        arguments = [(word[2:].partition("=")[0], word.partition("=")[2]) for word in words]
        return (*compared(list(self.arguments), arguments, exact=self.exact),
                *self._named("environment", dict(self.environment), {
                    one["name"]: one.get("value", "") for one in container.get("env") or ()}, _PROXIES),
                *self._named("volume", dict(self.volumes), _volumes(spec, container), _VOLUMES))

    def _named(self, what: str, wanted: Mapping[str, str], found: Mapping[str, str],
               own: Set[str]) -> Iterator[Difference]:
        for name, value in wanted.items():
            if found.get(name) != value:
                yield Difference((f"{what} {name}",), found.get(name), value)
        for name, value in found.items():
            if self.exact and name not in wanted and name not in own:
                yield Difference((f"{what} {name}",), value, None)

    def _script(self) -> str:
        config = "/run/coop/kubeadm-settings.yaml"
        words = ["kubeadm", "init", "phase", *_PHASE[self.component].split(), "--config", config]
        problem = f"{self.component} does not start with these settings; its last output:"
        return "\n".join([
            f"umask 077; mkdir -p /run/coop; trap 'rm -f {config}' EXIT",
            f"{writing.text_of(self.config.encode())} >{config}",
            f"kubeadm config validate --config {config}",
            writing.keep(self.manifest),
            f"healthy() {{ {self.healthy}; }}",
            f"put_back() {{\n{writing.put_back(self.manifest)}\n}}",
            f"set -- {' '.join(map(quote, words))}",
            shell("static_pod", name=self.component, manifest=self.manifest, problem=problem),
        ])


def _volumes(spec: Mapping[str, Any], container: Mapping[str, Any]) -> dict[str, str]:
    mounts = {one["name"]: one for one in container.get("volumeMounts") or ()}
    found = {}
    for one in spec.get("volumes") or ():
        host, mount = one.get("hostPath") or {}, mounts.get(one["name"], {})
        found[one["name"]] = volume_text(host.get("path", ""), mount.get("mountPath", ""), mount.get("readOnly"), host.get("type"))
    return found
