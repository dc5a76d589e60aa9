# shellcheck shell=sh disable=SC2154
# What a member says of its NVIDIA GPUs, as machine.sh does; behind that. Given: driver (the package of its driver).

say gpu-built "$(modinfo -F version nvidia 2>/dev/null | head -n 1)"  # for the kernel that runs
say gpu-loaded "$(cat /sys/module/nvidia/version 2>/dev/null)"
say gpu-package "$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$driver" 2>/dev/null | sed -n 's/^installed //p')"
[ ! -e /sys/module/nouveau ] || say gpu-nouveau yes
if seen=$(timeout -s KILL 20 nvidia-smi --query-gpu=name --format=csv,noheader 2>&1); then
  say gpu-answers yes
  printf '%s\n' "$seen" | grep -v '^No devices' | each gpu
else
  say gpu-error "$(printf %s "$seen" | tr '\n' ' ' | cut -c 1-300)"
fi
