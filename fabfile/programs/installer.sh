# shellcheck shell=sh disable=SC2154
# The names of the disks, told to Debian's installer once its order is claimed: before, it knows none. Comes behind claim.sh.
# Given besides: layout.

[ -n "$named" ] || refuse "no disk of $machine is on file"
first='' second=''
for name in $named; do
  case $name in *[0-9]) part=$dev/${name}p ;; *) part=$dev/$name ;; esac
  if [ -z "$first" ]; then first=$part; else second=$part; fi
done
debconf-set partman-auto/disk "$paths"
debconf-set grub-installer/bootdev "$paths"
case $layout in
  mirror) debconf-set partman-auto-raid/recipe "1 2 0 ext4 / ${first}3#${second}3 ." ;;
  lvm-mirror) debconf-set partman-auto-raid/recipe "1 2 0 ext4 /boot ${first}3#${second}3 . 1 2 0 lvm - ${first}4#${second}4 ." ;;
esac
echo "$paths" >/tmp/coop-disks
