# shellcheck shell=sh disable=SC2154
# rooster makes an image of a system, for a GPT disk: its first 2 MiB, with the partition table and the loader for BIOS (partition 1), and
# behind it Debian's file system, for partition 3, as small as what it holds. Between them lies the EFI partition (2), which is not in it:
# each machine makes that, and what is its own, such as its name and its keys. Nothing is mounted and no loop device is used. It comes
# whole into its place or not at all.
#
# Given: place (its folder), sources (lines for apt), suite, packages (with commas), user, begins (the MiB of the disk where partition 3
# does).
set -e

new=$place.new root=$new/root disk=$new/disk
# mmdebstrap mounts /proc and /sys there, and leaves them where somebody looks into them just then; so does one that was killed
unmounted() { findmnt -rno TARGET | grep "^$new/" | sort -r | while read -r mount; do umount -l "$mount"; done; }
gone() { unmounted; rm -rf --one-file-system "$new"; }
gone; mkdir -p "$new"; trap gone EXIT
printf '%s\n' "$sources" | mmdebstrap --quiet --mode=root --variant=important --dpkgopt=force-unsafe-io \
  --include="$packages" "$suite" "$root" -
unmounted

printf '%s\n' "$sources" >"$root/etc/apt/sources.list"
[ "$user" = root ] || chroot "$root" adduser --quiet --disabled-password --gecos "$user" "$user"
rm -f "$root"/etc/dpkg/dpkg.cfg.d/99mmdebstrap "$root"/etc/ssh/ssh_host_* "$root/etc/hostname" "$root/etc/resolv.conf" "$root"/var/lib/apt/lists/*_* "$root"/var/cache/apt/*.bin
: >"$root/etc/machine-id"
cp "$root/usr/share/grub/default/grub" "$root/etc/default/grub"  # as the packages that install a loader do
mkdir -p "$root/boot/efi" "$root/boot/grub/i386-pc"
cp "$root"/usr/lib/grub/i386-pc/*.mod "$root"/usr/lib/grub/i386-pc/*.lst "$root/boot/grub/i386-pc/"
chroot "$root" grub-mkimage -O i386-pc -d /usr/lib/grub/i386-pc -p '(,gpt3)/boot/grub' -o /boot/grub/i386-pc/core.img biosdisk part_gpt ext2

# each byte is written to a machine's disk, where the partition and its file system grow. The journal does not: it is as large as a larger
# file system has it by default
system=$new/system
mkfs.ext4 -q -F -J size=64 -d "$root" "$system" "$(($(du -smx "$root" | cut -f 1) * 6 / 5 + 256))M"
said=$(resize2fs -M "$system" 2>&1) || { echo "$said" >&2; exit 1; }
truncate -s %1M "$system"
mebibytes=$(($(stat -c %s "$system") >> 20))
truncate -s "$((begins + mebibytes + 1))M" "$disk"
sgdisk -n 1:2048:+1M -t 1:ef02 -n "2:4096:+$((begins - 2))M" -t 2:ef00 -n "3:$((begins * 2048)):+${mebibytes}M" -t 3:8304 "$disk" >/dev/null

# BIOS: the first sector reads the loader's at 2048, and that one the rest behind it
number() { printf '%b' "$(printf '\\0%03o\\0%03o\\0\\0\\0\\0\\0\\0' $(($1 & 255)) $(($1 >> 8)))"; }  # in 8 bytes, the lowest first
dd status=none if="$root/usr/lib/grub/i386-pc/boot.img" of="$disk" bs=440 count=1 conv=notrunc
number 2048 | dd status=none of="$disk" bs=1 seek=92 conv=notrunc
printf '\220\220' | dd status=none of="$disk" bs=1 seek=102 conv=notrunc  # the disk's number is what the BIOS says
dd status=none if="$root/boot/grub/i386-pc/core.img" of="$disk" bs=512 seek=2048 conv=notrunc
number 2049 | dd status=none of="$disk" bs=1 seek=$((2048 * 512 + 500)) conv=notrunc

rm -rf "$root"
size=$(stat -c %s "$disk")
truncate -s 2M "$disk"; cat "$system" >>"$disk"; rm "$system"
zstd -q -T0 -6 -o "$new/image" "$disk"; rm "$disk"
{ echo "sha256 $(sha256sum <"$new/image" | cut -d ' ' -f 1)"; echo "size $size"; echo "begins $begins"; echo "built $(date +%s)"; } >"$new/about"
rm -rf "$place"; mv -T "$new" "$place"
echo "the image has $((2 + mebibytes)) MiB, and $(($(stat -c %s "$place/image") >> 20)) MiB compressed"
