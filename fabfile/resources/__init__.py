"""What a machine should have, one kind per module: each probes its machine and gives the differences."""

from .apt import AptRepository
from .base import Change, Check, Command, RemoteValue, Resource
from .certificates import ApiCertificate, CertificateValidity
from .cluster_settings import ClusterSettings
from .cluster_version import ClusterVersion
from .conflicts import NoCalicoLoadBalancerIPAM, SingleDefaultStorageClass
from .directory import Absent, Directory, Symlink
from .download import Download
from .file import File
from .helm import HelmChart, HelmRelease
from .hostname import Hostname
from .hosts import Hosts
from .kube_proxy import KubeProxySettings
from .kubelet_settings import KubeletSettings
from .kubernetes import Kubeconfig, KubernetesObjects
from .line import FileLine
from .membership import ControlPlane, Member, NoMember
from .modules import Modules
from .network import NetworkInterface
from .nftables import Nftables
from .node_settings import NodeSettings
from .packages import Packages, PackagesAbsent
from .pruned_objects import PrunedObjects
from .pruned_releases import PrunedReleases
from .published import NothingPublished, PublishedNames
from .ran import Ran
from .static_pod import StaticPod
from .swap import SwapOff
from .sysctls import Sysctls
from .unit import Unit
from .user import AuthorizedKeys, Group, User

__all__ = [
    "Absent", "ApiCertificate", "AptRepository", "AuthorizedKeys", "CertificateValidity", "Change", "Check",
    "ClusterSettings", "ClusterVersion", "Command", "ControlPlane", "Directory", "Download", "File", "FileLine",
    "Group", "HelmChart", "HelmRelease", "Hostname", "Hosts", "Kubeconfig", "KubeletSettings", "KubeProxySettings",
    "KubernetesObjects", "Member", "Modules", "NetworkInterface", "Nftables", "NoCalicoLoadBalancerIPAM",
    "NodeSettings", "NoMember", "NothingPublished", "Packages", "PackagesAbsent", "PrunedObjects",
    "PrunedReleases", "PublishedNames", "Ran", "RemoteValue", "Resource", "SingleDefaultStorageClass", "StaticPod",
    "SwapOff", "Symlink", "Sysctls", "Unit", "User",
]
