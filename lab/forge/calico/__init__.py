"""Calico: its three images, calicoctl, and the manifest as its project publishes it."""
from __future__ import annotations

import shutil
from pathlib import Path

from lab.forge import userland
from lab.forge.golang import Programs
from lab.forge.golang import programs as go_programs
from lab.forge.job import Job
from lab.forge.kubernetes import programs as kubernetes
from lab.forge.oci import SKELETON, Files, Folder, Image, Link, Script, registry
from lab.forge.part import Part

HERE = Path(__file__).parent
MODULE = "github.com/projectcalico/calico"
#: What the manifests in the module of go.mod name.
VERSION = "v3.28.5"
STAMP = tuple((variable, VERSION) for variable in (
    "main.VERSION", f"{MODULE}/node/pkg/lifecycle/startup.VERSION", f"{MODULE}/node/buildinfo.GitVersion",
    f"{MODULE}/felix/buildinfo.Version", f"{MODULE}/calicoctl/calicoctl/commands.VERSION",
    f"{MODULE}/calicoctl/calicoctl/commands/common.VERSION"))
KEPT = ("manifests/calico.yaml", "node/filesystem", "confd/etc/calico")

#: Of the standard plugins, those that Calico's image brings.
CNI_PLUGINS = ("bandwidth", "host-local", "loopback", "portmap", "tuning")

programs = go_programs("calico-programs", HERE,
                       Programs(stamp=STAMP, sources=tuple((MODULE, path) for path in KEPT)),
                       {"calico": VERSION})


def pack_images(job: Job) -> None:
    binaries = job[programs] / "bin"
    with registry(job.out) as images:
        node = (userland.Programs(job).busybox(job), node_userland(job), node_files(job[programs]))
        images.push(Image(f"docker.io/calico/node:{VERSION}", [images.layer(files) for files in node],
                          command=["start_runit"], environment={"SVDIR": "/etc/service/enabled"}))
        cni: Files = {f"opt/cni/bin/{plugin}": job[kubernetes] / "bin" / plugin for plugin in CNI_PLUGINS}
        own: Files = {"opt/cni/bin/install": binaries / "install", "opt/cni/bin/calico": binaries / "calico",
                      "opt/cni/bin/calico-ipam": Link("calico")}
        images.push(Image(f"docker.io/calico/cni:{VERSION}", [images.layer(SKELETON, cni, own)],
                          environment={"PATH": "/opt/cni/bin"}))
        controllers: Files = {"usr/bin/kube-controllers": binaries / "kube-controllers",
                              "usr/bin/check-status": binaries / "check-status",
                              "status": Folder(0o777), "profiles": Folder(0o777)}
        images.push(Image(f"docker.io/calico/kube-controllers:{VERSION}",
                          [images.layer(SKELETON, controllers)],
                          entrypoint=["/usr/bin/kube-controllers"], user="999"))


def node_userland(job: Job) -> Files:
    """What Felix and the startup scripts call: both iptables, ipset, conntrack, BIRD; runit keeps all up."""
    debian = userland.Programs(job)
    picked = debian.pick([
        *(f"usr/sbin/{name}" for name in ("xtables-nft-multi", "xtables-legacy-multi", "nft", "ipset",
                                          "conntrack", "bird", "bird6", "birdc", "birdc6")),
        *(f"usr/bin/{name}" for name in ("chpst", "runsv", "runsvdir", "sv", "svlogd", "ip")),
        *debian.glob("usr/lib/x86_64-linux-gnu/xtables/*.so"),
        "etc/protocols",        # without it ipset knows no "tcp", and no policy with a named port comes to be
    ])
    tables = {f"usr/sbin/{family}{kind}{verb}": Link(f"xtables-{kind[1:] or 'nft'}-multi")
              for family in ("iptables", "ip6tables") for kind in ("", "-nft", "-legacy")
              for verb in ("", "-save", "-restore")}
    # Calico's own BIRD has a client without line editing, by this name.
    clients = {"usr/bin/birdcl": Link("../sbin/birdc"), "usr/bin/birdcl6": Link("../sbin/birdc6")}
    return {**picked, **tables, **clients}


def node_files(built: Path) -> Files:
    """Programs, services and configuration templates of calico/node."""
    skeleton, templates = built / "src/node/filesystem", built / "src/confd/etc/calico/confd/templates"
    # krt_tunnel is known to Calico's own BIRD only, for IP in IP; Debian's would refuse the whole file.
    pools = (templates / "bird_ipam.cfg.template").read_text().splitlines(keepends=True)
    pools_without_tunnels = "".join(line for line in pools if "krt_tunnel" not in line)
    services = skeleton / "etc/service/available"
    return {
        "etc": skeleton / "etc",
        "etc/rc.local": Script(skeleton / "etc/rc.local"),
        **{f"etc/service/available/{script.relative_to(services)}": Script(script)
           for script in services.rglob("run")},
        "etc/calico": built / "src/confd/etc/calico",
        "etc/calico/felix.cfg": skeleton / "etc/calico/felix.cfg",
        "etc/calico/confd/templates/bird_ipam.cfg.template": pools_without_tunnels.encode(),
        "usr/bin/calico-node": built / "bin/calico-node",
        **{f"usr/sbin/{script.name}": Script(script) for script in (skeleton / "sbin").iterdir()},
    }


def publish_downloads(job: Job) -> None:
    """The manifest byte by byte, and calicoctl, where the project has them."""
    github, raw = "github.com/projectcalico/calico", "raw.githubusercontent.com/projectcalico/calico"
    published = {f"{raw}/{VERSION}/manifests/calico.yaml": "src/manifests/calico.yaml",
                 f"{github}/releases/download/{VERSION}/calicoctl-linux-amd64": "bin/calicoctl"}
    for address, source in published.items():
        target = job.out / "www" / address
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(job[programs] / source, target)


images = Part("calico-images", pack_images, inputs=(programs, kubernetes, *userland.INPUTS))

downloads = Part("calico-downloads", publish_downloads, inputs=(programs,))
