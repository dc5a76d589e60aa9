# shellcheck shell=sh disable=SC2154
# The space, snapshots, exports, homes and whole disks of a file server. Its pools are asked for by pool_facts.sh.
# Given: paths (exported, one a line), homes (their export; "" where there are none).

echo "##now $(date +%s)"
echo '##space'; zpool list -Hp -o name,size,allocated,capacity 2>/dev/null
echo '##datasets'; zfs list -Hp -o name,used,available,creation 2>/dev/null
echo '##snapshots'
zfs list -Hp -t snapshot -o name,creation 2>/dev/null | awk -F '[@\t]' '
  { count[$1]++; if ($3 > newest[$1]) newest[$1] = $3 } END { for (one in count) print one "\t" count[one] "\t" newest[one] }' | sort
echo '##sent'; zfs list -Hp -t bookmark -o name,creation -s creation 2>/dev/null | sed 's/#.*	/	/'
echo '##exports'; exportfs -s 2>/dev/null | sed -n 's/^\(\/[^ ]*\) *\([^ (]*\)(.*/\1 \2/p'
echo '##mounted'; printf '%s\n' "$paths" | while read -r path; do ! mountpoint -q "$path" || echo "$path"; done
if [ -n "$homes" ]; then
  echo '##homes'
  for unit in coop-homes.timer coop-homes.path coop-homes-full.socket; do echo "unit $unit $(systemctl is-active $unit)"; done
  [ "$(systemctl is-failed coop-homes.service)" != failed ] ||
    echo "failed $(journalctl -q -o cat _SYSTEMD_INVOCATION_ID="$(systemctl show -P InvocationID coop-homes.service)" | tail -n 1)"
  sed -n 1p /run/coop-homes-full; sed 's/^/links /' /run/coop-homes-links
fi 2>/dev/null
echo '##blocks'; lsblk -d -n -b -P -o KNAME,TYPE,SIZE,SERIAL 2>/dev/null | grep 'TYPE="disk"'
