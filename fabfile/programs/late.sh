# shellcheck shell=sh disable=SC2154
# The last thing in Debian's installer, as preseed/late_command: the new system lies under /target. Operators get in by their
# keys, the system's package sources are the mirror's own, and rooster is told the host key, which was made here.
#
# Given: order, rooster (HOST:PORT), user, keys (lines), mirror, security, mirror_path, security_path, target (/target), console (/dev/console), sys (/sys).
set -e

told() { wget -q -O /dev/null --tries=5 --timeout=10 --method=PUT --body-file="/tmp/$1" "http://$rooster/said/$order/$1"; }
# who waits for the machine hears why; its screen waits for a key
failed() {
  code=$?
  if [ $code != 0 ]; then
    why=$(grep -o 'E: .*' /var/log/syslog 2>/dev/null | tail -n 1)
    echo "the last command of the installation ended with $code${why:+: $why}" >/tmp/failed
    told failed || :
  fi
}
trap failed EXIT

case $user in root) home=/root ;; *) home=/home/$user ;; esac
mkdir -p "$target$home/.ssh"
printf '%s\n' "$keys" >"$target$home/.ssh/authorized_keys"
chmod 700 "$target$home/.ssh"; chmod 600 "$target$home/.ssh/authorized_keys"
in-target chown -R "$user:" "$home/.ssh"
[ -x "$target/usr/sbin/sshd" ] || apt-install openssh-server
if [ "$user" != root ]; then
  [ -x "$target/usr/bin/sudo" ] || apt-install sudo
  mkdir -p "$target/etc/sudoers.d"
  echo "$user ALL=(ALL:ALL) NOPASSWD: ALL" >"$target/etc/sudoers.d/operator"; chmod 440 "$target/etc/sudoers.d/operator"
fi

# a lease would have its own /etc/resolv.conf written at each start, and the rack's files say what is in it
# shellcheck disable=SC2016  # dhcpcd expands it, at each run of its hooks
if [ -f "$target/etc/dhcpcd.conf" ]; then echo 'skip_hooks="$skip_hooks resolv.conf"' >"$target/etc/dhcpcd.enter-hook"; fi

# GRUB for Secure Boot is a recommended package: where install.yaml leaves those out, firmware that enforces it starts no disk
efi=$target/boot/efi/EFI
if [ -e "$efi/debian/grubx64.efi" ] && [ ! -e "$efi/debian/shimx64.efi" ]; then
  apt-install grub-efi-amd64-signed shim-signed
  in-target dpkg-reconfigure --frontend noninteractive grub-efi-amd64
  [ -e "$efi/debian/shimx64.efi" ]
fi

# the installer took packages through rooster, also those above; the system asks the mirror itself
for list in "$target/etc/apt/sources.list" "$target"/etc/apt/sources.list.d/*; do
  [ ! -f "$list" ] || sed -i "s|http://$rooster$security_path\([ /]\)|$security\1|g; s|http://$rooster$mirror_path\([ /]\)|$mirror\1|g" "$list"
done

# either disk of a mirror can start the machine: the installer fills one EFI partition alone, and without its disk the start would
# end in emergency mode, at a mount that is not needed
if [ -d "$sys/firmware/efi" ] && [ -d "$target/boot/efi/EFI" ]; then
  filled=$(awk -v at="$target/boot/efi" '$2 == at { print $1 }' /proc/mounts)
  read -r disks </tmp/coop-disks
  for disk in $disks; do
    case $disk in *[0-9]) part=${disk}p ;; *) part=$disk ;; esac
    case $filled in "$part"[0-9]*|'') continue ;; esac
    mkdir -p /tmp/other-efi; mount -t vfat "$part${filled##*[!0-9]}" /tmp/other-efi  # a recipe of install.yaml may have it elsewhere
    cp -r "$target/boot/efi/EFI" /tmp/other-efi/; umount /tmp/other-efi
    sed -i '\|^[^#].*[[:space:]]/boot/efi[[:space:]]|s|umask=0077|umask=0077,nofail|' "$target/etc/fstab"
  done
fi

in-target ssh-keygen -A >/dev/null
mkdir -p "$target/etc/coop"; echo "$order" >"$target/etc/coop/order"
cut -d ' ' -f 1,2 "$target/etc/ssh/ssh_host_ed25519_key.pub" >/tmp/finished
says() { printf '\nCOOP HOSTKEY %s %s\n' "$order" "$(cat /tmp/finished)" >"$console" || :; }
says
in-target sync  # what is told to be finished survives a power cut
told finished
says  # a serial line may lose letters
