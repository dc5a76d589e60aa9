"""What a machine should have, one kind per module: each probes its machine and gives the differences."""

from .accounts import AuthorizedKeys, Group, NoFormerAccounts, User
from .action import Action
from .apt import AptRepository
from .backup import BackupChecked, BackupKept, ClusterPacked, ClusterRestored
from .base import Change, Check, Command, RemoteFile, RemoteValue, Resource
from .certificate_renewal import CertificatesRenewed, KubeletCertificate
from .certificates import ApiCertificate, CertificateValidity
from .cloud_init import CloudInitData
from .cluster_settings import ClusterSettings
from .cluster_version import ClusterVersion
from .conflicts import NoCalicoLoadBalancerIPAM, NoClaimedHomes, SingleDefaultStorageClass
from .dataset import ZfsDataset
from .departure import Cordoned, Drained, NodeDeleted, ServersEnded, Uncordoned
from .directory import Absent, Directory, Symlink
from .dns_addon import DnsAddon
from .dnsmasq_files import DnsmasqFiles
from .download import Download
from .etcd_snapshot import EtcdSnapshot
from .exports import Exports
from .file import File
from .free_address import FreeAddress
from .helm import HelmChart, HelmRelease
from .homes_claim import HomesClaim
from .host_names import HostNames
from .hostname import Hostname
from .if_there import FirstLine, IfThere
from .kernel_module import KernelHeaders, KernelModule
from .kube_proxy import KubeProxySettings
from .kubeadm_upgrade import KubeadmUpgraded
from .kubelet_flags import KubeletFlags
from .kubelet_settings import KubeletSettings
from .kubernetes import Kubeconfig, KubernetesObjects
from .leases import FormerLeases
from .manifest_copies import NoManifestCopies
from .membership import ControlPlane, Member, NoMember
from .mirrors import RegistryMirrors
from .modules import Modules
from .network import NetworkInterface
from .nftables import Nftables
from .node_images import NodeImages
from .node_settings import NodeSettings
from .once import Once
from .operators import HomeKubeconfig, OperatorRights
from .other_filters import NoOtherFilter
from .out_of_service import InService, OutOfService
from .packaged import Packaged
from .packages import Packages
from .pending import PendingVerification
from .pod_hosts import PodHosts
from .pod_networks import NoOtherCni, NoOtherPodNetwork
from .pool import ZfsPool
from .ports import FreePorts
from .pruned_objects import PrunedObjects
from .pruned_releases import PrunedReleases
from .published import NothingPublished, PublishedNames
from .ran import Ran
from .rebooted import Rebooted, RebootMarks
from .replaced_program import RunsItsProgram
from .shut_down import PodsEnded, SwitchedOff
from .ssh_settings import SshSettings
from .static_pod import StaticPod
from .swap import SwapOff
from .sysctls import Sysctls
from .system import SupportedSystem
from .system_update import RebootedIfNeeded, SystemUpdated
from .unit import Unit
from .zfs import HostId, ZfsParameters

__all__ = [
    "Absent",
    "Action",
    "ApiCertificate",
    "AptRepository",
    "AuthorizedKeys",
    "BackupChecked",
    "BackupKept",
    "CertificateValidity",
    "CertificatesRenewed",
    "Change",
    "Check",
    "CloudInitData",
    "ClusterPacked",
    "ClusterRestored",
    "ClusterSettings",
    "ClusterVersion",
    "Command",
    "ControlPlane",
    "Cordoned",
    "Directory",
    "DnsAddon",
    "DnsmasqFiles",
    "Download",
    "Drained",
    "EtcdSnapshot",
    "Exports",
    "File",
    "FirstLine",
    "FormerLeases",
    "FreeAddress",
    "FreePorts",
    "Group",
    "HelmChart",
    "HelmRelease",
    "HomeKubeconfig",
    "HomesClaim",
    "HostId",
    "HostNames",
    "Hostname",
    "IfThere",
    "InService",
    "KernelHeaders",
    "KernelModule",
    "KubeProxySettings",
    "KubeadmUpgraded",
    "Kubeconfig",
    "KubeletCertificate",
    "KubeletFlags",
    "KubeletSettings",
    "KubernetesObjects",
    "Member",
    "Modules",
    "NetworkInterface",
    "Nftables",
    "NoCalicoLoadBalancerIPAM",
    "NoClaimedHomes",
    "NoFormerAccounts",
    "NoManifestCopies",
    "NoMember",
    "NoOtherCni",
    "NoOtherFilter",
    "NoOtherPodNetwork",
    "NodeDeleted",
    "NodeImages",
    "NodeSettings",
    "NothingPublished",
    "Once",
    "OperatorRights",
    "OutOfService",
    "Packaged",
    "Packages",
    "PendingVerification",
    "PodHosts",
    "PodsEnded",
    "PrunedObjects",
    "PrunedReleases",
    "PublishedNames",
    "Ran",
    "RebootMarks",
    "Rebooted",
    "RebootedIfNeeded",
    "RegistryMirrors",
    "RemoteFile",
    "RemoteValue",
    "Resource",
    "RunsItsProgram",
    "ServersEnded",
    "SingleDefaultStorageClass",
    "SshSettings",
    "StaticPod",
    "SupportedSystem",
    "SwapOff",
    "SwitchedOff",
    "Symlink",
    "Sysctls",
    "SystemUpdated",
    "Uncordoned",
    "Unit",
    "User",
    "ZfsDataset",
    "ZfsParameters",
    "ZfsPool",
]
