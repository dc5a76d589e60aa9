# shellcheck shell=sh
# Whether each installed kernel has its headers and a ZFS module, what is loaded, and whether Secure Boot would refuse it.

echo "running $(uname -r)"
[ ! -e /sys/module/zfs/version ] || echo "loaded $(cat /sys/module/zfs/version)"
for image in /boot/vmlinuz-*; do
  [ -e "$image" ] || continue
  kernel=${image#/boot/vmlinuz-} headers=none
  [ ! -e "/lib/modules/$kernel/build/Makefile" ] || headers=there
  module=$(modinfo -k "$kernel" -F version zfs 2>/dev/null | head -n 1)
  echo "kernel $kernel $headers ${module:-none}"
done
dpkg-query -W -f '${Package} ${db:Status-Status}\n' 'linux-image-*amd64' 2>/dev/null |
  sed -n 's/^linux-image-\([a-z-]*amd64\) installed$/flavour \1/p'
dpkg-query -W -f '${Package} ${db:Status-Status}\n' 'linux-headers-*amd64' zfs-dkms 2>/dev/null |
  sed -n 's/^\(linux-headers-[a-z-]*amd64\|zfs-dkms\) installed$/package \1/p'
for secure in /sys/firmware/efi/efivars/SecureBoot-*; do
  [ ! -e "$secure" ] || [ "$(od -An -t u1 -j 4 -N 1 "$secure" | tr -d ' ')" != 1 ] || echo 'secure boot'
done
