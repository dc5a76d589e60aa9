# shellcheck shell=sh
# The space, snapshots, exports and whole disks of a file server. Its pools are asked for by pool_facts.sh.

echo "##now $(date +%s)"
echo '##space'; zpool list -Hp -o name,size,allocated,capacity 2>/dev/null
echo '##datasets'; zfs list -Hp -o name,used,available,creation 2>/dev/null
echo '##snapshots'
zfs list -Hp -t snapshot -o name,creation 2>/dev/null | awk -F '[@\t]' '
  { count[$1]++; if ($3 > newest[$1]) newest[$1] = $3 } END { for (one in count) print one "\t" count[one] "\t" newest[one] }' | sort
echo '##sent'; zfs list -Hp -t bookmark -o name,creation -s creation 2>/dev/null | sed 's/#.*	/	/'
echo '##exports'; exportfs -s 2>/dev/null | sed -n 's/^\(\/[^ ]*\) *\([^ (]*\)(.*/\1 \2/p'
echo '##blocks'; lsblk -d -n -b -P -o KNAME,TYPE,SIZE,SERIAL 2>/dev/null | grep 'TYPE="disk"'
