"""The images of a hub, under the names that the jupyterhub chart and its users know, and one image of the lab's own."""
from __future__ import annotations

import json
import re
from pathlib import Path

from lab.forge.job import Job
from lab.forge.jupyter.packages import HERE, INPUTS, PYTHON, STDLIB, Programs, packages
from lab.forge.oci import Entry, Files, Folder, Image, Layer, Link, Registry, registry
from lab.forge.part import Part

CHART = "4.4.0"  # the jupyterhub chart whose images these stand for
SCRIPTS = HERE.parents[1] / "hub/images"
USER = "1000"

#: What Jupyter's own images have besides packages.
HOME: Files = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/bash\njovyan:x:1000:100::/home/jovyan:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": b"root:x:0:\nusers:x:100:\njovyan:x:1000:\nnogroup:x:65534:\n",
    "home/jovyan": Folder(0o777),
    "srv/jupyterhub": Folder(0o777),
}
ENVIRONMENT = ("LANG=C.UTF-8", "HOME=/home/jovyan", "SHELL=/bin/bash")

#: marimo beside JupyterLab, as RStudio would be: its own server behind Jupyter's, reached as /marimo/.
IDE = {"ServerProxy": {"servers": {"marimo": {
    "command": ["marimo", "edit", "--headless", "--no-token", "--skip-update-check", "--host", "127.0.0.1", "--port", "{port}",
                "--base-url", "{base_url}marimo"],
    "absolute_url": True, "timeout": 60, "launcher_entry": {"title": "marimo"}}}}}

GIT = ("git", "git-receive-pack", "git-upload-archive", "git-upload-pack")


def version_of(lock: str, package: str) -> str:
    """"5.5.4" for jupyterhub in hub.lock."""
    found = re.search(rf"^{re.escape(package)}==(\S+)", (HERE / f"{lock}.lock").read_text(), re.M)
    if not found:
        raise LookupError(f"{lock}.lock has no {package}")
    return found[1]


MARIMO = version_of("ide", "marimo")
PROXY = json.loads((HERE / "package-lock.json").read_text())["packages"]["node_modules/configurable-http-proxy"]["version"]


def pack_images(job: Job) -> None:
    programs, trees = Programs(job), job[packages]
    with registry(job.out) as images:
        busybox = images.layer(programs.busybox(job))
        python = images.layer(python_files(programs, trees / "python"))
        git = images.layer(git_files(programs))
        shared = images.layer({"usr": trees / "shared/usr"}, HOME)
        user = [busybox, python, git, shared, images.layer({"usr": trees / "user/usr"})]
        ide = images.layer({"usr": trees / "ide/usr"},
                           {"usr/local/etc/jupyter/jupyter_server_config.d/marimo.json": json.dumps(IDE).encode()})

        images.push(Image(f"quay.io/jupyterhub/k8s-hub:{CHART}",
                          [busybox, python, shared, images.layer({"usr": trees / "hub/usr"})], environment=ENVIRONMENT,
                          command=["jupyterhub", "--config", "/usr/local/etc/jupyterhub/jupyterhub_config.py"],
                          user=USER, folder="/srv/jupyterhub"))
        for name, layers in ((f"quay.io/jupyterhub/k8s-singleuser-sample:{CHART}", user),
                             (f"images.flock.example/marimo:{MARIMO}", [*user, ide])):
            images.push(Image(name, layers, environment=ENVIRONMENT, command=["jupyterhub-singleuser"], user=USER,
                              folder="/home/jovyan"))
        push_small_ones(images, programs, trees, busybox, python, git)


def push_small_ones(images: Registry, programs: Programs, trees: Path, busybox: Layer, python: Layer, git: Layer) -> None:
    """The proxy, and what works beside the hub: certificates, pullers, firewall, git."""
    node = programs.pick(["usr/lib/x86_64-linux-gnu/libstdc++.so.6", "usr/lib/x86_64-linux-gnu/libgcc_s.so.1"])
    images.push(Image(f"quay.io/jupyterhub/configurable-http-proxy:{PROXY}",
                      [busybox, images.layer(node, {"usr": trees / "proxy/usr"})], environment=["NODE_ENV=production"],
                      command=["configurable-http-proxy"], user="65534"))
    caddy = images.layer(programs.pick(["usr/bin/caddy", "etc/ssl/certs/ca-certificates.crt"]))
    images.push(Image(f"docker.io/library/caddy:{CADDY}", [busybox, caddy], command=["caddy", "run"]))
    for name, script in (("image-awaiter", "await_images.py"), ("secret-sync", "keep_certificates.py")):
        layer = images.layer({"usr/local/bin/run.py": SCRIPTS / script})
        images.push(Image(f"quay.io/jupyterhub/k8s-{name}:{CHART}", [busybox, python, layer],
                          entrypoint=["python3", "/usr/local/bin/run.py"], user="65534"))
    tables = programs.pick(["usr/sbin/xtables-nft-multi", *programs.glob("usr/lib/x86_64-linux-gnu/xtables/*.so")])
    images.push(Image(f"quay.io/jupyterhub/k8s-network-tools:{CHART}",
                      [busybox, images.layer({**tables, "usr/sbin/iptables": Link("xtables-nft-multi")})]))
    # as upstream's: root, and a folder of root's to start in
    images.push(Image(f"docker.io/alpine/git:{GIT_VERSION}", [busybox, git, images.layer({"git": Folder()})],
                      entrypoint=["git"], command=["--help"], folder="/git"))


def python_files(programs: Programs, tree: Path) -> dict[str, Entry]:
    """Python with its library, bash, and the libraries that wheels take for granted."""
    modules = programs.glob(f"{STDLIB}/lib-dynload/*.so")
    picked = programs.pick([f"usr/bin/{PYTHON}", "usr/bin/python3", "usr/bin/bash", "etc/ssl/certs/ca-certificates.crt",
                            *(f"usr/lib/x86_64-linux-gnu/{name}" for name in ("libstdc++.so.6", "libgcc_s.so.1", "libz.so.1")),
                            *modules])
    without_library = {name: entry for name, entry in picked.items() if not name.startswith(f"{STDLIB}/")}
    return {**without_library, "usr/lib": tree / "usr/lib", "usr/bin/python": Link("python3")}


def git_files(programs: Programs) -> dict[str, Entry]:
    """git with its transports; what is one program under many names stays one."""
    core = [name for name in programs.glob("usr/lib/git-core/*") if not programs.path(name).is_dir()]
    templates = programs.glob("usr/share/git-core/templates/**/*")
    picked = programs.pick([*(f"usr/bin/{name}" for name in GIT), *core, "etc/ssl/certs/ca-certificates.crt"])
    return {**picked, **{name: programs.path(name) for name in templates if not programs.path(name).is_dir()}}


#: Debian's, which the tags of the images say.
CADDY, GIT_VERSION = "2.6.2", "2.47.3"

images = Part("jupyter-images", pack_images, inputs=(packages, *INPUTS),
              files=tuple(SCRIPTS / name for name in ("await_images.py", "keep_certificates.py")),
              versions={"jupyterhub": version_of("hub", "jupyterhub"), "kubespawner": version_of("hub", "jupyterhub-kubespawner"),
                        "jupyterlab": version_of("user", "jupyterlab"), "configurable-http-proxy": PROXY, "marimo": MARIMO})
