# shellcheck shell=sh disable=SC2046,SC2154
# Whether pods reach what they may, from every node that is Ready. The pods are there for these seconds only. Behind
# nodes.sh. Given: namespace, objects (YAML: that namespace, and a pod on every node), inside (from_a_pod.sh), links
# ("NODE=INTERFACE", by spaces), service (a name), host, port and page of an address outside, proxy (the site's, or ""), and seconds
# (that the pods are given to start; a busy machine may take minutes, and the next try begins again).

names=$(kubectl -n kube-system get deployment coredns -o jsonpath='{.status.availableReplicas}' 2>&1) || { echo "$names"; exit 1; }
[ "${names:-0}" -ge 1 ] || { echo 'no pod of CoreDNS is available'; exit 1; }
# pods that an earlier one has left, which was cut short
kubectl delete namespace "$namespace" --ignore-not-found --timeout=60s >/dev/null || exit 1
trap 'kubectl delete namespace "$namespace" --wait=false --ignore-not-found >/dev/null 2>&1' EXIT
printf '%s\n' "$objects" | kubectl apply --server-side -f - >/dev/null || exit 1
now() { cut -d . -f 1 /proc/uptime; }
until=$(($(now) + seconds)); nodes=$(ready)
while pods=$(kubectl -n "$namespace" get pods --field-selector status.phase=Running \
    -o jsonpath='{range .items[*]}{.spec.nodeName}={.metadata.name}={.status.podIP}{"\n"}{end}') || exit 1
  pods=$(for node in $nodes; do echo "$pods" | grep "^$node="; done)
  [ "$(echo "$pods" | grep -c .)" -lt "$(echo "$nodes" | grep -c .)" ]
do
  [ "$(now)" -lt "$until" ] || {
    kubectl -n "$namespace" get events -o jsonpath='{range .items[?(@.type=="Warning")]}{.message}{"\n"}{end}' | sort -u | tail -n 4
    kubectl -n "$namespace" get pods -o wide; exit 1; }
  sleep 0.3; nodes=$(ready)  # one of them may have lost its power meanwhile
done
said=$(for pod in $pods; do (
  node=${pod%%=*}; name=${pod#*=}; name=${name%=*}
  for link in $links; do [ "${link%%=*}" != "$node" ] || break; done
  kubectl -n "$namespace" exec "$name" -- sh -c "$inside" sh \
    "${link#*=}" "$service" "$host" "$port" "$page" "$proxy" \
    $(echo "$pods" | grep -v "^$node=" | sed 's/.*=//') 2>&1 | sed "s/^/$node: /"
) & eight_at_a_time; done; wait)
[ "$(echo "$said" | grep -c ': asked$')" -eq "$(echo "$pods" | grep -c .)" ] &&
  ! echo "$said" | grep -v ': asked$'
