# shellcheck shell=sh disable=SC2154
# The snapshot of a backup as data of an etcd; what the machine has of a cluster stays as it is. They become those of a cluster
# with one member, with revisions above all that anybody has seen, so that whoever watches starts again: a thousand for each
# second since 1970, which is more than a cluster writes, also where this backup was restored before. Behind etcdutl.sh.
# Given: folder (pki.tar, etcd.db), data (the folder that is made), node, peer (URL).

tar -tf "$folder/pki.tar" | grep -xF ca.key >/dev/null || { echo "the keys in the archive cannot be read" >&2; exit 1; }
revision=$(etcdutl snapshot status "$folder/etcd.db" --write-out json | sed -n 's/.*"revision": *\([0-9]*\).*/\1/p')
[ -n "$revision" ] || { echo "the revision of the snapshot cannot be read" >&2; exit 1; }
more=$(($(date +%s) * 1000 - revision))
[ "$more" -gt 0 ] || { echo "the clock of $node is behind the backup: chronyc tracking there" >&2; exit 1; }
rm -rf "$data"; mkdir -p "${data%/*}"
need=$(($(du -sk "$folder/etcd.db" | cut -f 1) + 262144)) room=$(df -Pk "${data%/*}" | awk 'NR == 2 { print $4 }')  # with etcd's logs
[ "$room" -ge "$need" ] || { echo "${data%/*} of $node has $room KiB free, the restored data need $need" >&2; exit 1; }
said=$(etcdutl snapshot restore "$folder/etcd.db" --data-dir "$data" --name "$node" --initial-cluster "$node=$peer" \
  --initial-advertise-peer-urls "$peer" --bump-revision "$more" --mark-compacted 2>&1) || { echo "$said" >&2; exit 1; }
