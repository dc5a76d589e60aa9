# shellcheck shell=sh disable=SC2154
# Keys and data of a backup, put where kubeadm init finds them: it makes the rest. The data become those of a cluster with one
# member, with revisions above all that anybody has seen, so that whoever watches starts again: a thousand for each second since
# 1970, which is more than a cluster writes, also where this backup was restored before. Given: folder (pki.tar, etcd.db), pki,
# etcd, node, peer (URL), image (etcd's).

umask 077
mkdir -p "$pki"; tar -C "$pki" -xf "$folder/pki.tar"
mounted=$(mktemp -d /run/coop-etcd.XXXXXX)
trap 'ctr -n k8s.io images unmount --rm "$mounted" >/dev/null 2>&1; rmdir "$mounted" 2>/dev/null || :' EXIT
ctr -n k8s.io images mount "$image" "$mounted" >/dev/null
revision=$("$mounted/usr/local/bin/etcdutl" snapshot status "$folder/etcd.db" --write-out json | sed -n 's/.*"revision": *\([0-9]*\).*/\1/p')
[ -n "$revision" ] || { echo "the revision of the snapshot cannot be read" >&2; exit 1; }
more=$(($(date +%s) * 1000 - revision))
[ "$more" -gt 0 ] || { echo "the clock of $node is behind the backup: chronyc tracking there" >&2; exit 1; }
mkdir -p "$etcd"; find "$etcd" -mindepth 1 -delete
rm -rf "$etcd.restored"
"$mounted/usr/local/bin/etcdutl" snapshot restore "$folder/etcd.db" --data-dir "$etcd.restored" --name "$node" \
  --initial-cluster "$node=$peer" --initial-advertise-peer-urls "$peer" --bump-revision "$more" --mark-compacted
mv "$etcd.restored/member" "$etcd/"
rm -rf "$etcd.restored" "$folder"
chmod 700 "$etcd"; sync -- "$etcd"
