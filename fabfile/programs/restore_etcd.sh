# shellcheck shell=sh disable=SC2154
# Keys and data of a backup, put where kubeadm init finds them: it makes the rest. Behind restore_data.sh, which has made the data.
# Given: folder (pki.tar), data, pki, etcd.

umask 077
mkdir -p "$pki"; tar -C "$pki" -xf "$folder/pki.tar"
mkdir -p "$etcd"; find "$etcd" -mindepth 1 -delete
mv "$data/member" "$etcd/"
rm -rf "$data" "$folder"
chmod 700 "$etcd"; sync -- "$etcd"
