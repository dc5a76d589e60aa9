# shellcheck shell=sh disable=SC2154
# What a cluster is made from again, as one archive beside its snapshot: the snapshot, authorities and keys, and what they are of.
# Behind etcd_snapshot.sh, whose functions and container it uses. Given: archive (its file), target (the snapshot), pki.

work=$(mktemp -d "$folder/pack.XXXXXX"); trap 'rm -rf "$work"; rm -f "$part" "$part.part"' EXIT
umask 077
keys=$(cd "$pki" && for each in ca sa front-proxy-ca etcd/ca; do for end in crt key pub; do
  [ ! -e "$each.$end" ] || echo "$each.$end"; done; done)
for each in ca.crt ca.key sa.key etcd/ca.crt etcd/ca.key; do
  echo "$keys" | grep -qxF "$each" || { echo "$pki/$each is not there: a cluster cannot be made again without it" >&2; exit 1; }
done
echo "$keys" | tar -C "$pki" -cf "$work/pki.tar" -T -
revision=$(crictl exec "$container" etcdutl snapshot status "$part" -w json | sed -n 's/.*"revision": *\([0-9]*\).*/\1/p')
objects=$(etcdctl get /registry/ --prefix --count-only -w fields --rev "$revision" | sed -n 's/^"Count" : //p')
version=$(sed -n 's/^ *image: .*kube-apiserver:v//p' "${manifest%/*}/kube-apiserver.yaml")
printf 'taken %s\nnode %s\nkubernetes %s\nrevision %s\nobjects %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(uname -n)" "$version" \
  "$revision" "$objects" >"$work/about"
mv "$target" "$work/etcd.db"
tar -C "$work" -czf "$archive.new" about pki.tar etcd.db
sync -- "$archive.new"
mv "$archive.new" "$archive"
rm -rf "$work"
