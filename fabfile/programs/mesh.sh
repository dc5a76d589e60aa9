# shellcheck shell=sh disable=SC2015,SC2046,SC2154
# Whether every Ready node has BGP sessions with all others. Behind nodes.sh.
# Given: pending (the exit code where one of those without sessions waits for images, which come).

count=$(ready | grep -c .)
set -- $(kubectl -n kube-system get daemonset calico-node \
  -o jsonpath='{.metadata.generation} {.status.observedGeneration} {.status.updatedNumberScheduled}')
[ "$1" = "$2" ] && [ "${3:-0}" -ge "$count" ] ||
  { echo "calico-node is new on ${3:-0} nodes of $count"; exit 1; }
speakers=$(speakers) || exit 1
lonely=$(for node in $(ready); do (
  speaker=$(echo "$speakers" | sed -n "s/^$node=//p")
  held=$(sessions "${speaker:-none}" 20)
  case $held in
    silent) echo "$node does not say which sessions it has" ;;
    *) [ "$held" -ge $((count - 1)) ] || echo "$node has $held sessions of $((count - 1))" ;;
  esac
) & eight_at_a_time; done; wait)
lonely=$(echo "$lonely" | sort)
# a session has two ends: if all others have theirs with the one that does not answer, it has them too
if [ "$count" -gt 1 ] && [ "$(echo "$lonely" | wc -l)" = 1 ]; then
  case $lonely in *'does not say'*) lonely= ;; esac
fi
if [ -n "$lonely" ]; then
  echo "$lonely"
  for node in $(pulled | sed 's/ .*//'); do
    ! echo "$lonely" | grep -q "^$node has " || exit "$pending"
  done
  exit 1
fi
