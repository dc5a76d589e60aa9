# shellcheck shell=sh disable=SC2015,SC2154
# The archive of a backup, unpacked beside itself where there is room. Given: folder (it has cluster.tar.gz).

umask 077
need=$(tar -tvzf "$folder/cluster.tar.gz" | awk '{ sum += $3 } END { print int(sum / 1024) + 1 }')
room=$(df -Pk "$folder" | awk 'NR == 2 { print $4 }')
[ "$room" -gt "$need" ] || { echo "$folder has $room KiB free, the archive needs $need" >&2; exit 1; }
tar -C "$folder" -xzf "$folder/cluster.tar.gz"
[ -s "$folder/etcd.db" ] && [ -s "$folder/pki.tar" ] || { echo 'the archive lacks the snapshot or the keys' >&2; exit 1; }
