"""How long pods stay with a node that is no longer Ready, before others are started elsewhere."""

from __future__ import annotations

from typing import Any

from fabfile.rack.node_labels import CONTROL_PLANE

SECONDS = 5  # Kubernetes gives every pod 300. A node is given up only after 50 s of silence: that waits for what is short


def leaves_soon() -> list[dict[str, Any]]:
    """For pods that everybody needs and that work as well elsewhere. Not for users' servers: what runs in them could only be
    lost, and comes back if the node does."""
    return [{"key": f"node.kubernetes.io/{condition}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS}
            for condition in ("not-ready", "unreachable")]


def addon_leaves_soon() -> list[dict[str, Any]]:
    """The same beside what kubeadm and Calico give their own Deployments: a list is replaced as a whole."""
    return [{"key": "CriticalAddonsOnly", "operator": "Exists"}, {"key": CONTROL_PLANE, "effect": "NoSchedule"}, *leaves_soon()]
