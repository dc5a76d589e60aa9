"""What a machine should have, one kind a module: each looks at its machine and says what differs."""

from .apt import AptRepository
from .base import Borrowed, Change, Check, Command, Resource
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
from .left_objects import LeftObjects
from .left_releases import LeftReleases
from .line import FileLine
from .membership import ControlPlane, Member, NoMember
from .modules import Modules
from .network import NetworkInterface
from .nftables import Nftables
from .node_settings import NodeSettings
from .packages import Packages, PackagesAbsent
from .published import NothingPublished, PublishedNames
from .ran import Ran
from .static_pod import StaticPod
from .swap import SwapOff
from .sysctls import Sysctls
from .unit import Unit
from .user import AuthorizedKeys, Group, User

__all__ = [
    "Absent", "ApiCertificate", "AptRepository", "AuthorizedKeys", "Borrowed", "CertificateValidity",
    "Change", "Check", "ClusterSettings", "ClusterVersion", "Command", "ControlPlane", "Directory",
    "Download", "File", "FileLine", "Group", "HelmChart", "HelmRelease", "Hostname", "Hosts",
    "KubeProxySettings", "Kubeconfig", "KubeletSettings", "KubernetesObjects", "LeftObjects", "LeftReleases",
    "Member", "Modules", "NetworkInterface", "Nftables", "NoCalicoLoadBalancerIPAM", "NoMember",
    "NodeSettings", "NothingPublished", "Packages", "PackagesAbsent", "PublishedNames", "Ran", "Resource",
    "SingleDefaultStorageClass", "StaticPod", "SwapOff", "Symlink", "Sysctls", "Unit", "User",
]
