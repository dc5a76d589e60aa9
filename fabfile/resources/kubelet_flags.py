"""Flags that somebody has given kubelet in /etc/default: those that it does not know any more, and does not start with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass

from .base import Change, Resource, conflict
from .others import commented, numbered

PATH = "/etc/default/kubelet"
# gone with dockershim (1.24) and since: kubelet's own release notes
_GONE = {"network-plugin", "network-plugin-mtu", "cni-bin-dir", "cni-conf-dir", "cni-cache-dir", "container-runtime", "docker-endpoint",
         "image-pull-progress-deadline", "non-masquerade-cidr", "experimental-dockershim-root-directory", "dynamic-config-dir",
         "keep-terminated-pod-volumes", "master-service-namespace", "pod-infra-container-image", "azure-container-registry-config",
         "cloud-config", "register-schedulable", "seccomp-profile-root", "experimental-kernel-memcg-notification", "chaos-chance",
         "bootstrap-checkpoint-path", "redirect-container-streaming", "really-crash-for-testing"}


@dataclass(frozen=True)
class KubeletFlags(Resource):
    """No flag in /etc/default/kubelet that kubelet ends at."""

    @property
    def name(self) -> str:
        return "flags of kubelet"

    def probe(self) -> str:
        return f"[ ! -f {PATH} ] || grep -HnE '^[[:space:]]*KUBELET_EXTRA_ARGS=' -- {PATH} || :"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        for path, number, text in numbered(facts):
            gone = [flag for flag in re.findall(r"--([a-z-]+)", text) if flag in _GONE]
            if gone:
                said = ", ".join(f"--{flag}" for flag in gone)
                yield conflict(path, f"{path}:{number} gives kubelet {said}, which it does not know any more: it would not start",
                               commented(path, {number: text}), keepable=False, alters=frozenset({f"file:{path}"}))
