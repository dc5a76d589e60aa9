# shellcheck shell=sh disable=SC2015,SC2154
# What questions about all nodes begin with, asked of a control plane. Given: kubeconfig.

export KUBECONFIG="$kubeconfig"

# Behind each of many that are sent into the background: eight of them at a time, for a kubectl takes some 50 MB.
sent=0
eight_at_a_time() { sent=$((sent + 1)); [ $((sent % 8)) != 0 ] || wait; }
# The nodes that are Ready, one a line.
ready() {
  kubectl get nodes -o jsonpath='{range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' |
    sed -n 's/ True$//p'
}
# The pods of calico-node that run, "NODE=POD", one a line.
speakers() {
  kubectl -n kube-system get pods -l k8s-app=calico-node --field-selector status.phase=Running \
    -o jsonpath='{range .items[*]}{.spec.nodeName}={.metadata.name}{"\n"}{end}'
}
# POD SECONDS: how many BGP sessions with other nodes it holds, or "silent". A node that has just lost its power is still Ready,
# and does not answer; one that is busy may take a minute to start a program in a pod.
sessions() {
  said=$(timeout "$2" kubectl -n kube-system exec "$1" -c calico-node -- birdcl -s /var/run/calico/bird.ctl show protocols 2>/dev/null)
  [ $? != 124 ] || { echo silent; return; }
  printf '%s\n' "$said" | grep -c '^Mesh_.* BGP .* Established'
}
# What kubelets have told of the nodes' own pods: "TIME REASON NODE POD CONTAINER MESSAGE", one a line.
pod_events() {
  kubectl -n kube-system get events --field-selector involvedObject.kind=Pod -o jsonpath='{range .items[*]}{.lastTimestamp} {.reason} '\
'{.source.host} {.involvedObject.name} {.involvedObject.fieldPath} {.message}{"\n"}{end}' 2>/dev/null
}
# By these events, what a kubelet has begun to pull, and has not said the end of: "NODE IMAGE", one a line.
pulled() {
  sort -s -k1,1 | awk '{ key = $3 " " $4 " " $5 }
      $2 == "Pulling" { match($0, /"[^"]*"/); image[key] = $3 " " substr($0, RSTART + 1, RLENGTH - 2) }
      $2 == "Pulled" || $2 == "Failed" || $2 == "BackOff" { delete image[key] }
      END { for (key in image) print image[key] }' | sort -u
}
# NAMESPACE NAME: the DaemonSet's pods are new and ready on every node that is Ready; a node that is away keeps its old
# pod, which nobody can replace.
rolled_out() {
  # shellcheck disable=SC2046  # numbers
  set -- "$2" $(kubectl -n "$1" get daemonset "$2" -o jsonpath='{.metadata.generation} {.status.observedGeneration} '\
'{.status.desiredNumberScheduled} {.status.numberReady} {.status.updatedNumberScheduled}')
  away=$(kubectl get nodes -o jsonpath='{range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' |
    grep -cv '^True$')
  [ "$2" = "$3" ] && [ $(($4 - $5)) -le "$away" ] && [ $(($4 - ${6:-0})) -le "$away" ] ||
    { echo "$1 is ready on ${5:-0} nodes of ${4:-?}"; return 1; }
}
