# shellcheck shell=sh disable=SC2154
# rooster makes an image of a system: a GPT disk with a loader for BIOS (partition 1) and for UEFI (2, signed), and Debian (3).
# Nothing is mounted and no loop device is used. What makes a machine of it, such as its name and its keys, is written there.
# It comes whole into its place or not at all.
#
# Given: place (its folder), sources (lines for apt), suite, packages (with commas), user.
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

# as small as what it holds allows: each byte is written to a machine's disk, where the partition and its file system grow
mebibytes=$(($(du -smx "$root" | cut -f 1) * 6 / 5 + 256))
truncate -s "$((514 + mebibytes + 1))M" "$disk"
sgdisk -n 1:2048:+1M -t 1:ef02 -n 2:4096:+512M -t 2:ef00 -n 3:1052672:"+${mebibytes}M" -t 3:8304 "$disk" >/dev/null

# BIOS: the first sector reads the loader's at 2048, and that one the rest behind it
number() { printf '%b' "$(printf '\\0%03o\\0%03o\\0\\0\\0\\0\\0\\0' $(($1 & 255)) $(($1 >> 8)))"; }  # in 8 bytes, the lowest first
dd status=none if="$root/usr/lib/grub/i386-pc/boot.img" of="$disk" bs=440 count=1 conv=notrunc
number 2048 | dd status=none of="$disk" bs=1 seek=92 conv=notrunc
printf '\220\220' | dd status=none of="$disk" bs=1 seek=102 conv=notrunc  # the disk's number is what the BIOS says
dd status=none if="$root/boot/grub/i386-pc/core.img" of="$disk" bs=512 seek=2048 conv=notrunc
number 2049 | dd status=none of="$disk" bs=1 seek=$((2048 * 512 + 500)) conv=notrunc

# UEFI: Debian's signed loaders, under the name that firmware looks for by itself, and under Debian's
mkfs.vfat --offset 4096 -F 32 -n EFI "$disk" $((512 * 1024)) >/dev/null
export MTOOLS_SKIP_CHECK=1
esp=$disk@@$((4096 * 512))
mmd -i "$esp" ::/EFI ::/EFI/BOOT ::/EFI/debian
for folder in BOOT debian; do
  case $folder in BOOT) first=BOOTX64.EFI ;; *) first=shimx64.efi ;; esac
  mcopy -i "$esp" "$root/usr/lib/shim/shimx64.efi.signed" "::/EFI/$folder/$first"
  mcopy -i "$esp" "$root/usr/lib/shim/mmx64.efi.signed" "::/EFI/$folder/mmx64.efi"
  mcopy -i "$esp" "$root/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" "::/EFI/$folder/grubx64.efi"
done

# the journal does not grow with it: as a larger file system has it by default
mkfs.ext4 -q -F -J size=64 -E "offset=$((1052672 * 512))" -d "$root" "$disk" "${mebibytes}M"
rm -rf "$root"
size=$(stat -c %s "$disk")
zstd -q -T0 -6 -o "$new/image" "$disk"; rm "$disk"
{ echo "sha256 $(sha256sum <"$new/image" | cut -d ' ' -f 1)"; echo "size $size"; echo "built $(date +%s)"; } >"$new/about"
rm -rf "$place"; mv -T "$new" "$place"
echo "the image has $((size >> 20)) MiB, and $(($(stat -c %s "$place/image") >> 20)) MiB compressed"
