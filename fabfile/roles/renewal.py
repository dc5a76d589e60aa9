"""Certificates made again: those of a control plane one after the other, then those of kubelets that could not renew their own."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.rack import Machine, Rack
from fabfile.rack.cluster import API_PORT
from fabfile.resources import CertificatesRenewed, Check, KubeletCertificate, Resource
from fabfile.roles.kubeadm_config import init_config
from fabfile.roles.membership_checks import api_servers_are_ready, nodes_are_ready
from fabfile.roles.settings import components_answer
from fabfile.upstream.documents import certificates_folder
from fabfile.upstream.kubeadm import certificate_validity


def control_plane_certificates(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """A control plane's kubelet first: without it no component starts again."""
    config, pki = init_config(rack, machine), certificates_folder(rack)
    yield KubeletCertificate(machine.name, config, pki=pki)
    yield CertificatesRenewed(certificate_validity(rack), machine.name, config, f"{machine.address()}:{API_PORT}",
                              components_answer(rack, machine), pki)


def kubelet_certificate(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """A worker's kubelet, by a control plane that has the authority's key."""
    yield KubeletCertificate(machine.name, init_config(rack, rack.leader), rack.leader.name, certificates_folder(rack))


def all_answer(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """Every API server is ready, and every node that is there."""
    yield from api_servers_are_ready(rack, rack.reached)
    yield nodes_are_ready(rack, rack.reached)
