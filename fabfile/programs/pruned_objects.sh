# shellcheck shell=sh disable=SC2154
# The objects that bear Coop's mark, unless all active ones are current. One question, unless something active has left:
# then a line an object ("object API KIND NAMESPACE NAME MARK"), what a vendor's set on the disk describes, the servers and
# volumes of organisations that have left, and the claims of classes. Read-only. Given: kubeconfig, active and every (kinds, by
# commas), selector (of labels), current ("KIND NAMESPACE NAME MARK", one a line), sets ("SET FOLDER" of the vendors, one a line).

if [ ! -r "$kubeconfig" ] || ! command -v kubectl >/dev/null; then echo absent
else
  k() { kubectl --kubeconfig "$kubeconfig" --request-timeout=20s "$@" 2>/dev/null; }
  columns='custom-columns=A:.apiVersion,K:.kind,S:.metadata.namespace,N:.metadata.name,M:.metadata.labels.coop/set'
  o=$(k get "$active" -A -l "$selector" --no-headers -o "$columns") || o=
  if printf '%s\n' "$o" | awk 'NF { print $2, $3, $4, $5 }' | grep -qvxF "$current"; then
    o=$(k get "$every" -A -l "$selector" --no-headers -o "$columns") || o=
    printf '%s\n' "$o" | sed 's/^/object /'
    # the live objects of what lies on the disk now: an older version's mark is on all of them until the new one is
    # applied
    printf '%s\n' "$sets" | while read -r one folder; do
      case $o in *" $one."*)
        if m=$(k get -k "$folder" --ignore-not-found --no-headers -o "$columns")
        then echo "known $one"; printf '%s\n' "$m" | sed 's/^/member /'; fi ;;
      esac
    done
    # who has servers and files at an organisation that has left
    spaces=$(printf '%s\n' "$o" | awk 'NF { print $2, $3, $4, $5 }' | grep -vxF "$current" |
      sed -n 's/.* organisation[.]\([^ ]*\)$/\1/p' | sort -u)
    for space in $spaces; do
      k -n "$space" get pods -l component=singleuser-server --no-headers -o custom-columns=N:.metadata.name |
        sed "s/^/server $space /"
    done
    [ -z "$spaces" ] || k get persistentvolumes --no-headers -o "custom-columns=S:.spec.claimRef.namespace,\
C:.spec.claimRef.name,P:.spec.persistentVolumeReclaimPolicy" | sed 's/^/volume /'
    case $o in *' StorageClass '*)
      k get persistentvolumeclaims -A --no-headers \
        -o custom-columns=S:.metadata.namespace,N:.metadata.name,C:.spec.storageClassName | sed 's/^/claim /' ;;
    esac
  fi
fi
