"""Every chick after the first joins with kubeadm join."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from fabfile.rack import Machine, Rack
from fabfile.resources import Absent, File, Member, NodeImages, Resource
from fabfile.roles.programs import cluster_version
from fabfile.roles.settings import kubelet
from fabfile.upstream.documents import PATCHES, certificates_folder, etcd_folder, join_configuration, kubelet_patch


def member(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """A worker, or one more control plane.

    The token lives for minutes and is made, with the hash of the cluster's CA, at the moment of the join.
    Control planes join one at a time, each with certificates uploaded for it alone.
    """
    yield cluster_version(rack)  # before there was curl on it, nothing could be asked
    yield kubelet_settings(machine)
    yield NodeImages(rack.leader.name, (rack.versions.check_image,))
    yield Member(join_config(rack, machine), machine.name, rack.leader.name, etcd=etcd_folder(rack), pki=certificates_folder(rack))
    yield from kubelet(rack, machine)


def kubelet_settings(machine: Machine) -> Resource:
    """What kubeadm lays over the cluster's KubeletConfiguration when the machine becomes a member."""
    path = f"{PATCHES}/kubeletconfiguration+merge.yaml"
    patch = kubelet_patch(machine)
    return File(path, yaml.safe_dump(patch)) if patch else Absent(path)


def join_config(rack: Rack, machine: Machine) -> str:
    """What `kubeadm join --config` reads, with words in the places of what is borrowed."""
    config = join_configuration(rack, machine, Member.TOKEN, Member.CA_HASH, Member.CERTIFICATE_KEY)
    return yaml.safe_dump(config, sort_keys=False)
