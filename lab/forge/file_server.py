"""What emulated machines with a system need: a layer over the machines' root with a kernel, and with the ZFS module built for it
once, here. A build takes minutes on this computer, and would take an hour on an emulated one."""
from __future__ import annotations

import shutil

from lab.forge import debian
from lab.forge.emulator import emulator
from lab.forge.job import Job
from lab.forge.part import Part
from lab.forge.root import machine_root

__all__ = ["emulator", "part", "system"]

PACKAGES = ("linux-image-cloud-amd64", "linux-headers-cloud-amd64", "initramfs-tools", "zstd", "udev", "e2fsprogs", "zfs-dkms",
            "zfsutils-linux", "zfs-zed", "nfs-common", "nfs-kernel-server", "sanoid", "chrony", "nftables")

#: Runs in a mount namespace of its own, so whatever happens nothing stays mounted.
BUILD = r"""
mount -t overlay layer -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$WORK" "$ROOT"
mount -t proc proc "$ROOT/proc"
mount -t tmpfs -o mode=755 tmpfs "$ROOT/dev"
for device in null zero full random urandom tty; do touch "$ROOT/dev/$device"; mount --bind "/dev/$device" "$ROOT/dev/$device"; done
for place in run tmp; do mount -t tmpfs tmpfs "$ROOT/$place"; done
mount --bind "$ARCHIVES" "$ROOT/var/cache/apt/archives"
mount -t tmpfs -o mode=755 tmpfs "$ROOT/var/lib/apt/lists"
mkdir -p "$ROOT/var/lib/apt/lists/partial"
mount --bind -o ro /etc/resolv.conf "$ROOT/etc/resolv.conf"
printf '%s\n' "$SOURCES" > "$ROOT/run/sources.list"
printf '#!/bin/sh\nexit 101\n' > "$ROOT/usr/sbin/policy-rc.d"   # no daemon may start in here
chmod 755 "$ROOT/usr/sbin/policy-rc.d"
inside() {
    chroot "$ROOT" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive \
        ${PROXY:+http_proxy="$PROXY"} "$@"
}
apt() { inside apt-get -q -y -o Dir::Etc::SourceList=/run/sources.list -o Dir::Etc::SourceParts=/dev/null "$@"; }
apt update
apt install --no-install-recommends "$@"
kernel=$(ls "$ROOT/lib/modules")
inside modinfo -k "$kernel" zfs >/dev/null || inside dkms autoinstall -k "$kernel"
inside modinfo -k "$kernel" -F version zfs
rm "$ROOT/usr/sbin/policy-rc.d"
find "$ROOT/var/log" -type f -delete
rm -rf "$ROOT"/var/lib/dkms/zfs/*/build "$ROOT/etc/hostid"
cp "$ROOT/boot/vmlinuz-$kernel" "$OUT/vmlinuz"
cp "$ROOT/boot/initrd.img-$kernel" "$OUT/initrd"
"""


def build(job: Job) -> None:
    """The layer in job.out/root, and its kernel and initrd beside it."""
    places = {"UPPER": job.out / "root", "WORK": job.out / "work", "ROOT": job.out / "merged"}
    for folder in places.values():
        folder.mkdir()
    job.run("unshare", "--mount", "--propagation=private", "sh", "-euc", BUILD, "sh", *PACKAGES,
            env={**{name: str(folder) for name, folder in places.items()}, "LOWER": str(job[machine_root] / "root"),
                 "SOURCES": f"deb {debian.mirror()} {debian.SUITE} main contrib", "ARCHIVES": str(job.scratch("debs")),
                 "PROXY": debian.proxy(job), "OUT": str(job.out)})
    shutil.rmtree(places["WORK"])
    places["ROOT"].rmdir()


def nothing(job: Job) -> None:
    """It is in the inputs."""


system = Part("system-with-zfs", build, inputs=(machine_root,), turn="apt")
part = Part("file-server", nothing, inputs=(emulator, system))
