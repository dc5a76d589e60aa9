# shellcheck shell=sh disable=SC2154
# A line for each release that bears Coop's label ("release NAMESPACE NAME REVISION STATUS") and is not among the current
# ones; what it holds, the claims and servers of its namespace, and the drivers that volumes need. Read-only.
# Given: kubeconfig, current ("NAMESPACE/NAME", one a line).

if [ ! -r "$kubeconfig" ] || ! command -v kubectl >/dev/null || ! command -v helm >/dev/null; then echo absent
else
  k() { kubectl --kubeconfig "$kubeconfig" --request-timeout=20s "$@" 2>/dev/null; }
  columns=S:.metadata.namespace,N:.metadata.labels.name,V:.metadata.labels.version,T:.metadata.labels.status
  r=$(k get secrets -A -l 'owner=helm,coop,status!=superseded' --no-headers -o "custom-columns=$columns") || r=
  printf '%s\n' "$r" | while read -r space name revision state; do
    [ -n "$name" ] && ! printf '%s\n' "$current" | grep -qxF "$space/$name" || continue
    echo "release $space $name $revision $state"
    helm --kubeconfig "$kubeconfig" -n "$space" get manifest "$name" 2>/dev/null |
      k -n "$space" get -f - --ignore-not-found --no-headers -o custom-columns=K:.kind,N:.metadata.name |
      sed "s|^|holds $space $name |"
    k -n "$space" get persistentvolumeclaims --no-headers -o custom-columns=N:.metadata.name | sed "s|^|claim $space |"
    k -n "$space" get pods -l 'component=singleuser-server' --no-headers \
      -o custom-columns=N:.metadata.name | sed "s|^|server $space |"
    k get persistentvolumes --no-headers -o custom-columns=D:.spec.csi.driver | sed 's/^/driver /'
  done || :
fi
