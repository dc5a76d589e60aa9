# shellcheck shell=sh disable=SC2015,SC2046
# Whether every Ready node has BGP sessions with all others. Behind nodes.sh.

count=$(ready | grep -c .)
set -- $(kubectl -n kube-system get daemonset calico-node \
  -o jsonpath='{.metadata.generation} {.status.observedGeneration} {.status.updatedNumberScheduled}')
[ "$1" = "$2" ] && [ "${3:-0}" -ge "$count" ] ||
  { echo "calico-node is new on ${3:-0} nodes of $count"; exit 1; }
speakers=$(speakers) || exit 1
lonely=$(for node in $(ready); do (
  speaker=$(echo "$speakers" | sed -n "s/^$node=//p")
  held=$(sessions "${speaker:-none}")
  [ "$held" -ge $((count - 1)) ] || echo "$node has $held sessions of $((count - 1))"
) & done; wait)
[ -z "$lonely" ] || { echo "$lonely"; exit 1; }
