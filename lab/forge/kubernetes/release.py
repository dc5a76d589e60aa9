"""A version of Kubernetes as its project publishes it: packages for machines, images for the control plane.

Its go.mod also has etcd, whose server Kubernetes' own module graph pins to this very version, and the CNI
plugins: they share most packages, so they cost seconds here and minutes apart.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.forge import apt, deb, userland
from lab.forge.cri_tools import VERSION as CRI_TOOLS
from lab.forge.cri_tools import programs as cri_tools
from lab.forge.event import ForgeError
from lab.forge.golang import Programs, required
from lab.forge.golang import programs as go_programs
from lab.forge.job import Job
from lab.forge.oci import SKELETON, Files, Folder, Image, Link, registry
from lab.forge.part import Part
from lab.forge.pause import VERSION as PAUSE
from lab.forge.pause import programs as pause

HERE = Path(__file__).parent
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
CNI_PLUGINS = ("bandwidth", "bridge", "dhcp", "dummy", "firewall", "host-device", "host-local", "ipvlan",
               "loopback", "macvlan", "portmap", "ptp", "sbr", "static", "tuning", "vlan", "vrf")

signing_key = apt.signing_key("kubernetes", "isv:kubernetes OBS Project <isv:kubernetes@build.opensuse.org>")


@dataclass(frozen=True)
class Versions:
    """What a release consists of, with the CoreDNS that its kubeadm names."""

    kubernetes: str
    etcd: str
    cni: str
    coredns: str

    @property
    def minor(self) -> str:
        """ "v1.36"."""
        return self.kubernetes.rpartition(".")[0]

    @property
    def stamp(self) -> dict[str, str]:
        """What the programs say of themselves."""
        return {
            f"{package}.{variable}": value
            for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
            for variable, value in {
                "gitVersion": self.kubernetes, "gitMajor": "1", "gitMinor": self.minor.partition(".")[2], "gitTreeState": "clean",
                "gitCommit": "0" * 40, "buildDate": "1970-01-01T00:00:00Z",
            }.items()
        } | {"github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion": self.cni}


@dataclass(frozen=True)
class Release:
    """The parts of one version."""

    versions: Versions
    programs: Part
    packages: Part
    images: Part


def compiled(folder: Path, coredns: Part) -> Release:
    """The version that the go.mod in `folder` names."""
    pinned = required(folder)
    versions = Versions(pinned["k8s.io/kubernetes"], pinned["go.etcd.io/etcd/server/v3"],
                        pinned["github.com/containernetworking/plugins"], coredns.versions[coredns.name])
    programs = go_programs("kubernetes-programs", folder,
                           Programs(stamp=tuple(versions.stamp.items()), renamed=(("server", "etcd"),)),
                           {"kubernetes": versions.kubernetes, "etcd": versions.etcd, "cni-plugins": versions.cni})
    return packed("kubernetes", versions, programs, coredns)


def packed(name: str, versions: Versions, programs: Part, coredns: Part) -> Release:
    """Packages and images of these programs; `name` begins the names of the parts."""
    packages = Part(f"{name}-packages", pack_repository, inputs=(programs, cri_tools, signing_key), settings=versions,
                    files=(HERE / "kubelet.service", HERE / "10-kubeadm.conf"))
    images = Part(f"{name}-images", pack_images, inputs=(programs, coredns, pause, *userland.INPUTS), settings=versions)
    return Release(versions, programs, packages, images)


def debian_packages(versions: Versions, programs: Path, crictl: Path) -> list[deb.Package]:
    """The repository's five packages. As upstream's, they leave crictl and conntrack to the machine."""
    version, home = f"{versions.kubernetes[1:]}-1.1", "https://kubernetes.io"
    units = "usr/lib/systemd/system"
    unit, drop_in = ((HERE / name).read_text() for name in ("kubelet.service", "10-kubeadm.conf"))
    return [
        deb.Package("kubeadm", version, "Command-line utility for administering a Kubernetes cluster",
                    {"usr/bin/kubeadm": programs / "kubeadm",
                     f"{units}/kubelet.service.d/10-kubeadm.conf": drop_in}, home),
        deb.Package("kubectl", version, "Command-line utility for interacting with a Kubernetes cluster",
                    {"usr/bin/kubectl": programs / "kubectl"}, home),
        deb.Package("kubelet", version, "Node agent for Kubernetes clusters",
                    {"usr/bin/kubelet": programs / "kubelet", f"{units}/kubelet.service": unit,
                     "etc/default/kubelet": "KUBELET_EXTRA_ARGS=\n", "var/lib/kubelet/.kubelet-keep": "",
                     "etc/kubernetes/manifests/.kubelet-keep": ""}, home,
                    {"Depends": "iptables (>= 1.4.21), kubernetes-cni (>= 1.2.0), mount, util-linux"},
                    unit="kubelet.service"),
        deb.Package("kubernetes-cni", f"{versions.cni[1:]}-1.1",
                    "Binaries required to provision kubernetes container networking",
                    {f"opt/cni/bin/{plugin}": programs / plugin for plugin in CNI_PLUGINS}, home),
        deb.Package("cri-tools", f"{CRI_TOOLS[1:]}-1.1",
                    "Command-line utility for interacting with a container runtime",
                    {"usr/bin/crictl": crictl / "crictl"}, home),
    ]


def pack_repository(job: Job) -> None:
    versions: Versions = job.part.settings
    base = job.out / f"www/pkgs.k8s.io/core:/stable:/{versions.minor}/deb"
    programs = job.part.inputs[0]
    for package in debian_packages(versions, job[programs] / "bin", job[cri_tools] / "bin"):
        deb.pack(job, package, base / "amd64")
    origin = f"isv:kubernetes:core:stable:{versions.minor}"
    apt.publish(job, base, signing_key, {"Origin": f"obs://build.opensuse.org/{origin}/deb", "Label": origin})
    (base / "Release.key").write_bytes((job[signing_key] / "public.asc").read_bytes())


def pack_images(job: Job) -> None:
    """Every image that `kubeadm config images list` names."""
    versions: Versions = job.part.settings
    programs, coredns = job.part.inputs[:2]
    binaries = job[programs] / "bin"

    def single(program: Path, at: str) -> list[Files]:
        return [SKELETON, {f"{at}/{program.name}": program}]

    with registry(job.out) as images:
        for program in CONTROL_PLANE:
            images.push(Image(f"registry.k8s.io/{program}:{versions.kubernetes}",
                              [images.layer(*single(binaries / program, "usr/local/bin"))]))
        proxy: Files = {"usr/local/bin/kube-proxy": binaries / "kube-proxy"}
        images.push(Image(f"registry.k8s.io/kube-proxy:{versions.kubernetes}",
                          [images.layer(proxy_userland(job)), images.layer(proxy)]))
        etcd: Files = {f"usr/local/bin/{program}": binaries / program
                       for program in ("etcd", "etcdctl", "etcdutl")}
        images.push(Image(f"registry.k8s.io/etcd:{versions.etcd[1:]}-0",
                          [images.layer(SKELETON, etcd, {"var/lib/etcd": Folder(0o700)})]))
        images.push(Image(f"registry.k8s.io/coredns/coredns:{versions.coredns}",
                          [images.layer(*single(job[coredns] / "bin/coredns", ""))], entrypoint=["/coredns"]))
        images.push(Image(f"registry.k8s.io/pause:{PAUSE}",
                          [images.layer(*single(job[pause] / "bin/pause", ""))], entrypoint=["/pause"]))
    check_complete(job, versions, binaries)


def proxy_userland(job: Job) -> Files:
    """iptables by nftables with all its extensions, as kube-proxy calls them."""
    debian = userland.Programs(job)
    names = [f"{family}{verb}" for family in ("iptables", "ip6tables") for verb in ("", "-save", "-restore")]
    picked = debian.pick(["usr/sbin/xtables-nft-multi", "usr/sbin/nft", "usr/sbin/conntrack", "usr/bin/kmod",
                          *debian.glob("usr/lib/x86_64-linux-gnu/xtables/*.so")])
    links = {f"usr/sbin/{name}": Link("xtables-nft-multi") for name in names}
    return {**picked, **links, "usr/sbin/modprobe": Link("../bin/kmod")}


def check_complete(job: Job, versions: Versions, binaries: Path) -> None:
    """kubeadm itself says which images it will pull."""
    for reference in job.run(binaries / "kubeadm", "config", "images", "list",
                             f"--kubernetes-version={versions.kubernetes}").split():
        name, _, tag = reference.removeprefix("registry.k8s.io/").rpartition(":")
        if not (job.out / "www/registry.k8s.io/v2" / name / "manifests" / tag).exists():
            raise ForgeError(job.part.name, f"kubeadm will pull {reference}, which is not built")
