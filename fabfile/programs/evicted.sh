# shellcheck shell=sh disable=SC2154
# Whether all pods have left a node that is out of service; else each that has not, and what holds it. And the pods that wait
# for a volume that only this node has, as a note. Given: node, kubeconfig, notice (what a line begins with that is reported, and is no
# fault).

kubectl() { command kubectl --kubeconfig "$kubeconfig" --request-timeout=20s "$@"; }
left=$(kubectl get pods -A --field-selector "spec.nodeName=$node" -o 'jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name}'\
'|{.metadata.ownerReferences[0].kind}|{.metadata.deletionTimestamp}|{.metadata.finalizers}{"\n"}{end}') || exit 1
wrong=$(printf '%s\n' "$left" | while IFS='|' read -r pod owner since finalizers; do
  case "$pod|$owner" in '|'*|*'|DaemonSet'|*'|Node') continue ;; esac
  if [ -z "$since" ]; then echo "$pod is still on $node"
  elif [ -n "$finalizers" ]; then echo "$pod is Terminating since $since, held by the finalizers $finalizers"
  else echo "$pod is Terminating since $since"
  fi
done)
volumes=$(kubectl get volumeattachments -o 'jsonpath={range .items[*]}{.spec.nodeName}|{.spec.source.persistentVolumeName}{"\n"}{end}' |
  sed -n "s/^$node|//p" | tr '\n' ' ')
[ -z "$volumes" ] || wrong="$wrong
volumes that are still attached to $node: $volumes"
kubectl get persistentvolumes -o 'jsonpath={range .items[*]}{.spec.nodeAffinity.required.nodeSelectorTerms[*].matchExpressions[*].values[*]}'\
'|{.spec.claimRef.namespace}/{.spec.claimRef.name}{"\n"}{end}' | sed -n "s/^$node|//p" | while read -r claim; do
  echo "$notice$claim is a volume of $node alone: pods that use it wait until the machine is back"
done
[ -z "$wrong" ] || { printf '%s\n' "$wrong" | sed '/^$/d'; exit 1; }
