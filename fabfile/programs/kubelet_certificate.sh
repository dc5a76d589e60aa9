# shellcheck shell=sh disable=SC2154
# A kubelet gets a new client certificate, made by the cluster's authority, in place of one that has expired and so cannot renew
# itself. Given: kubeconfig (one with that certificate and its key).

umask 077
folder=/var/lib/kubelet/pki
new=$folder/kubelet-client-$(date -u +%Y-%m-%d-%H-%M-%S).pem
field() { printf '%s\n' "$kubeconfig" | sed -n "s/^ *client-$1-data: //p" | base64 -d; }
{ field certificate; field key; } >"$new.part"
openssl x509 -in "$new.part" -noout -checkend 0 >/dev/null || { rm -f "$new.part"; echo 'no certificate was made' >&2; exit 1; }
mv "$new.part" "$new"; sync -- "$new"
ln -sfn "$new" $folder/.coop-new.current; mv -T $folder/.coop-new.current $folder/kubelet-client-current.pem
systemctl restart kubelet
