"""NVIDIA's packages as the lab has them, on the root of its machines: apt installs what the role names, the module is loaded, and the
doctor's programs look."""

import os
import signal
import subprocess
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from fabfile.facts.machine import parse
from fabfile.programs import shell
from fabfile.rack.gpu import DRIVER, Gpu
from fabfile.rack.versions import Nvidia
from fabfile.resources import AptRepository, KernelHeaders, KernelModule, Packages
from fabfile.roles.gpu import gpu
from fabfile.rules import gpus as rules
from lab.forge import gpus
from lab.forge.order import make
from lab.forge.root import machine_root
from lab.places import forge_cache
from tests.forge.applying import Applies
from tests.unit.small_rack import small_rack

MODEL = "NVIDIA A100-PCIE-40GB"
VERSIONS = Nvidia.model_validate({
    "driver": {"repository": "https://developer.download.nvidia.com/compute/cuda/repos/debian13/x86_64/",
               "key": "https://developer.download.nvidia.com/compute/cuda/repos/debian13/x86_64/8793F200.pub"},
    "toolkit": {"version": "1.18.1", "repository": "https://nvidia.github.io/libnvidia-container/stable/deb/amd64/",
                "key": "https://nvidia.github.io/libnvidia-container/gpgkey"}})
START = """
set -e
mkdir machine
mount -t tmpfs none machine
cd machine
mkdir upper work root
mount -t overlay none -o lowerdir="$LOWER",upperdir=upper,workdir=work root
mount -t proc proc root/proc
mount -t sysfs -o ro sysfs root/sys
mount -t tmpfs none root/run
mkdir -p root/srv/www "root/lib/modules/$(uname -r)"
mount --bind -o ro "$WWW" root/srv/www
: >root/etc/apt/sources.list
: >"root/lib/modules/$(uname -r)/modules.order"
: >"root/lib/modules/$(uname -r)/modules.builtin"
printf 101 >root/usr/sbin/policy-rc.d
touch root/ready
exec sleep infinity
"""


class Box(Applies):
    """A machine's root, and a shell in it."""

    def __init__(self, process: subprocess.Popen[bytes], folder):
        self._enter = ["nsenter", "--mount", "--target", str(process.pid), "chroot", f"{folder}/machine/root"]

    def shell(self, text: str) -> str:
        done = subprocess.run([*self._enter, "dash", "-c", f"set -e\n{text}"], capture_output=True, text=True, timeout=300,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"})
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    folder = tmp_path_factory.mktemp("machine")
    store = make(gpus.packages, forge_cache(), lambda event: None)
    places = {"LOWER": str(store.folder(machine_root) / "root"), "WWW": str(store.folder(gpus.packages) / "www")}
    process = subprocess.Popen(["unshare", "--mount", "--propagation=private", "sh", "-c", START], cwd=folder, env=os.environ | places,
                               start_new_session=True)
    try:
        box, until = Box(process, folder), time.monotonic() + 30
        while subprocess.run([*box._enter, "test", "-e", "/ready"], capture_output=True).returncode:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.1)
        yield box
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def with_driver(branch: str):
    """The small rack, where chick1 has a GPU."""
    rack = small_rack()
    chick = rack.machines["chick1"].model_copy(update={"gpu": Gpu(driver=branch, model=MODEL)})
    return replace(rack, machines={**rack.machines, "chick1": chick}, versions=rack.versions.model_copy(update={"nvidia": VERSIONS}))


def given(box, rack) -> dict[type, list[str]]:
    """What differed from the role, by the kind of resource. The lab's internet is a folder here, without https."""
    differed = {}
    for resource in gpu(rack, rack.machines["chick1"]):
        if isinstance(resource, AptRepository):
            box.shell(f"install -D -m 644 {resource.key.replace('https://', '/srv/www/')} {resource.keyring}")
            resource = replace(resource, url=resource.url.replace("https://", "file:/srv/www/")).source()  # noqa: PLW2901
        differed[type(resource)] = [change.what for change in box.apply(resource)]
    return differed


def found(box, rack) -> dict[str, str]:
    """The doctor's findings about GPUs, by rule."""
    before = "say() { printf '%s\\t%s\\n' \"$1\" \"$2\"; }\neach() { while IFS= read -r line; do say \"$1\" \"$line\"; done; }\n"
    state = parse("chick1", box.shell(before + shell("gpu", driver=DRIVER)))
    look = SimpleNamespace(rack=rack, members={"chick1": state})
    return {rule.name: finding.what for rule in (rules.gpu_driver_missing, rules.gpu_module_missing, rules.gpu_driver_differs,
                                                 rules.gpu_missing) for finding in rule.find(look)}


def test_a_machine_without_anything(box):
    assert found(box, with_driver("580")) == {
        "gpu_driver_missing": "chick1 has no driver of branch 580", "gpu_module_missing": "the kernel of chick1 has no module nvidia",
        "gpu_missing": "nvidia-smi does not answer on chick1"}


def test_the_role_installs_and_loads_the_newest_of_the_branch(box):
    box.shell(f"echo '{MODEL}' >/etc/nvidia-gpus")
    rack = with_driver("580")
    differed = given(box, rack)
    assert differed[KernelHeaders] == [] and differed[KernelModule] == ["module nvidia is not loaded"]
    versions = box.shell("dpkg-query -W -f '${Package} ${Version}\\n' '*nvidia*' libcuda1").split()
    assert dict(zip(versions[::2], versions[1::2], strict=True)) == {
        **dict.fromkeys(("libcuda1", "nvidia-driver-cuda", "nvidia-kernel-open-dkms", "nvidia-kernel-support"), "580.95.05-1"),
        **dict.fromkeys(("nvidia-container-toolkit", "nvidia-container-toolkit-base"), "1.18.1-1")}
    assert box.shell("modinfo -F version nvidia; cat /sys/module/nvidia/version").split() == ["580.95.05"] * 2
    assert box.shell("ls /sys/module | wc -l").strip() != "1"  # the others are still seen
    assert found(box, rack) == {}
    assert not any(given(box, rack).values())


def test_a_driver_newer_than_the_module_that_runs(box):
    rack = with_driver("590")
    differed = given(box, rack)
    assert differed[Packages] and differed[KernelModule] == []
    assert found(box, rack) == {
        "gpu_driver_differs": "the kernel of chick1 has driver 580.95.05, its programs have 590.44.01",
        "gpu_missing": "nvidia-smi does not answer on chick1"}


def test_a_gpu_that_is_gone(box):
    box.shell("umount /sys/module; modprobe nvidia; : >/etc/nvidia-gpus")  # as after a reboot
    assert found(box, with_driver("590")) == {"gpu_missing": "chick1 has 0 of 1 GPUs"}
