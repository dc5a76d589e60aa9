# shellcheck shell=sh
# Datasets' snapshots go to other hosts, by syncoid: those that are there, and all of them. A copy that was cut off goes on where it was; on the
# other side nothing is rolled back, mounted or written. The newest that has arrived leaves a bookmark here, by which the next run goes on
# even if that snapshot has been removed in the meantime, and which says how old the copy is.
#
# Given as arguments: a folder with key and known_hosts, and a file of lines "DATASET USER@HOST:POOL/DATASET".

set -u
folder=$1 wanted=$2 failed=0
while read -r dataset target; do
  newest=$(zfs list -Hp -t snapshot -o name -s creation -d 1 "$dataset" | tail -n 1)
  if ! syncoid --quiet --no-sync-snap --no-rollback --no-privilege-elevation \
    --recvoptions='u o readonly=on o canmount=noauto' --sshkey="$folder/key" --sshoption="UserKnownHostsFile=$folder/known_hosts" \
    --sshoption=StrictHostKeyChecking=yes --sshoption=BatchMode=yes --sshoption=ConnectTimeout=20 "$dataset" "$target" </dev/null; then
    echo "$dataset was not sent to $target" >&2
    failed=1
    continue
  fi
  # syncoid's own leave out a copy that goes on from a bookmark
  mark="$dataset#${newest#*@}"
  if [ "$(zfs get -Hp -o value guid "$mark" 2>/dev/null)" != "$(zfs get -Hp -o value guid "$newest")" ]; then
    zfs destroy "$mark" 2>/dev/null || :  # of a removed snapshot that had the same name
    zfs bookmark "$newest" "$mark" || failed=1
  fi
  echo "$target has ${newest#*@}"
  # each run leaves one: ten are enough for a copy that was restored from an older one
  zfs list -Hp -t bookmark -o name -s creation -d 1 "$dataset" | grep '#autosnap_' | head -n -10 | while read -r old; do
    zfs destroy "$old"
  done
done <"$wanted"
exit $failed
