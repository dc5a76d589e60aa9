"""kubeadm's configuration on a control plane: the rack's documents as one file."""

from __future__ import annotations

import yaml

from fabfile.rack import Machine, Rack
from fabfile.upstream import documents


def init_config(rack: Rack, machine: Machine, patches: str = "") -> str:
    """What `kubeadm init --config` reads: four documents. `patches`: the folder of kubeadm's patches that the machine
    joined with, if it was not made by init.

    kubeadm makes a token of 24 hours unless it is told of another; this one is over before anybody could
    use it.
    """
    init = documents.init_configuration(rack, machine)
    if patches:
        init["patches"] = {"directory": patches}
    init.setdefault("bootstrapTokens", [{"ttl": "1m0s", "description": "of kubeadm init, unused"}])
    return yaml.safe_dump_all(
        [init, documents.cluster_configuration(rack), documents.kubelet_configuration(rack),
         documents.kube_proxy_configuration(rack)], sort_keys=False)
