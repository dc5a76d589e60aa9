# shellcheck shell=sh disable=SC2154
# Whether each installed kernel has its headers and a module that DKMS builds, and what is loaded. Given: module, blocked_by (another
# module that has the same device while it is loaded; or nothing).

echo "running $(uname -r)"
[ ! -e "/sys/module/$module/version" ] || echo "loaded $(cat "/sys/module/$module/version")"
[ -z "$blocked_by" ] || [ ! -e "/sys/module/$blocked_by" ] || echo blocked
for image in /boot/vmlinuz-*; do
  [ -e "$image" ] || continue
  kernel=${image#/boot/vmlinuz-} headers=none
  [ ! -e "/lib/modules/$kernel/build/Makefile" ] || headers=there
  built=$(modinfo -k "$kernel" -F version "$module" 2>/dev/null | head -n 1)
  echo "kernel $kernel $headers ${built:-none}"
done
dpkg-query -W -f '${Package} ${db:Status-Status}\n' 'linux-image-*amd64' 2>/dev/null |
  sed -n 's/^linux-image-\([a-z-]*amd64\) installed$/flavour \1/p'
dpkg-query -W -f '${Package} ${db:Status-Status}\n' 'linux-headers-*amd64' 2>/dev/null |
  sed -n 's/^\(linux-headers-[a-z-]*amd64\) installed$/package \1/p'
