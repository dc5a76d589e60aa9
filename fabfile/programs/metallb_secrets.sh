# shellcheck shell=sh disable=SC2154
# What MetalLB's pods mount, made before they start: its controller would make both itself, and then wait for kubelet, which
# looks again after 1, 2, 4, 8 ... seconds. What is there stays. A certificate that the controller does not like it replaces: it
# wants the names below, and a key in PKCS 1 (cert-controller's ValidCert and buildArtifactsFromSecret).
# Given: kubeconfig, namespace.

k() { kubectl --kubeconfig "$kubeconfig" -n "$namespace" "$@"; }
service=metallb-webhook-service.$namespace.svc

[ -n "$(k get secret memberlist --ignore-not-found -o name)" ] ||
  head -c 16 /dev/urandom | base64 | tr -d '=\n' | k create secret generic memberlist --from-file=secretkey=/dev/stdin >/dev/null
[ -z "$(k get secret metallb-webhook-cert --ignore-not-found -o 'jsonpath={.data.tls\.crt}')" ] || exit 0

certificate() (  # a CA, and what it has signed, into a new folder that goes away with this shell
  umask 077
  folder=$(mktemp -d /run/coop-metallb.XXXXXX) || exit 1
  trap 'rm -rf "$folder"' EXIT
  cd "$folder" &&
    openssl req -x509 -newkey rsa:2048 -noenc -days 3650 -subj /O=cert/CN=cert -addext 'subjectAltName=DNS:cert' \
      -addext 'keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign' -keyout ca.pem -out ca.crt &&
    openssl req -newkey rsa:2048 -noenc -subj "/CN=$service" -addext "subjectAltName=DNS:$service" \
      -addext 'keyUsage=critical,digitalSignature,keyEncipherment' -addext 'extendedKeyUsage=serverAuth' -keyout tls.pem \
      -out tls.csr &&
    openssl rsa -traditional -in ca.pem -out ca.key && openssl rsa -traditional -in tls.pem -out tls.key &&
    openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -days 365 -copy_extensions copy -out tls.crt &&
    k create secret generic metallb-webhook-cert --from-file=ca.crt --from-file=ca.key --from-file=tls.crt \
      --from-file=tls.key --dry-run=client -o json >secret.json &&
    k apply --server-side --field-manager=coop-certificate --force-conflicts -f secret.json
)
said=$(certificate 2>&1) || { printf '%s\n' "$said" >&2; exit 1; }
