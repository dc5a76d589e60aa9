"""Kubernetes as its project publishes it: packages for machines, images for the control plane.

Its go.mod also has etcd, whose server Kubernetes' own module graph pins to this very version, and the CNI
plugins: they share most packages, so they cost seconds here and minutes apart.
"""
from __future__ import annotations

from pathlib import Path

from lab.forge import apt, deb, userland
from lab.forge.coredns import VERSION as COREDNS
from lab.forge.coredns import programs as coredns
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
REQUIRED = required(HERE)
VERSION = REQUIRED["k8s.io/kubernetes"]
ETCD = REQUIRED["go.etcd.io/etcd/server/v3"]
CNI = REQUIRED["github.com/containernetworking/plugins"]

MINOR = VERSION.rpartition(".")[0]
STAMP = {
    f"{package}.{variable}": value
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    for variable, value in {
        "gitVersion": VERSION, "gitMajor": "1", "gitMinor": MINOR.partition(".")[2], "gitTreeState": "clean",
        "gitCommit": "0" * 40, "buildDate": "1970-01-01T00:00:00Z",
    }.items()
} | {"github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion": CNI}

CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
CNI_PLUGINS = ("bandwidth", "bridge", "dhcp", "dummy", "firewall", "host-device", "host-local", "ipvlan",
               "loopback", "macvlan", "portmap", "ptp", "sbr", "static", "tuning", "vlan", "vrf")

programs = go_programs("kubernetes-programs", HERE,
                       Programs(stamp=tuple(STAMP.items()), renamed=(("server", "etcd"),)),
                       {"kubernetes": VERSION, "etcd": ETCD, "cni-plugins": CNI})

signing_key = apt.signing_key("kubernetes", "isv:kubernetes OBS Project <isv:kubernetes@build.opensuse.org>")


def debian_packages(programs: Path, crictl: Path) -> list[deb.Package]:
    """The repository's five packages. As upstream's, they leave crictl and conntrack to the machine."""
    version, home = f"{VERSION[1:]}-1.1", "https://kubernetes.io"
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
        deb.Package("kubernetes-cni", f"{CNI[1:]}-1.1",
                    "Binaries required to provision kubernetes container networking",
                    {f"opt/cni/bin/{plugin}": programs / plugin for plugin in CNI_PLUGINS}, home),
        deb.Package("cri-tools", f"{CRI_TOOLS[1:]}-1.1",
                    "Command-line utility for interacting with a container runtime",
                    {"usr/bin/crictl": crictl / "crictl"}, home),
    ]


def pack_repository(job: Job) -> None:
    base = job.out / f"www/pkgs.k8s.io/core:/stable:/{MINOR}/deb"
    for package in debian_packages(job[programs] / "bin", job[cri_tools] / "bin"):
        deb.pack(job, package, base / "amd64")
    origin = f"isv:kubernetes:core:stable:{MINOR}"
    apt.publish(job, base, signing_key, {"Origin": f"obs://build.opensuse.org/{origin}/deb", "Label": origin})
    (base / "Release.key").write_bytes((job[signing_key] / "public.asc").read_bytes())


def pack_images(job: Job) -> None:
    """Every image that `kubeadm config images list` names."""
    binaries = job[programs] / "bin"

    def single(program: Path, at: str) -> list[Files]:
        return [SKELETON, {f"{at}/{program.name}": program}]

    with registry(job.out) as images:
        for program in CONTROL_PLANE:
            images.push(Image(f"registry.k8s.io/{program}:{VERSION}",
                              [images.layer(*single(binaries / program, "usr/local/bin"))]))
        proxy: Files = {"usr/local/bin/kube-proxy": binaries / "kube-proxy"}
        images.push(Image(f"registry.k8s.io/kube-proxy:{VERSION}",
                          [images.layer(proxy_userland(job)), images.layer(proxy)]))
        etcd: Files = {f"usr/local/bin/{program}": binaries / program
                       for program in ("etcd", "etcdctl", "etcdutl")}
        images.push(Image(f"registry.k8s.io/etcd:{ETCD[1:]}-0",
                          [images.layer(SKELETON, etcd, {"var/lib/etcd": Folder(0o700)})]))
        images.push(Image(f"registry.k8s.io/coredns/coredns:{COREDNS}",
                          [images.layer(*single(job[coredns] / "bin/coredns", ""))], entrypoint=["/coredns"]))
        images.push(Image(f"registry.k8s.io/pause:{PAUSE}",
                          [images.layer(*single(job[pause] / "bin/pause", ""))], entrypoint=["/pause"]))
    check_complete(job)


def proxy_userland(job: Job) -> Files:
    """iptables by nftables with all its extensions, as kube-proxy calls them."""
    debian = userland.Programs(job)
    names = [f"{family}{verb}" for family in ("iptables", "ip6tables") for verb in ("", "-save", "-restore")]
    picked = debian.pick(["usr/sbin/xtables-nft-multi", "usr/sbin/nft", "usr/sbin/conntrack", "usr/bin/kmod",
                          *debian.glob("usr/lib/x86_64-linux-gnu/xtables/*.so")])
    links = {f"usr/sbin/{name}": Link("xtables-nft-multi") for name in names}
    return {**picked, **links, "usr/sbin/modprobe": Link("../bin/kmod")}


def check_complete(job: Job) -> None:
    """kubeadm itself says which images it will pull."""
    for reference in job.run(job[programs] / "bin/kubeadm", "config", "images", "list",
                             f"--kubernetes-version={VERSION}").split():
        name, _, tag = reference.removeprefix("registry.k8s.io/").rpartition(":")
        if not (job.out / "www/registry.k8s.io/v2" / name / "manifests" / tag).exists():
            raise ForgeError(job.part.name, f"kubeadm will pull {reference}, which is not built")


packages = Part("kubernetes-packages", pack_repository, inputs=(programs, cri_tools, signing_key),
                files=(HERE / "kubelet.service", HERE / "10-kubeadm.conf"))

images = Part("kubernetes-images", pack_images, inputs=(programs, coredns, pause, *userland.INPUTS))
