#!/bin/sh
# In place of NVIDIA's: the GPUs of the machine are those of /etc/nvidia-gpus, the name of a model a line.

library=$(cat /usr/lib/nvidia/version)
if ! kernel=$(cat /sys/module/nvidia/version 2>/dev/null); then
  echo "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running."
  exit 9
elif [ "$kernel" != "$library" ]; then
  printf 'Failed to initialize NVML: Driver/library version mismatch\nNVML library version: %s\n' "${library%.*}"
  exit 18
elif [ "$*" != '--query-gpu=name --format=csv,noheader' ]; then
  echo 'this nvidia-smi knows nothing but --query-gpu=name --format=csv,noheader' >&2
  exit 2
fi
grep . /etc/nvidia-gpus 2>/dev/null || echo 'No devices were found'
