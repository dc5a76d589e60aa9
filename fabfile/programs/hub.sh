# shellcheck shell=sh disable=SC2016,SC2154
# How a hub is, in parts "== NAME". Given: kubeconfig, release, namespace, claim (of its database), pages (the file that
# says where its pages came from), others (shell text: who else set fields), api (shell text that asks the hub; "" for a
# quick look), failure (a file that is there when hub.prove failed last). What stands on a machine that is silent is not waited for.

export KUBECONFIG="$kubeconfig"
k() { kubectl --request-timeout=5s "$@"; }
part() { printf '\n== %s\n' "$1"; }
heard=$(mktemp -d /run/coop-hub.XXXXXX); trap 'rm -rf "$heard"' EXIT

each_container='{{range .status.containerStatuses}}{{if .ready}}ready {{else}}{{with .state.waiting}}{{.reason}} {{else}}'\
'not-ready {{end}}{{end}}{{end}}'
each_pod='{{range .items}}{{.metadata.name}} {{with .spec.nodeName}}{{.}}{{end}} {{.status.phase}} '$each_container'{{"\n"}}{{end}}'
each_node='{{range .items}}{{$n := .metadata.name}}{{range .status.conditions}}{{if eq .type "Ready"}}{{$n}} {{.status}} '\
'{{.lastTransitionTime}} {{.reason}}{{"\n"}}{{end}}{{end}}{{end}}'
each_lease='{{range .items}}{{.metadata.name}} {{.spec.renewTime}}{{"\n"}}{{end}}'
home='jsonpath={.spec.nodeAffinity.required.nodeSelectorTerms[*].matchExpressions[*].values[*]}'

asked=
if [ -n "$api" ]; then
  printf '%s\n' "$api" | timeout 60 sh >"$heard/api" 2>&1 & asked="$asked $!"
  timeout 15 kubectl -n "$namespace" exec deployment/hub -c hub -- cat "$pages" >"$heard/pages" 2>/dev/null & asked="$asked $!"
  printf '%s\n' "$others" | timeout 30 sh >"$heard/others" 2>&1 &
fi
# A kubelet renews its lease every 10 s; their clocks are compared with each other, not with the gateway's.
silent() {
  newest=$(sort -k 2 "$heard/leases" | tail -n 1); newest=$(date -d "${newest#* }" +%s 2>/dev/null) || return 0
  while read -r node renewed; do
    [ $((newest - $(date -d "$renewed" +%s))) -le 30 ] || echo "$node"
  done <"$heard/leases"
}
if k get --raw /livez >/dev/null 2>&1; then
  part release; timeout 8 helm list -n "$namespace" --filter "^$release\$" -o json 2>&1
  k -n "$namespace" get pods -o "go-template=$each_pod" >"$heard/pods" 2>&1
  part pods; cat "$heard/pods"
  part nodes; k get nodes -o "go-template=$each_node" 2>&1
  k -n kube-node-lease get leases -o "go-template=$each_lease" >"$heard/leases" 2>/dev/null
  part leases; cat "$heard/leases"
  for node in $(silent); do
    # shellcheck disable=SC2086  # numbers of processes
    ! grep -qE "^(hub|proxy|autohttps)-[^ ]* $node " "$heard/pods" || kill $asked 2>/dev/null
  done
  part home
  volume=$(k -n "$namespace" get pvc "$claim" --ignore-not-found -o 'jsonpath={.spec.volumeName}' 2>/dev/null)
  [ -z "$volume" ] || k get pv "$volume" -o "$home" 2>/dev/null
else part cluster; echo 'its API server does not answer'
fi
wait
for one in pages others api; do part "$one"; cat "$heard/$one" 2>/dev/null; done
part canary; cat "$failure" 2>/dev/null
:
