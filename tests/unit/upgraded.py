"""A cluster of simulated machines that can be upgraded: what a run asks is answered from their state, and what it does
changes that. It watches over what an upgrade must never do, at every command."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field

from bench.machines import wanted
from fabfile.facts.upgrade_rules import OWN_MANIFESTS
from fabfile.rack import Rack
from fabfile.rack.versions import numbers
from fabfile.resources.kubeadm_upgrade import COMPONENTS

BEFORE, TARGET = "1.36.3", "1.37.2"


class Killed(Exception):
    """The operator's process has ended."""


@dataclass
class Member:
    """One machine's programs and what kubeadm has made there."""

    name: str
    control_plane: bool
    packages: dict[str, str] = field(default_factory=lambda: dict.fromkeys(("kubeadm", "kubelet", "kubectl"), BEFORE))
    running: str = BEFORE  # kubelet's process
    components: str = BEFORE
    begun: bool = False
    cordoned: bool = False
    pods: list[str] = field(default_factory=list)
    notes: set[str] = field(default_factory=set)  # of steps that are to be verified


class Cluster:
    """`acts` is what was done, in order: "chick0: kubeadm upgrade apply v1.37.2". `kill` is how many acts a run lives for."""

    def __init__(self, rack: Rack, steps, at_once: int = 1):
        self.rack, self.at_once = rack, at_once
        self.members = {one.name: Member(one.name, one in rack.control_planes) for one in rack.chicks}
        self.configured, self.snapshot, self.old, self.acts, self.kill = BEFORE, False, False, [], None
        self._right = {}
        for step in steps:
            for machine in step.machines:
                for resource in step.role(rack, machine):
                    with suppress(NotImplementedError):  # answered below, by the state
                        self._right[resource.probe()] = wanted(resource)

    def machines(self):
        return {name: lambda verb, text, name=name: self.asked(name, verb, text) for name in self.rack.machines}

    def asked(self, name: str, verb: str, text: str) -> tuple[int, str]:
        if verb == "act" and (what := self._action(name, text)):
            if self.kill is not None and len(self.acts) >= self.kill:
                raise Killed
            self._do(name, what)
            self.acts.append(f"{name}: {what}")
            self._watch()
            return 0, ""
        member = self.members.get(name)
        if member is None:
            return 0, self._right.get(text, "")
        if verb != "probe" and "/var/lib/coop/unverified/" in text:
            (member.notes.discard if "rm -f" in text else member.notes.add)(re.findall(r"unverified/([\w ]+)", text)[-1])
            return 0, ""
        return self._fact(member, text)

    def _action(self, name: str, text: str) -> str:
        for pattern in (r"kubeadm upgrade apply v[\d.]+", r"kubeadm upgrade node", r"if ! install [^;]*;",
                        r"snapshot save", r"(?<=kubeconfig /etc/kubernetes/admin.conf )drain \w+", r"\bcordon \w+",
                        r"uncordon \w+", r"systemctl restart kubelet"):
            if found := re.search(pattern, text):
                packages = re.findall(r"(kube\w+)=", found[0])
                return f"apt {' '.join(packages)}" if packages else found[0]
        return ""

    def _do(self, name: str, what: str) -> None:
        member, (verb, *words) = self.members.get(name), what.split()
        match verb:
            case "apt" if member:
                member.packages |= dict.fromkeys(words, TARGET)
            case "kubeadm":
                assert member.packages["kubeadm"] == TARGET, "the old kubeadm upgrades nothing"
                member.components = TARGET
                if words[1] == "apply":
                    self.configured = TARGET
                else:
                    assert self.configured == TARGET, "kubeadm upgrade node takes the cluster's version"
            case "snapshot":
                assert self.configured == BEFORE
                self.snapshot, self.old = True, False
            case "cordon" | "uncordon":
                self.members[words[0]].cordoned = verb == "cordon"
            case "drain":
                assert self.members[words[0]].cordoned
                self.members[words[0]].pods.clear()
            case "systemctl":
                assert not member.pods, "kubelet restarts on a node that was not drained"
                member.running = member.packages["kubelet"]

    def _watch(self) -> None:
        """What must hold at every moment."""
        planes = [member for member in self.members.values() if member.control_plane]
        oldest = min((member.components for member in planes), key=numbers)
        for member in self.members.values():
            assert numbers(member.running) <= numbers(oldest), f"kubelet of {member.name} is newer than an API server"
        assert sum(member.cordoned for member in self.members.values()) <= self.at_once
        assert self.snapshot or all(member.components == BEFORE for member in planes)

    def _fact(self, member: Member, text: str) -> tuple[int, str]:
        if "answer configured" in text:
            return 0, self._cluster()
        if "echo stranger" in text:
            return 0, self._member(member)
        if "kubeadm-upgrade.begun ] || echo begun" in text:
            parts = COMPONENTS if member.control_plane else ()
            told = [f"{part} {member.components}" for part in parts] or [f"kubelet {member.packages['kubelet']}-1.1"]
            return 0, "\n".join([*told, *([f"cluster {self.configured}"] if "kubeadm-config" in text else [])]) + "\n"
        if "dpkg-query -W -f '${Package} ${Version} ${Status}" in text:
            return 0, "".join(f"{name} {version}-1.1 hold ok installed\n" for name, version in member.packages.items())
        if text.startswith("readlink"):
            return 0, "" if member.running == member.packages["kubelet"] else "replaced\n"
        if "before-" in text:
            return 0, "old" if self.old else "there" if self.snapshot else "absent"
        if found := re.fullmatch(r"\[ ! -e '?/var/lib/coop/unverified/([\w ]+)'? \] \|\| echo pending", text):
            return 0, "pending\n" if found[1] in member.notes else ""
        if found := re.search(r"get node (\w+) --ignore-not-found -o 'jsonpath=\{.metadata.name\}", text):
            node, ours = self.members[found[1]], "*yes) echo ours" in text
            return 0, ("ours\n" if node.cordoned else "") if ours else "open\n"
        if found := re.search(r"get node (\w+) --ignore-not-found -o 'jsonpath=node", text):
            node = self.members[found[1]]
            return 0, f"node {'true' if node.cordoned else ''}\n" + "".join(f"{pod} ReplicaSet/x Running\n" for pod in node.pods)
        return 0, self._right.get(text, "")

    def _cluster(self) -> str:
        nodes = "".join(f"{member.name}|True|v{member.running}|containerd://2.3.4|{'yes' * member.cordoned}\n"
                        for member in self.members.values())
        return (f"#configured\nkubernetesVersion: v{self.configured}\n#nodes\n{nodes}#calico\nq/calico/node:v3.32.1\n"
                "#pods\n#budgets\n#releases\n#drains\n")

    def _member(self, member: Member) -> str:
        lines = [f"kubelet {member.packages['kubelet']}-1.1", *(["begun"] if member.begun else []), "disk / 50"]
        if member.control_plane:
            lines += [f"manifest {name}" for name in sorted(OWN_MANIFESTS)]
            lines += [f"runs {part} v{member.components}" for part in COMPONENTS]
            lines += [f"member started {other.name}" for other in self.members.values() if other.control_plane]
        return "\n".join(lines) + "\n"
