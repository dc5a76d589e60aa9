# shellcheck shell=sh
# Which kernel the machine would boot, and whether it has every module that DKMS builds, such as ZFS or a GPU's driver.

newest_kernel() { # its version, or nothing where there is none, as in a container
  newest=$(find /boot -maxdepth 1 -name 'vmlinuz-*' 2>/dev/null | sort -V | tail -n 1)
  echo "${newest#*/vmlinuz-}"
}
unbuilt() { # a sentence for each that it has not
  newest=$(newest_kernel)
  if [ -n "$newest" ] && command -v dkms >/dev/null; then
    for module in $(dkms status | sed -n 's/^\([^/,]*\)[/,].*/\1/p' | sort -u); do
      dkms status -m "$module" -k "$newest" | grep -q ': installed' ||
        echo "the module $module is not built for the kernel $newest, which the machine would boot: dkms status"
    done
  fi
}
