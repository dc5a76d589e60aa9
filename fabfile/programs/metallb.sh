# shellcheck shell=sh disable=SC2015,SC2154
# Whether MetalLB takes pools (through its webhook), and speaks from every node that is Ready. Behind nodes.sh. Given:
# namespace, pool (YAML: one that is only tried).

kubectl -n "$namespace" rollout status deployment/controller --timeout=1s 2>&1 || {
  # the controller waits for a certificate that it has put into a secret itself; kubelet looks at once when the pod is
  # annotated, and else only a minute later
  [ -z "$(kubectl -n "$namespace" get secrets -o 'jsonpath={.items[*].data.tls\.crt}' 2>/dev/null)" ] ||
    kubectl -n "$namespace" annotate --overwrite pod -l component=controller "coop/looked=$(date +%s)" >/dev/null
  exit 1; }
rolled_out "$namespace" speaker || exit 1
printf '%s\n' "$pool" | kubectl -n "$namespace" create --dry-run=server -f - 2>&1
