"""The environment that machines run in RAM, as rooster makes it: which of Debian's packages, and what else lies in it.

It is another one whenever its recipe is: its folder is named by what it is made of, so that no machine is armed with a former one.
"""

from __future__ import annotations

from hashlib import sha256

from fabfile.programs import body, shell
from fabfile.rack import Rack
from fabfile.rack.install import MIRROR, SECURITY
from fabfile.resources.installation import BOOT
from fabfile.roles.rendering import render
from fabfile.upstream.preseed import SUITE

NEEDS = {"cpio": None, "mmdebstrap": None, "zstd": None}  # on rooster
PACKAGES = (
    "linux-image-amd64", "base-files", "base-passwd", "bash", "busybox", "coreutils", "dash", "diffutils", "grep", "kmod", "libc-bin",
    "procps", "sed", "udev", "util-linux",  # a small system
    "curl", "iproute2", "openssh-server", "wget",  # its network
    "dosfstools", "e2fsprogs", "fdisk", "gdisk", "lvm2", "mdadm", "mount", "zstd",  # what lies on disks
    "hdparm", "nvme-cli", "sg3-utils", "smartmontools",  # disks
    "dmidecode", "efibootmgr", "ipmitool", "lshw", "pciutils",  # firmware
    "fio", "memtester", "stress-ng",  # work for hours
)
# what these packages bring along and nothing there uses
DROPPED = (
    "boot", "var/lib/dpkg", "var/lib/apt", "var/cache/*", "usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/i18n",
    "usr/share/info", "usr/share/perl*", "usr/share/zoneinfo", "usr/share/snmp", "usr/share/lintian", "usr/share/initramfs-tools",
    "usr/share/bash-completion", "usr/share/X11", "usr/share/drirc.d", "usr/lib/python3*", "usr/bin/python3*", "usr/bin/perl*",
    "usr/lib/*/perl*", "usr/lib/*/libperl.so*", "usr/lib/*/libLLVM*", "usr/lib/llvm*", "usr/lib/*/libgallium*", "usr/lib/*/libz3.so*",
    "usr/lib/*/dri", "usr/lib/*/gbm", "usr/lib/*/gconv", "usr/lib/gcc", "usr/lib/systemd/system", "usr/lib/systemd/user",
    "usr/lib/systemd/systemd", "usr/lib/systemd/system-generators", "usr/lib/udev/hwdb.d", "usr/lib/udev/rules.d/*-md-raid-assembly.rules",
    "usr/lib/udev/rules.d/69-lvm.rules", "usr/lib/modules/*/kernel/sound", "usr/lib/modules/*/kernel/net/bluetooth",
    "usr/lib/modules/*/kernel/net/mac80211", "usr/lib/modules/*/kernel/net/wireless",
    *(f"usr/lib/modules/*/kernel/drivers/{name}" for name in (
        "accel", "accessibility", "android", "bluetooth", "comedi", "fpga", "gnss", "gpu", "greybus", "iio", "infiniband", "input/joystick",
        "input/tablet", "input/touchscreen", "isdn", "leds", "media", "misc", "net/can", "net/wireless", "net/wwan", "parport", "pcmcia",
        "platform", "power", "rtc", "soundwire", "staging", "thunderbolt", "usb/gadget", "vfio", "video", "w1")),
)


def build(rack: Rack) -> str:
    """Shell text for rooster, which takes minutes: the environment in its place, and former ones removed."""
    system = rack.install.systems[rack.install.default] if rack.install else None
    mirror, security = (system.mirror, system.security) if system else (MIRROR, SECURITY)
    sources = (f"deb {mirror} {SUITE} main", f"deb {mirror} {SUITE}-updates main", f"deb {security} {SUITE}-security main")
    return made(place(), f"{BOOT}/environment-*", "\n".join(sources))


def made(place: str, old: str, sources: str) -> str:
    """The same for any place, and lines of sources.list. `old`: a pattern of what is removed afterwards."""
    return shell("environment", place=place, old=old, sources=sources, suite=SUITE, **_recipe())


def place() -> str:
    """Its folder on rooster: `linux` and `initrd` lie there."""
    told = "\n".join((body("environment"), *(f"{key}={value}" for key, value in sorted(_recipe().items()))))
    return f"{BOOT}/environment-{sha256(told.encode()).hexdigest()[:12]}"


def _recipe() -> dict[str, str]:
    script = "#!/bin/sh\n"
    init = shell("ram", proc="/proc", sys="/sys", run="/run/coop", lease="/etc/coop/lease", udevd="/usr/lib/systemd/systemd-udevd")
    return {"packages": ",".join(PACKAGES), "dropped": " ".join(DROPPED),
            "init": f"{script}export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C\n{init}", "freeze": script + body("freeze"),
            "lease": f"{script}resolv=/etc/resolv.conf\n{body('lease')}", "sshd_config": render("ram/etc/coop/sshd_config"),
            "rules": render("ram/etc/udev/rules.d/99-coop.rules")}
