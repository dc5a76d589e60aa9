#!/bin/sh
# In place of a kernel that loads the module: what /sys/module says of one. modprobe runs it, as modprobe.d/nvidia.conf says; the
# version is that of the package now, and stays until the machine is rebooted.
set -eu

[ ! -e /sys/module/nvidia ] || exit 0
loaded=/run/nvidia/module
mkdir -p "$loaded/nvidia"
dpkg-query -W -f '${source:Upstream-Version}\n' nvidia-kernel-support >"$loaded/nvidia/version"
mount -t overlay overlay -o "lowerdir=$loaded:/sys/module" /sys/module
