# shellcheck shell=sh disable=SC2154
# The updates of a machine's packages; whether it has to be started again afterwards is marked before the first is installed.
# Behind apt.sh. Given: names (packages, by spaces), only ("yes": these and what they need, else all that is not on hold), mark
# (a file) and reboots ("yes": mark it).

[ "$reboots" != yes ] || { mkdir -p "${mark%/*}"; : >"$mark"; sync -- "$mark"; }
dpkg --configure -a --force-confdef --force-confold
apt --fix-broken install
fetch_lists
if [ "$only" = yes ]; then
  # shellcheck disable=SC2086  # names
  auto=$(apt-mark showauto $names)
  # shellcheck disable=SC2086
  apt --only-upgrade install $names
  # shellcheck disable=SC2086
  [ -z "$auto" ] || apt-mark auto $auto >/dev/null
else apt --with-new-pkgs upgrade
fi
apt clean
kernel=$(find /boot -maxdepth 1 -name 'vmlinuz-*' 2>/dev/null | sort -V | tail -n 1)
if [ -n "$kernel" ] && command -v dkms >/dev/null; then
  kernel=${kernel#*/vmlinuz-}
  for module in $(dkms status | sed -n 's/^\([^/,]*\)[/,].*/\1/p' | sort -u); do
    dkms status -m "$module" -k "$kernel" | grep -q ': installed' ||
      { echo "the module $module is not built for the kernel $kernel, which the machine would boot: dkms status" >&2; exit 1; }
  done
fi
