# shellcheck shell=sh disable=SC2034,SC2154
# Whether nodes are Ready, at the addresses that they should have. Others that are not are named. Behind nodes.sh.
# Given: wanted ("NODE=ADDRESS", by spaces), notice (what a line begins with that is reported, and is no fault), pending (the exit
# code where one of them waits for images, which come).

nodes=$(kubectl get nodes -o jsonpath='{range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status} '\
'{.status.addresses[?(@.type=="InternalIP")].address}{"\n"}{end}') || exit 1
wrong=$(for each in $wanted; do
  name=${each%%=*}
  found=$(echo "$nodes" | grep "^$name " || echo "$name unknown")
  case $found in
  "$name True ${each#*=}") ;;
  "$name True "*) echo "$name is in the cluster at ${found##* }, and hosts.yaml says ${each#*=}" ;;
  "$name unknown") echo "$name is not in the cluster" ;;
  *) echo "$name is not Ready" ;;
  esac
done)
if [ -n "$wrong" ]; then
  images=$(pod_events | pulled)
  told=$(echo "$wrong" | while read -r name what; do
    image=
    # of one that died meanwhile, nobody tells the end
    ! echo "$nodes" | grep -q "^$name False " || image=$(echo "$images" | sed -n "s/^$name //p" | tr '\n' ' ')
    echo "$name $what${image:+: it pulls ${image% }}"
  done)
  echo "$told"
  ! echo "$told" | grep -q ': it pulls ' || exit "$pending"
  exit 1
fi
echo "$nodes" | while read -r name ready address; do
  [ "$ready" = True ] || echo "$notice$name is not Ready: nothing was asked of it"
done
