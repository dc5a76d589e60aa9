# shellcheck shell=sh disable=SC2154
# Whether the provisioners of storage run, and one class is the default. Behind nodes.sh. Given: workloads ("NAMESPACE
# KIND NAME", one a line), default (a class).

printf '%s\n' "$workloads" | while read -r namespace kind name; do
  case $kind in
  '') ;;
  daemonset) rolled_out "$namespace" "$name" ;;
  *) kubectl -n "$namespace" rollout status "$kind/$name" --timeout=1s 2>&1 </dev/null ;;
  esac || exit 1
done || exit 1
marked='@.metadata.annotations.storageclass\.kubernetes\.io/is-default-class=="true"'
found=$(kubectl get storageclass -o "jsonpath={range .items[?($marked)]}{.metadata.name} {end}")
[ "$found" = "$default " ] || { echo "the default class is: ${found:-none}"; exit 1; }
