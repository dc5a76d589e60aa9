# shellcheck shell=sh disable=SC2154
# What an upgrade has to know of the whole cluster, asked of a control plane: each answer behind a line "#NAME". An answer
# that could not be had is behind "#failed NAME", with why.
# Given: kubeconfig, nodes (names, by spaces), patience (seconds that the API server is waited for).

export KUBECONFIG="$kubeconfig"
kubectl() { command kubectl --request-timeout=20s "$@"; }
now() { cut -d . -f 1 /proc/uptime; }
until=$(($(now) + patience))
until said=$(kubectl get --raw /readyz 2>&1); do
  [ "$(now)" -lt "$until" ] || { printf '#failed ready\n%s\n' "$said"; exit 0; }
  sleep 2
done
answer() {
  name=$1; shift
  if said=$("$@" 2>&1); then printf '#%s\n%s\n' "$name" "$said"; else printf '#failed %s\n%s\n' "$name" "$said"; fi
}
releases() {
  kubectl get secrets -A -l owner=helm,status=deployed --no-headers -o custom-columns=S:.metadata.namespace,N:.metadata.name |
  while read -r space name; do
    wants=$(kubectl -n "$space" get secret "$name" -o 'jsonpath={.data.release}' | base64 -d | base64 -d | gunzip |
      grep -o '"kubeVersion": *"[^"]*"' | head -n 1)
    release=${name#sh.helm.release.v1.}
    printf '%s/%s %s\n' "$space" "${release%.v*}" "${wants#*:}"
  done
}
answer configured kubectl -n kube-system get configmap kubeadm-config -o 'jsonpath={.data.ClusterConfiguration}'
answer nodes kubectl get nodes -o 'jsonpath={range .items[*]}{.metadata.name}|{.status.conditions[?(@.type=="Ready")].status}'\
'|{.status.nodeInfo.kubeletVersion}|{.status.nodeInfo.containerRuntimeVersion}|{.metadata.annotations.coop-cordon}{"\n"}{end}'
answer calico kubectl -n kube-system get daemonset calico-node --ignore-not-found \
  -o 'jsonpath={.spec.template.spec.containers[0].image}'
answer pods kubectl get pods -A -o 'jsonpath={range .items[*]}{.spec.nodeName}|{.metadata.namespace}|{.metadata.name}'\
'|{.metadata.ownerReferences[0].kind}|{.status.phase}|{.metadata.annotations.hub\.jupyter\.org/username}{"\n"}{end}'
answer budgets kubectl get poddisruptionbudgets -A -o 'jsonpath={range .items[*]}{.metadata.namespace}|{.metadata.name}'\
'|{.status.expectedPods}|{.status.desiredHealthy}{"\n"}{end}'
answer releases releases
echo '#drains'
for node in $nodes; do
  kubectl drain "$node" --ignore-daemonsets --delete-emptydir-data --force --dry-run=server --timeout=5s 2>&1 >/dev/null |
    grep -e '^error' -e 'cannot delete' | sed "s/^/$node|/"
done
:
