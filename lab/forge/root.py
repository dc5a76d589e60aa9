"""The root directory of every machine: Debian as its installer leaves it, before any role has touched it."""
from __future__ import annotations

from pathlib import Path

from lab.forge import debian
from lab.forge.job import Job
from lab.forge.part import Part

#: A preseeded installation: the base system and an SSH server. A container needs no kernel, loader or udev.
PACKAGES = (
    "systemd-sysv", "dbus", "openssh-server", "sudo", "python3-minimal", "bash-completion", "ca-certificates",
    "curl", "gpgv", "iproute2", "iputils-ping", "kmod", "less", "netbase", "nftables", "procps", "vim-tiny",
)

#: Nothing in a container answers to these, or they would ask the mirror in the middle of a test.
MASKED = (
    "apt-daily-upgrade.timer", "apt-daily.timer", "console-getty.service", "dev-hugepages.mount",
    "e2scrub_all.timer", "fstrim.timer", "getty@tty1.service", "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-networkd-wait-online.service",
)

#: Disks that many machines share need no sync of each file, and nobody reads manuals here.
DPKG = ("force-unsafe-io\npath-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\n"
        "path-exclude=/usr/share/locale/*\n")

FILES = {
    "etc/apt/sources.list": f"deb {debian.PUBLIC_MIRROR} {debian.SUITE} main\n",
    "etc/apt/apt.conf.d/90lab": 'Acquire::Languages "none";\n',
    # A container's clock is the computer's: chrony may follow its sources, but not set it.
    "etc/systemd/system/chrony.service.d/lab.conf":
        "[Unit]\nConditionCapability=\n\n[Service]\nExecStart=\nExecStart=!/usr/sbin/chronyd -F 1 -x\n",
    "etc/dpkg/dpkg.cfg.d/lab": DPKG,
    "etc/machine-id": "",
    "etc/hostname": "",
    "etc/resolv.conf": "",
}


def bootstrap(job: Job) -> None:
    """The whole root in job.out/root, 160 MB."""
    root = job.out / "root"
    debian.bootstrap(job, PACKAGES, root, dpkg=DPKG)
    (root / "etc/dpkg/dpkg.cfg.d/99mmdebstrap").unlink()
    for key in (root / "etc/ssh").glob("ssh_host_*"):     # every machine makes its own
        key.unlink()
    write(root, FILES)
    for unit in MASKED:
        (root / "etc/systemd/system" / unit).unlink(missing_ok=True)
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).unlink(missing_ok=True)
        (root / name).write_text(text)


machine_root = Part("machine-root", bootstrap, versions={"debian": "13"})
