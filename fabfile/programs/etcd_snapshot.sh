# shellcheck shell=sh disable=SC2154
# A snapshot of etcd by the member of this machine, read again before it counts. Given: target (its file).

folder=${target%/*} manifest=/etc/kubernetes/manifests/etcd.yaml
of() { sed -n "s/^ *- --$1=//p" "$manifest"; }
data=$(of data-dir)  # the one folder of the machine that etcd's container can write
[ -d "$data" ] || { echo "$manifest names no data folder that is there" >&2; exit 1; }
part=$data/coop-snapshot.part
crictl() { command crictl --timeout 60s "$@"; }  # its own two seconds are too few where a machine has much to do
container=$(crictl ps -q --name '^etcd$') || { echo 'containerd does not say which containers run' >&2; exit 1; }
container=$(echo "$container" | head -n 1)
[ -n "$container" ] || { echo 'etcd does not run on this machine' >&2; exit 1; }
trap 'rm -f "$part" "$part.part"' EXIT
mkdir -p "$folder"; chmod 700 "$folder"
need=$(du -sk "$data" | cut -f 1) room=$(df -Pk "$folder" | awk 'NR == 2 { print $4 }')
[ "$room" -gt $((need * 2)) ] || { echo "$folder has $room KiB free, a snapshot may need $((need * 2))" >&2; exit 1; }
etcdctl() {
  crictl exec "$container" etcdctl --endpoints=https://127.0.0.1:2379 \
    --cacert="$(of trusted-ca-file)" --cert="$(of cert-file)" --key="$(of key-file)" "$@"
}
etcdctl --command-timeout=300s snapshot save "$part"
crictl exec "$container" etcdutl snapshot status "$part" -w fields | grep -e Revision -e Key
(umask 077; cp "$part" "$target.new")
sync -- "$target.new"
mv "$target.new" "$target"
sync -- "$folder"
