# shellcheck shell=sh disable=SC2154
# Pods in the machine's own network: says of each whether its copy of /etc/hosts is the same or a former one; with write=yes,
# writes former ones again. They are as kubelet writes them: its header, the file, and what the pod's hostAliases add.

for copy in /var/lib/kubelet/pods/*/etc-hosts; do
  [ -f "$copy" ] || continue
  read -r head <"$copy" || continue
  [ "$head" = '# Kubernetes-managed hosts file (host network).' ] || continue
  wanted=$(printf '%s\n' "$head"; cat /etc/hosts
    awk '/^# Entries added by HostAliases[.]$/ { print ""; more = 1 } more' "$copy")
  state=same
  [ "$wanted" = "$(cat "$copy")" ] || state=former
  if [ -z "$write" ]; then
    echo "$state"
  elif [ "$state" = former ]; then
    printf '%s\n' "$wanted" >"$copy"  # in place: containers have mounted this very file
  fi
done
