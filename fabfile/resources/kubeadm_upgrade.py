"""One member brought to another version of Kubernetes by kubeadm: its static pods, its kubelet's settings, its certificates.

A mark lies on the machine while kubeadm works: what did not finish is done again, as kubeadm permits.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from fabfile.programs import shell

from .api_question import ADMIN
from .base import Change, Command, Resource

COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
MARK = "/var/lib/coop/kubeadm-upgrade.begun"


@dataclass(frozen=True)
class KubeadmUpgraded(Resource):
    """The member `node` as kubeadm of `version` ("1.37.2") makes it. Packages are not its concern.

    `first`: the control plane where the cluster's own objects are upgraded, too (`kubeadm upgrade apply`); the others
    follow it (`kubeadm upgrade node`). `control_plane`: it has static pods; of any other, kubelet's version says whether
    it is done. `patches` is the folder of kubeadm's patches that the machine joined with.
    """

    node: str
    version: str
    first: bool = False
    control_plane: bool = False
    ignored: tuple[str, ...] = ()  # preflight checks
    patches: str = ""
    interrupts: str = ""

    @property
    def name(self) -> str:
        return f"kubeadm upgrade of {self.node}"

    def probe(self) -> str:
        lines = [f"[ ! -e {MARK} ] || echo begun"]
        if self.control_plane:
            lines += [f"for name in {' '.join(COMPONENTS)}; do",
                      "sed -n \"s/^ *image: .*:v/$name /p\" /etc/kubernetes/manifests/$name.yaml 2>/dev/null || :; done"]
        else:
            lines.append("dpkg-query -W -f 'kubelet ${Version}\\n' kubelet 2>/dev/null || :")
        if self.first:
            lines.append(f"{ADMIN} --request-timeout=20s -n kube-system get configmap kubeadm-config "
                         "-o 'jsonpath={.data.ClusterConfiguration}' 2>/dev/null | sed -n 's/^kubernetesVersion: v/cluster /p' || :")
        return "\n".join(lines)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = dict(line.split(" ", 1) for line in facts.splitlines() if " " in line)
        wanted = (*(COMPONENTS if self.control_plane else ("kubelet",)), *(("cluster",) if self.first else ()))
        differ = [(name, found.get(name, "unknown").partition("-")[0]) for name in wanted]
        differ = [(name, version) for name, version in differ if version != self.version]
        begun = "begun" in facts.split()
        if begun or differ:
            what = f"kubeadm was cut short on {self.node}" if begun else "; ".join(
                f"{_SAID.get(name, name)} is {version}, should be {self.version}" for name, version in differ)
            yield Change(what, (self._command(),), interrupts=self.interrupts)

    def _command(self) -> Command:
        words = ["kubeadm", "upgrade", *(["apply", f"v{self.version}", "--yes"] if self.first else ["node"])]
        words += [f"--ignore-preflight-errors={','.join(self.ignored)}"] if self.ignored else []
        words += [f"--patches={self.patches}"] if self.patches else []
        shown = " ".join(map(quote, words))
        return Command("\n".join([
            f"mkdir -p /var/lib/coop; : >{MARK}; sync -- {MARK} /var/lib/coop",
            *([shell("own_address"), "own_address stop", f"{shown} || {{ own_address start; exit 1; }}", "own_address start"]
              if self.control_plane else [shown]),
            f"rm -f {MARK}",
        ]), long=True, limit=1800.0 if self.control_plane else 300.0, shown=shown)


_SAID = {"cluster": "the cluster", "kubelet": "the member's kubelet"}
