# shellcheck shell=sh disable=SC2154
# An image is written to the named disk, from rooster, and becomes this machine's system. Its first MiB, and with it the
# partition table, is written when the sum of all that came was right: what is cut short never starts. Comes behind
# claim.sh and job.sh.
#
# Given besides: image (its path on rooster), sha256, unpacked (the bytes that the disk needs), begins (the MiB of the disk where
# partition 3 does, which what comes behind the first 2 MiB is for), domain, mac (of the port to use), serial_console ("" or the
# kernel's), target (/target), late (late.sh for this order).

part() { case $named in *[0-9]) echo "$dev/${named}p$1" ;; *) echo "$dev/$named$1" ;; esac; }
ends() { dd status=none if=/dev/zero of="$dev/$named" bs=1M count=1 seek="$1" conv=notrunc,fsync; }

port=''  # its name is what this machine's firmware makes of it, and may be another than the one in hosts.yaml
for path in "$sys"/class/net/*; do
  if [ -e "$path/device" ] && [ "$(cat "$path/address")" = "$mac" ]; then port=${path##*/}; fi
done
[ -n "$port" ] || fail "no port has the MAC $mac"
[ "$(size_of "$named")" -ge "$unpacked" ] || fail "$named has $(size_of "$named") bytes, and the image $unpacked"
{ ends 0 && ends $(($(size_of "$named") / 1048576 - 1)); } || fail "$named cannot be written"
mkfifo "$work/sum"
sha256sum <"$work/sum" >"$work/is" &
summing=$!
{ wget -q -O - --tries=1 --timeout=60 "http://$rooster/$image" | tee "$work/sum" | zstd -dcq; echo $? >"$work/unpacked"; } | {
  dd status=none of="$work/head" bs=64k count=16 iflag=fullblock
  dd status=none of="$dev/$named" bs=1M seek=1 count=1 iflag=fullblock conv=notrunc &&
    dd status=none of="$dev/$named" bs=1M seek="$begins" iflag=fullblock conv=notrunc,fsync
  echo $? >"$work/written"
}
wait "$summing"
[ "$(cut -d ' ' -f 1 <"$work/is")" = "$sha256" ] || fail "the image came with another sum than the order's: it is not started from"
[ "$(cat "$work/unpacked")$(cat "$work/written")" = 00 ] || fail "the image could not be unpacked, or written to $named"
dd status=none if="$work/head" of="$dev/$named" bs=1M conv=notrunc,fsync || fail "$named cannot be written"

sgdisk -e -d 3 -n "3:$((begins * 2048)):0" -t 3:8304 -G "$dev/$named" >"$work/said" 2>&1 || fail "sgdisk: $(tail -n 1 "$work/said")"
blockdev --rereadpt "$dev/$named"; udevadm settle --timeout=60
for each in 2 3; do blockdev --setrw "$(part $each)" || fail "$(part $each) is not there"; done
e2fsck -fp "$(part 3)" >"$work/said" 2>&1 || [ $? -le 1 ] || fail "e2fsck: $(tail -n 1 "$work/said")"
resize2fs "$(part 3)" >"$work/said" 2>&1 || fail "resize2fs: $(tail -n 1 "$work/said")"
tune2fs -U random "$(part 3)" >"$work/said" 2>&1 || fail "tune2fs: $(tail -n 1 "$work/said")"
mkfs.vfat -F 32 -n EFI "$(part 2)" >"$work/said" 2>&1 || fail "mkfs.vfat: $(tail -n 1 "$work/said")"

mkdir -p "$target"
mount -t ext4 "$(part 3)" "$target" || fail "the new system cannot be mounted"
mount -t vfat "$(part 2)" "$target/boot/efi" || fail "the EFI partition of the new system cannot be mounted"
# Debian's signed loaders, under the name that firmware looks for by itself, and under Debian's
for first in BOOT/BOOTX64.EFI debian/shimx64.efi; do
  efi=$target/boot/efi/EFI/${first%/*}
  { mkdir -p "$efi" && cp "$target/usr/lib/shim/shimx64.efi.signed" "$efi/${first#*/}" &&
    cp "$target/usr/lib/shim/mmx64.efi.signed" "$efi/mmx64.efi" &&
    cp "$target/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" "$efi/grubx64.efi"; } || fail "the new system has no signed loaders for UEFI"
done
for each in dev proc sys; do mount --rbind "/$each" "$target/$each"; done
root_id=$(blkid -s UUID -o value "$(part 3)") esp_id=$(blkid -s UUID -o value "$(part 2)")
printf '%s\n' "UUID=$root_id / ext4 errors=remount-ro 0 1" "UUID=$esp_id /boot/efi vfat umask=0077 0 1" >"$target/etc/fstab"
# shellcheck disable=SC2016  # GRUB's variables
printf '%s\n' "search --no-floppy --fs-uuid --set=root $root_id" 'set prefix=($root)/boot/grub' 'configfile $prefix/grub.cfg' \
  >"$target/boot/efi/EFI/debian/grub.cfg"
cp "$target/boot/efi/EFI/debian/grub.cfg" "$target/boot/efi/EFI/BOOT/grub.cfg"
echo "$machine" >"$target/etc/hostname"
printf '%s\n' '127.0.0.1 localhost' "127.0.1.1 $machine.$domain $machine" '::1 localhost ip6-localhost ip6-loopback' >"$target/etc/hosts"
mkdir -p "$target/etc/network/interfaces.d"
printf '%s\n' 'source /etc/network/interfaces.d/*' '' 'auto lo' 'iface lo inet loopback' '' "allow-hotplug $port" \
  "iface $port inet dhcp" >"$target/etc/network/interfaces"
[ -z "$serial_console" ] || sed -i "s|^GRUB_CMDLINE_LINUX=.*|GRUB_CMDLINE_LINUX=\"console=tty0 console=$serial_console\"|" "$target/etc/default/grub" ||
  fail "the new system has no /etc/default/grub: inv image.build --system makes another image"
chroot "$target" update-grub >"$work/said" 2>&1 || fail "update-grub: $(tail -n 1 "$work/said")"

if [ -d "$sys/firmware/efi" ]; then  # behind what the firmware has: the network stays where it is in its order
  before=$(efibootmgr | sed -n 's/^BootOrder: //p')
  efibootmgr -q -C -d "$dev/$named" -p 2 -L debian -l '\EFI\debian\shimx64.efi' &&
    entry=$(efibootmgr | sed -n 's/^Boot\([0-9A-F]\{4\}\)\*\{0,1\} debian.*/\1/p' | tail -n 1) &&
    efibootmgr -q -o "${before:+$before,}$entry" || echo "the firmware takes no entry: it starts $(part 2) by itself"
fi
echo "$paths" >/tmp/coop-disks
printf '#!/bin/sh\nexec chroot %s "$@"\n' "$target" >/usr/bin/in-target; chmod 755 /usr/bin/in-target
printf '%s\n' "$late" >"$work/late"
sh "$work/late" || fail "the end of the installation fails, see its screen"
cd /; umount -R "$target"; sync
reboot -f
