"""The images of a hub, under the names that the jupyterhub chart and its users know; one is the lab's own."""
from __future__ import annotations

import json
import re
from pathlib import Path

from lab.forge.job import Job
from lab.forge.jupyter.packages import INPUTS, STDLIB, Programs, packages
from lab.forge.jupyter.wheels import HERE, PYTHON
from lab.forge.oci import Entry, Files, Folder, Image, Layer, Link, Registry, registry
from lab.forge.part import Part

CHART = "4.4.0"                                 # the jupyterhub chart whose images these stand for
SERVER = f"quay.io/jupyterhub/k8s-singleuser-sample:{CHART}"
SCRIPTS = HERE.parents[1] / "hub/images"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"

#: What wheels and Node may take for granted, wherever they were built.
TAKEN_FOR_GRANTED = tuple(f"{LIBRARIES}/{name}" for name in (
    "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "libresolv.so.2", "librt.so.1",
    "libstdc++.so.6", "libutil.so.1", "libz.so.1"))

#: What Jupyter's own images have besides packages.
HOME: Files = {
    "etc/passwd": (b"root:x:0:0:root:/root:/bin/bash\n"
                   b"jovyan:x:1000:100::/home/jovyan:/bin/bash\n"
                   b"nobody:x:65534:65534:nobody:/:/bin/false\n"),
    "etc/group": b"root:x:0:\nusers:x:100:\njovyan:x:1000:\nnogroup:x:65534:\n",
    "home/jovyan": Folder(0o777),
    "srv/jupyterhub": Folder(0o777),
}
ENVIRONMENT = {"LANG": "C.UTF-8", "HOME": "/home/jovyan", "SHELL": "/bin/bash"}
USER = "1000"

GIT = ("git", "git-receive-pack", "git-upload-archive", "git-upload-pack")


def version_of(lock: str, package: str) -> str:
    """"5.5.4" for jupyterhub in hub.lock."""
    found = re.search(rf"^{re.escape(package)}==(\S+)", (HERE / f"{lock}.lock").read_text(), re.M)
    if not found:
        raise LookupError(f"{lock}.lock has no {package}")
    return found[1]


def version_of_proxy() -> str:
    locked = json.loads((HERE / "package-lock.json").read_text())
    return locked["packages"]["node_modules/configurable-http-proxy"]["version"]


PROXY = version_of_proxy()
CADDY, GIT_VERSION = "2.6.2", "2.47.3"          # Debian's


def pack_images(job: Job) -> None:
    programs, trees = Programs(job), job[packages]
    with registry(job.out) as images:
        busybox = images.layer(programs.busybox(job))
        python = images.layer(python_files(programs, trees / "python"))
        git = images.layer(git_files(programs))
        shared = images.layer({"usr": trees / "shared/usr"}, HOME)
        hub = images.layer({"usr": trees / "hub/usr"})
        user = images.layer({"usr": trees / "user/usr"})
        images.push(Image(f"quay.io/jupyterhub/k8s-hub:{CHART}", [busybox, python, shared, hub],
                          command=["jupyterhub"], environment=ENVIRONMENT, user=USER,
                          folder="/srv/jupyterhub"))
        images.push(server_image(SERVER, [busybox, python, git, shared, user]))
        push_proxies(images, programs, trees, busybox)
        push_small_ones(images, programs, busybox, python, git)


def server_image(name: str, layers: list[Layer]) -> Image:
    """What a user's server runs."""
    return Image(name, layers, command=["jupyterhub-singleuser"], environment=ENVIRONMENT, user=USER,
                 folder="/home/jovyan")


def push_proxies(images: Registry, programs: Programs, trees: Path, busybox: Layer) -> None:
    """The hub's proxy on Node, and Caddy before it for certificates."""
    node = images.layer(programs.pick(TAKEN_FOR_GRANTED), {"usr": trees / "proxy/usr"})
    images.push(Image(f"quay.io/jupyterhub/configurable-http-proxy:{PROXY}", [busybox, node],
                      command=["configurable-http-proxy"], environment={"NODE_ENV": "production"},
                      user="65534"))
    caddy = images.layer(programs.pick(["usr/bin/caddy", AUTHORITIES]))
    images.push(Image(f"docker.io/library/caddy:{CADDY}", [busybox, caddy], command=["caddy", "run"]))


def push_small_ones(images: Registry, programs: Programs, busybox: Layer, python: Layer, git: Layer) -> None:
    """What works beside the hub: image pullers, certificates, a firewall for pods, git."""
    for name, script in (("image-awaiter", "await_images.py"), ("secret-sync", "keep_certificates.py")):
        own = images.layer({"usr/local/bin/run.py": SCRIPTS / script})
        images.push(Image(f"quay.io/jupyterhub/k8s-{name}:{CHART}", [busybox, python, own],
                          entrypoint=["python3", "/usr/local/bin/run.py"], user="65534"))
    tables = programs.pick(["usr/sbin/xtables-nft-multi", *programs.glob(f"{LIBRARIES}/xtables/*.so")])
    tools = images.layer(tables, {"usr/sbin/iptables": Link("xtables-nft-multi")})
    images.push(Image(f"quay.io/jupyterhub/k8s-network-tools:{CHART}", [busybox, tools]))
    # as upstream's: it runs as root, in a folder that is root's
    images.push(Image(f"docker.io/alpine/git:{GIT_VERSION}", [busybox, git, images.layer({"git": Folder()})],
                      entrypoint=["git"], command=["--help"], folder="/git"))


def python_files(programs: Programs, tree: Path) -> dict[str, Entry]:
    """Python with its library, bash, and the libraries that wheels take for granted."""
    picked = programs.pick([f"usr/bin/{PYTHON}", "usr/bin/python3", "usr/bin/bash", AUTHORITIES,
                            *TAKEN_FOR_GRANTED, *programs.glob(f"{STDLIB}/lib-dynload/*.so")])
    around = {name: entry for name, entry in picked.items() if not name.startswith(f"{STDLIB}/")}
    return {**around, STDLIB: tree / STDLIB, "usr/bin/python": Link("python3")}


def git_files(programs: Programs) -> dict[str, Entry]:
    """git with its transports, where what is one program under many names stays one; and GNU find."""
    inside = [*programs.glob("usr/lib/git-core/*"), *programs.glob("usr/share/git-core/templates/**/*")]
    files = [name for name in inside if not programs.path(name).is_dir()]
    return programs.pick([*(f"usr/bin/{name}" for name in GIT), *files, "usr/bin/find", AUTHORITIES])


images = Part("jupyter-images", pack_images, inputs=(packages, *INPUTS),
              files=tuple(SCRIPTS / name for name in ("await_images.py", "keep_certificates.py")),
              versions={"jupyterhub": version_of("hub", "jupyterhub"),
                        "kubespawner": version_of("hub", "jupyterhub-kubespawner"),
                        "jupyterlab": version_of("user", "jupyterlab"),
                        "configurable-http-proxy": PROXY})
