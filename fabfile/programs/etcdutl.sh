# shellcheck shell=sh disable=SC2154
# etcdutl and the other programs of etcd's image, which containerd has. Given: image.

umask 077
mounted=$(mktemp -d /run/coop-etcd.XXXXXX)
unmounted() { ctr -n k8s.io images unmount --rm "$mounted" >/dev/null 2>&1; rmdir "$mounted" 2>/dev/null || :; }
trap unmounted EXIT
said=$(ctr -n k8s.io images mount "$image" "$mounted" 2>&1) || { echo "$said" >&2; exit 1; }  # it has warnings, too
etcdutl() { "$mounted/usr/local/bin/etcdutl" "$@"; }
