# shellcheck shell=sh disable=SC2154
# An organisation leaves the cluster, with all that bears its mark: its namespace, volumes, addresses and policy, and the blocks of
# addresses that nodes hold for its pods. The files of volumes that are retained stay where they lie. What bears another mark is
# never touched. Given: kubeconfig, mark (of its objects), metallb (its namespace, if it is there), peer (rooster's, if no other
# organisation is left).

export KUBECONFIG="$kubeconfig"
label="coop/set=$mark"
calico() { kubectl get "$1.crd.projectcalico.org" -o "jsonpath={range .items[*]}{.metadata.name} {.spec.cidr}{\"\n\"}{end}"; }
# Those of a list "NAME RANGE" that lie in the ranges of its pods.
inside() {
  awk -v ranges="$1" '
    function number(address, part) { split(address, part, "."); return ((part[1] * 256 + part[2]) * 256 + part[3]) * 256 + part[4] }
    BEGIN { count = split(ranges, all, " ") }
    { split($2, its, "/")
      for (i = 1; i <= count; i++) { split(all[i], one, "/"); size = 2 ^ (32 - one[2])
        if (its[2] >= one[2] && int(number(its[1]) / size) == int(number(one[1]) / size)) print $1 } }'
}

for pool in $(kubectl get ippools.crd.projectcalico.org -l "$label" -o name); do  # no new pod gets an address
  kubectl patch "$pool" --type=merge -p '{"spec":{"disabled":true}}' >/dev/null
done
ranges=$(kubectl get ippools.crd.projectcalico.org -l "$label" -o 'jsonpath={.items[*].spec.cidr}')
# shellcheck disable=SC2046  # each name is a word
set -- $(kubectl get namespaces -l "$label" -o 'jsonpath={.items[*].metadata.name}')
[ $# = 0 ] || kubectl delete namespace "$@" --timeout=420s

# Of its claims, which are gone with it: not of a namespace of that name that somebody else has.
space=${mark#*.}
if ! kubectl get namespaces -o name | grep -qxF "namespace/$space"; then
  # shellcheck disable=SC2046  # the same
  set -- $(kubectl get persistentvolumes -o 'jsonpath={range .items[*]}{.metadata.name} {.spec.claimRef.namespace} '\
'{.spec.persistentVolumeReclaimPolicy}{"\n"}{end}' | awk -v of="$space Retain" '$2 " " $3 == of { print $1 }')
  [ $# = 0 ] || kubectl delete persistentvolume "$@" --ignore-not-found --timeout=60s
fi
for kind in blockaffinities ipamblocks; do
  for block in $(calico $kind | inside "$ranges"); do
    kubectl delete "$kind.crd.projectcalico.org" "$block" --ignore-not-found >/dev/null
  done
done
[ -z "$peer" ] || kubectl delete bgppeers.crd.projectcalico.org "$peer" --ignore-not-found
kubectl delete globalnetworkpolicies.crd.projectcalico.org,ippools.crd.projectcalico.org -l "$label"
# by these a run that comes after one that was cut short knows that there is something left
[ -z "$metallb" ] || kubectl -n "$metallb" delete l2advertisements.metallb.io,ipaddresspools.metallb.io -l "$label"
