"""What happens in a new process before it becomes a machine: its disk, its devices, its view of the kernel.

The process is already number 1 of a new pid namespace. Every function here runs in it, between fork and exec.
"""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from . import kernel
from .cgroups import Groups, is_version_2
from .computer import FEATURES

DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "kmsg", "fuse", "net/tun")
ON_DISK = ("containerd", "kubelet", "etcd")  # in /var/lib; containers' own overlays cannot lie on an overlay
CAP_SYS_MODULE, CAP_SYS_TIME = 16, 25  # the computer's modules and clock are not the machine's to change
SHARED = "srv/shared"  # the same on every machine, in the place of a file server: the computer's kernel may have no NFS
PLAIN = kernel.NO_SUID | kernel.NO_DEV | kernel.NO_EXEC
SYSTEMD = "/lib/systemd/systemd"


@dataclass(frozen=True)
class Disk:
    """A root file system: what is written goes to `folder`, the rest comes from the layers, first on top."""

    folder: Path
    layers: tuple[Path, ...]

    def mount(self) -> Path:
        """Mount it at folder/root, within this mount namespace."""
        for part in ("upper", "work", "root"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        lower = ":".join(map(str, self.layers))
        options = f"lowerdir={lower},upperdir={self.folder}/upper,workdir={self.folder}/work"
        kernel.mount("overlay", self.folder / "root", "overlay", options=options)
        return self.folder / "root"


def enter_namespaces(network: Path, groups: Groups, group: str) -> None:
    """Leave the computer's own namespaces for the machine's; only the network's exists beforehand."""
    os.setsid()
    groups.join(group)
    kernel.enter(network, kernel.NET)
    kernel.unshare(kernel.MOUNT | kernel.UTS | kernel.IPC | kernel.CGROUP)
    kernel.mount("none", "/", flags=kernel.RECURSIVE | kernel.PRIVATE)


def console(log: Path) -> None:
    """Nothing to read, and everything said goes to the log."""
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(written, 1)
    os.dup2(written, 2)


def boot(name: str, disk: Disk, groups: Groups, shared: Path, more: Mapping[str, str]) -> None:
    """Become a machine: the overlay as root, systemd as process 1 with `more` in its environment.

    Does not return.
    """
    root = disk.mount()
    for part in ON_DISK:
        (disk.folder / "volumes" / part).mkdir(parents=True, exist_ok=True)
        (root / "var/lib" / part).mkdir(parents=True, exist_ok=True)
        kernel.bind(disk.folder / "volumes" / part, root / "var/lib" / part)
    (root / SHARED).mkdir(parents=True, exist_ok=True)
    kernel.bind(shared, root / SHARED)
    kernel.mount("proc", root / "proc", "proc", PLAIN)
    make_devices(root)
    own_kernel_settings(root, name)
    kernel.mount("sysfs", root / "sys", "sysfs", kernel.READ_ONLY | PLAIN)
    kernel.mount("tmpfs", root / "run", "tmpfs", kernel.NO_SUID | kernel.NO_DEV, "mode=755")
    mount_groups(root, groups)
    kernel.set_hostname(name)
    offer_modules(root)
    kernel.change_root(root)
    kernel.mount("none", "/", flags=kernel.RECURSIVE | kernel.SHARED)  # kubelet's mounts reach into pods
    for capability in (CAP_SYS_MODULE, CAP_SYS_TIME):
        kernel.give_up_capability(capability)
    environment = {"container": "coop", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **more}
    if not is_version_2(groups.hierarchies):
        environment |= {"SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE": "1", "SYSTEMD_PROC_CMDLINE":
                        "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 systemd.unified_cgroup_hierarchy=0"}
    forget_signals()
    os.execve(SYSTEMD, [SYSTEMD, "--log-target=console", "--show-status=1"], environment)


def serve(name: str, disk: Disk, command: Sequence[str], shares: Mapping[str, Path], own: Mapping[str, Path] | None = None) -> None:
    """Become a program, `shares` mounted read-only in its root, and `own` to be written. Does not return."""
    root = disk.mount()
    kernel.mount("proc", root / "proc", "proc", PLAIN)
    make_devices(root)
    kernel.mount("tmpfs", root / "run", "tmpfs", kernel.NO_SUID | kernel.NO_DEV, "mode=755")
    for target, source in {**shares, **(own or {})}.items():
        (root / target).mkdir(parents=True, exist_ok=True)
        kernel.bind(source, root / target, read_only=target in shares)
    kernel.set_hostname(name)
    kernel.change_root(root)
    forget_signals()
    os.execve(command[0], command, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})


def forget_signals() -> None:
    """Give exec a process without the supervisor's handlers and masks."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def make_devices(root: Path) -> None:
    """A /dev with what programs expect and no disk of the computer's in it."""
    dev = root / "dev"
    kernel.mount("tmpfs", dev, "tmpfs", kernel.NO_SUID, "mode=755")
    for folder in ("pts", "shm", "mqueue", "net"):
        (dev / folder).mkdir()
    for name in DEVICES:
        if Path("/dev", name).exists():
            (dev / name).touch()
            kernel.bind(Path("/dev", name), dev / name)
    kernel.mount("devpts", dev / "pts", "devpts", kernel.NO_SUID | kernel.NO_EXEC,
                 "newinstance,ptmxmode=666,mode=620,gid=5")
    kernel.mount("tmpfs", dev / "shm", "tmpfs", kernel.NO_SUID | kernel.NO_DEV)
    kernel.mount("mqueue", dev / "mqueue", "mqueue", PLAIN)
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
    for name, target in links.items():
        (dev / name).symlink_to(target)


def own_kernel_settings(root: Path, name: str) -> None:
    """Let the machine change settings as it likes without changing the computer's.

    Network settings belong to the namespace anyway. All others are kernel-wide, so the machine gets a copy:
    it reads back what it wrote, and nobody else does. It also gets its own boot id, by which a reboot is
    told; no swap, as the computer's would stop kubelet (and `swapoff -a` would empty it); and no key that
    restarts the computer.
    """
    settings = root / "proc/sys"
    for group in sorted(set(os.listdir("/proc/sys")) - {"net"}):
        kernel.mount("tmpfs", settings / group, "tmpfs", PLAIN, "mode=555")
        for folder, folders, files in os.walk(f"/proc/sys/{group}"):
            folders[:] = [sub for sub in folders if sub not in ("binfmt_misc", "random")]
            copy = settings / Path(folder).relative_to("/proc/sys")
            copy.mkdir(exist_ok=True)
            for file in files:
                with suppress(OSError):  # some can only be written
                    (copy / file).write_bytes(Path(folder, file).read_bytes())
    own = settings / "kernel"
    for setting in ("hostname", "domainname"):  # these two are the namespace's
        kernel.bind(Path("/proc/sys/kernel", setting), own / setting)
    (own / "random").mkdir()
    kernel.bind("/proc/sys/kernel/random", own / "random")
    (own / ".boot_id").write_text(f"{uuid.uuid4()}\n")
    kernel.bind(own / ".boot_id", own / "random/boot_id", read_only=True)
    (own / ".swaps").write_text("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")
    kernel.bind(own / ".swaps", root / "proc/swaps", read_only=True)
    if (root / "proc/sysrq-trigger").exists():
        kernel.bind("/dev/null", root / "proc/sysrq-trigger")


def mount_groups(root: Path, groups: Groups) -> None:
    """Show the machine its own control groups, in the form that the computer has them."""
    top = root / "sys/fs/cgroup"
    if is_version_2(groups.hierarchies):
        kernel.mount("cgroup2", top, "cgroup2", PLAIN, "nsdelegate,memory_recursiveprot")
        return
    kernel.mount("tmpfs", top, "tmpfs", PLAIN, "mode=755")
    for hierarchy in groups.hierarchies:
        if hierarchy.controllers:
            (top / hierarchy.folder).mkdir()
            option = ("none," if "=" in hierarchy.controllers else "") + hierarchy.controllers
            kernel.mount("cgroup", top / hierarchy.folder, "cgroup", PLAIN, option)
            for controller in hierarchy.folder.split(","):
                if controller != hierarchy.folder:
                    (top / controller).symlink_to(hierarchy.folder)


def offer_modules(root: Path) -> None:
    """Let modprobe find what the computer's kernel has: its modules, or a list of what is built in."""
    release = os.uname().release
    folder = root / "lib/modules" / release
    if Path("/lib/modules", release).is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        kernel.bind(Path("/lib/modules", release), folder, read_only=True)
    elif not folder.is_dir():
        folder.mkdir(parents=True)
        there = [f"kernel/{module}.ko\n" for module, sign in FEATURES.items() if Path(sign).exists()]
        (folder / "modules.builtin").write_text("".join(there))
        (folder / "modules.order").touch()
        subprocess.run(["chroot", root, "/sbin/depmod", release], check=False)
