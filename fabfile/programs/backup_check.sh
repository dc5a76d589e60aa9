# shellcheck shell=sh disable=SC2015,SC2154
# Whether a backup is what it says of itself: its keys go together, and an etcd of its own starts on the restored data and counts
# the objects. Only root reaches that etcd, by a socket. Behind restore_data.sh. Given: folder, data, node, peer.

server=
trap '[ -z "$server" ] || { kill "$server" || :; wait "$server" || :; } 2>/dev/null; unmounted; rm -rf "$folder"' EXIT
wanted() { sed -n "s/^$1 //p" "$folder/about"; }
fails() { echo "this backup cannot be restored: $1" >&2; exit 1; }
mkdir -p "$folder/pki"; tar -C "$folder/pki" -xf "$folder/pki.tar"
for each in ca etcd/ca; do
  public=$(openssl x509 -noout -pubkey -in "$folder/pki/$each.crt") && [ "$public" = "$(openssl pkey -pubout -in "$folder/pki/$each.key")" ] ||
    fails "$each.key is not the key of $each.crt"
done
[ "$revision" = "$(wanted revision)" ] || [ -z "$(wanted revision)" ] || fails "its snapshot is of revision $revision, not $(wanted revision)"
cd "$folder" || exit
"$mounted/usr/local/bin/etcd" --name "$node" --data-dir "$data" --initial-cluster "$node=$peer" --initial-advertise-peer-urls "$peer" \
  --listen-peer-urls unix://localhost:1 --listen-client-urls unix://localhost:2 --advertise-client-urls http://localhost:2 >log 2>&1 &
server=$!
tries=120 objects=
until [ -n "$objects" ]; do
  kill -0 "$server" 2>/dev/null && [ $((tries -= 1)) -gt 0 ] || { tail -n 3 log >&2; fails 'etcd does not start on its data'; }
  sleep 1
  objects=$("$mounted/usr/local/bin/etcdctl" --endpoints "unix://$folder/localhost:2" get /registry/ --prefix --count-only -w fields 2>/dev/null |
    sed -n 's/^"Count" : //p')
done
# one without a revision counted them after its snapshot
[ "$objects" = "$(wanted objects)" ] || [ -z "$(wanted revision)" ] || fails "it has $objects objects, not $(wanted objects)"
echo "this backup can be restored: Kubernetes $(wanted kubernetes) as it was at $(wanted taken), $objects objects"
