# shellcheck shell=sh disable=SC2154
# What this machine's programs have said of late, and what is known to keep others from it, "SOURCE<tab>LINE". Read-only.
# Given: seconds (how far back), peers (addresses that it should reach, by spaces), kubeconfig ("" on a machine that has none).

said() { sed "s/^/$1\t/"; }
for unit in kubelet containerd; do
  journalctl -q --no-pager -o cat -n 300 -u "$unit" --since="-${seconds}s" 2>/dev/null |
    grep -E 'level=(error|fatal)|^[EF][0-9]{4} |^Error|[Ff]ailed|unknown' | tail -n 15 | said "$unit"
done
if command -v crictl >/dev/null; then
  container=$(crictl --timeout 3s ps -a --name '^calico-node$' -q 2>/dev/null | head -n 1)
  [ -z "$container" ] || crictl --timeout 3s logs --tail 40 --since "${seconds}s" "$container" 2>&1 |
    grep -E 'ERROR|FATAL|WARNING' | tail -n 10 | said calico
fi
! command -v nft >/dev/null || timeout 5 nft list chains 2>/dev/null | awk '
  $1 == "table" { table = $2 " " $3 }
  $1 == "chain" { chain = $2 }
  /hook (input|forward) / && /policy drop/ && table != "inet coop" {
    match($0, /hook [a-z]+/); print "nft\ttable " table ", chain " chain ", " substr($0, RSTART, RLENGTH) " policy drop" }'
for folder in /var/lib/kubelet /var/lib/containerd /var/lib/etcd; do
  [ ! -d "$folder" ] || df -P "$folder" | awk -v at="$folder" 'NR == 2 && $5 == "100%" { print "disk\t" at " is full" }'
done
for peer in $peers; do
  for port in 10250 179; do
    code=0; timeout 2 bash -c ": >/dev/tcp/$peer/$port" 2>/dev/null || code=$?
    [ $code != 124 ] || printf 'silent\t%s:%s\n' "$peer" "$port"
  done
done
if [ -r "$kubeconfig" ]; then
  after=$(date -u -d "-$seconds sec" +%FT%TZ)
  kubectl --kubeconfig "$kubeconfig" --request-timeout=5s get events -A --field-selector type=Warning \
    -o jsonpath='{range .items[*]}{.lastTimestamp}{.eventTime} {.reason} {.message}{"\u001e"}{end}' 2>/dev/null |
    awk -v RS='\036' -v after="$after" '$1 >= after { sub(/^[^ ]* /, ""); gsub(/[[:space:]]+/, " "); print "event\t" $0 }' | tail -n 20
fi
:
