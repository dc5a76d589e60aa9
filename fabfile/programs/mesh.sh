# shellcheck shell=sh disable=SC2015,SC2046,SC2154
# Whether every Ready node has BGP sessions with all others. Behind nodes.sh.
# Given: pending (the exit code where one of those without sessions waits for images, which come, or starts what they are for).

# By events of pods, the nodes where a container of calico-node was created or started in the last five minutes, and none fails: a node is
# Ready as soon as the first of these containers has put the network's settings there.
starts() {
  awk -v since="$(date -u -d '5 minutes ago' +%Y-%m-%dT%H:%M:%SZ)" '$1 < since || $4 !~ /^calico-node-/ { next }
    $2 == "Created" || $2 == "Started" || $2 == "Pulled" { starts[$3] }
    $2 == "BackOff" || $2 == "Failed" { fails[$3] }
    END { for (node in starts) if (!(node in fails)) print node }'
}

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
lonely=$(echo "$lonely" | sort -k 3,3nr -k 1,1)  # the last one is shown: who has fewest
# a session has two ends: if all others have theirs with the one that does not answer, it has them too
if [ "$count" -gt 1 ] && [ "$(echo "$lonely" | wc -l)" = 1 ]; then
  case $lonely in *'does not say'*) lonely= ;; esac
fi
if [ -n "$lonely" ]; then
  echo "$lonely"
  told=$(pod_events)
  for node in $(echo "$told" | pulled | sed 's/ .*//'; echo "$told" | starts | grep -vxF "$(echo "$speakers" | sed 's/=.*//')"); do
    ! echo "$lonely" | grep -q "^$node has " || exit "$pending"
  done
  exit 1
fi
