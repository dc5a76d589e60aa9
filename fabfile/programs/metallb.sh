# shellcheck shell=sh disable=SC2015,SC2154
# Whether MetalLB takes pools (through its webhook), and speaks from every node that is Ready. Behind nodes.sh. Given:
# namespace, pool (YAML: one that is only tried).

kubectl -n "$namespace" rollout status deployment/controller --timeout=1s 2>&1 || exit 1
rolled_out "$namespace" speaker || exit 1
printf '%s\n' "$pool" | kubectl -n "$namespace" create --dry-run=server -f - 2>&1
