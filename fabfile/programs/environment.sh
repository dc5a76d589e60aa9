# shellcheck shell=sh disable=SC2154
# rooster makes the environment that machines run in RAM: a kernel and one initramfs, from Debian's packages, which are unpacked
# and not installed, so that nothing of them runs here. It comes whole into its place or not at all.
#
# Given: place (its folder), old (what is removed then, a pattern), sources (lines for apt), suite, packages (with commas), dropped
# (patterns of paths), init, freeze, lease, sshd_config, rules (texts).
set -e

new=$place.new root=$new/root
rm -rf "$new"; mkdir -p "$new"; trap 'rm -rf "$new"' EXIT
printf '%s\n' "$sources" | mmdebstrap --quiet --mode=root --variant=extract --include="$packages" "$suite" "$root" -

kernel=$(find "$root/boot" -name 'vmlinuz-*' | sort -V | tail -n 1) version=${kernel##*/vmlinuz-}
[ -n "$version" ] || { echo "no kernel is among the packages" >&2; exit 1; }
cp "$kernel" "$new/linux"
# shellcheck disable=SC2086  # patterns
( cd "$root" && rm -rf $dropped )
depmod -b "$root" "$version"
ldconfig -r "$root"

mkdir -p "$root/etc/coop" "$root/etc/udev/rules.d" "$root/root" "$root/proc" "$root/sys" "$root/dev" "$root/run" "$root/tmp"
chmod 1777 "$root/tmp"
cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
{ cat "$root/usr/share/base-passwd/passwd.master"; echo 'sshd:x:100:65534::/run/sshd:/usr/sbin/nologin'; } >"$root/etc/passwd"
printf '%s\n' "$init" >"$root/init"; printf '%s\n' "$freeze" >"$root/etc/coop/freeze"; printf '%s\n' "$lease" >"$root/etc/coop/lease"
chmod 755 "$root/init" "$root/etc/coop/freeze" "$root/etc/coop/lease"
printf '%s\n' "$sshd_config" >"$root/etc/coop/sshd_config"
printf '%s\n' "$rules" >"$root/etc/udev/rules.d/99-coop.rules"
# whatever no package has a program for
# shellcheck disable=SC2016  # in there
chroot "$root" sh -c 'for name in $(busybox --list); do command -v "$name" >/dev/null || ln -s busybox "/usr/bin/$name"; done'
# shellcheck disable=SC2016
lacking=$(chroot "$root" sh -c 'for program in /usr/bin/* /usr/sbin/* /usr/lib/openssh/* /usr/lib/udev/*; do
  ldd "$program" 2>/dev/null | sed -n "s|^[[:space:]]*\(.*\) => not found|$program: \1|p"; done')
[ -z "$lacking" ] || { echo "programs lack libraries: $lacking" >&2; exit 1; }

( cd "$root" && find . -print0 | LC_ALL=C sort -z | cpio --null -o -H newc --quiet ) | zstd -q -T0 -15 >"$new/initrd"
rm -rf "$root"; echo "$version" >"$new/kernel"
rm -rf "$place"; mv -T "$new" "$place"
for each in $old; do [ "$each" = "$place" ] || rm -rf "$each"; done
echo "the environment has kernel $version, and its initramfs $(($(stat -c %s "$place/initrd") >> 20)) MiB"
