"""What a machine should have, one kind a module: each looks at its machine and says what differs."""

from .apt import AptRepository
from .base import Borrowed, Change, Check, Command, Resource
from .cluster_version import ClusterVersion
from .directory import Absent, Directory, Symlink
from .download import Download
from .file import File
from .helm import HelmChart, HelmRelease
from .hostname import Hostname
from .hosts import Hosts
from .kubernetes import Kubeconfig, KubernetesObjects
from .left_objects import LeftObjects
from .left_releases import LeftReleases
from .line import Line
from .membership import ControlPlane, Member, NoMember
from .modules import Modules
from .network import NetworkInterface
from .nftables import Nftables
from .node_settings import NodeSettings
from .packages import Packages, PackagesAbsent
from .published import NothingPublished, PublishedNames
from .ran import Ran
from .rivals import OneAllocator, OnlyDefaultClass
from .swap import SwapOff
from .sysctls import Sysctls
from .unit import Unit
from .user import AuthorizedKeys, Group, User

__all__ = [
    "Absent", "AptRepository", "AuthorizedKeys", "Borrowed", "Change", "Check", "ClusterVersion", "Command",
    "ControlPlane", "Directory", "Download", "File", "Group", "HelmChart", "HelmRelease", "Hostname", "Hosts",
    "Kubeconfig", "KubernetesObjects", "LeftObjects", "LeftReleases", "Line", "Member", "Modules", "NetworkInterface", "Nftables",
    "NoMember", "NodeSettings", "NothingPublished", "OneAllocator", "OnlyDefaultClass", "Packages", "PackagesAbsent", "PublishedNames", "Ran", "Resource",
    "SwapOff", "Symlink", "Sysctls", "Unit", "User",
]
