# shellcheck shell=sh disable=SC2154
# What a file server promises, tried on it: in two folders and a snapshot of its own, which are gone afterwards. A line each, its words
# separated by tabs: "export" and "sync" are for the reader to judge, "proof WHAT holds|broken|limit|untried SEEN" is judged here.
# Given: paths (exported, one a line), dataset (of the homes; "" where there are none), namespace (of a hub), quota (bytes of a home
# there), owner (UID:GID), restore (shell text that restores a file), mail (an address, or "").

set +e
export LC_ALL=C.UTF-8
proof() { printf 'proof\t%s\t%s\t%s\n' "$1" "$2" "$(printf %s "$3" | tr '\n\t' '; ')"; }
scratch='' folder='' shot='' work=$(mktemp -d) || exit 1
gone() {  # FOLDER: it, and the quota of its project
  [ -n "$1" ] || return 0
  inode=$(stat -c %i "$1"); rm -rf -- "$1"
  zfs set "projectquota@$inode=none" "projectobjquota@$inode=none" "$dataset"
}
# shellcheck disable=SC2317,SC2329  # by the trap
cleanup() {
  [ -z "$shot" ] || zfs destroy "$shot"
  gone "$scratch"; gone "$folder"; rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

exportfs -s | sed -n 's/^\(\/[^ ]*\) *\([^ ]*(.*\)/export	\1	\2/p'
printf '%s\n' "$paths" | while read -r path; do
  [ -z "$path" ] || printf 'sync\t%s\t%s\n' "$path" "$(zfs get -H -o value sync "${path#/}" 2>&1)"
done

forgotten() {  # snapshots of one that was cut off an hour ago or more: what users delete would never be freed
  zfs list -H -t snapshot -o name -d 1 "$dataset" | sed -n 's/.*@\(coop-prove-[0-9]*\)$/\1/p' | while read -r old; do
    [ "${old##*-}" -gt $(($(date +%s) - 3600)) ] || zfs destroy "$dataset@$old"
  done
}
new_home() {  # whether a folder beside the users' gets its quota by itself
  what='a new home gets its quota by itself' inode=$(stat -c %i "$folder") began=$(date +%s)
  while :; do
    label=$(zfs project -d "$folder" | awk '{ print $1, $2 }')
    has=$(zfs projectspace -Hp -o name,quota "$dataset" | awk -v inode="$inode" '$1 == inode { print $2 }')
    took=$(($(date +%s) - began))
    if [ "$label" = "$inode P" ] && [ "$has" = "$quota" ]; then proof "$what" holds "after $took s, $quota bytes"; return; fi
    if [ "$took" -gt 90 ]; then
      proof "$what" broken "after $took s its project is '$label' and its quota '${has:-none}': systemctl status coop-homes.timer"; return
    fi
    sleep 1
  done
}
more() { dd if=/dev/urandom of="$scratch/file" bs=1M count="$1" oflag=append conv=fsync,notrunc 2>&1 && zpool sync "${dataset%%/*}" 2>&1; }
past_the_quota() {  # a real write, 4 MiB at a time, each of which is on disk before the next
  what='a write past a quota is refused' inode=$(stat -c %i "$scratch") rounds=0
  if ! said=$(zfs project -s -p "$inode" "$scratch" 2>&1 && zfs set "projectquota@$inode=16M" "$dataset" 2>&1); then
    proof "$what" broken "$said"; return
  fi
  while [ $rounds -lt 12 ] && said=$(more 4); do rounds=$((rounds + 1)); done
  case $rounds/$said in
    12/*) proof "$what" broken "48 MiB were written past a quota of 16 MiB"; return ;;
    *quota*) proof "$what" holds "of 16 MiB, $((rounds * 4)) MiB were written, then: $(printf '%s\n' "$said" | sed -n 's/.*: \(.*quota.*\)/\1/p' | head -n 1)" ;;
    *) proof "$what" untried "$said"; return ;;
  esac
  what='what is deleted can be written again' began=$(date +%s)
  rm -f "$scratch/file"; zpool sync "${dataset%%/*}"
  until said=$(more 1); do
    [ $(($(date +%s) - began)) -lt 30 ] || { proof "$what" broken "not within 30 s: $said"; return; }
    sleep 1
  done
  proof "$what" holds "after $(($(date +%s) - began)) s"
}
links() {
  ln -s one "$scratch/link"
  if said=$(perl -e 'rename($ARGV[0], $ARGV[1]) or die "$!\n"' "$scratch/link" "$scratch/moved" 2>&1)
  then proof 'links are renamed in a home' holds ''
  else proof 'links are renamed in a home' limit "$said: ln -sfn and rsync over an old link fail (docs/storage.md#homes-and-quotas)"
  fi
}
from_a_snapshot() {
  what='a deleted file comes back from a snapshot' made=coop-prove-$(date +%s)
  dd if=/dev/urandom of="$folder/file" bs=64k count=16 conv=fsync 2>"$work/said"; chown -R "$owner" "$folder"
  sum=$(sha256sum <"$folder/file")
  shot=$dataset@$made
  if ! said=$(zfs snapshot "$shot" 2>&1); then shot=; proof "$what" broken "$said"; return; fi
  rm "$folder/file"
  place=$namespace/${folder##*/}
  if ! said=$(export dataset; snapshot=$made home=$place path=file name=back sh -euc "$restore" 2>&1)
  then proof "$what" broken "$said"
  elif [ "$(sha256sum <"$folder/back")" = "$sum" ]; then proof "$what" holds '1 MiB, the same SHA-256'
  else proof "$what" broken 'it has another SHA-256'
  fi
}
if [ -z "$dataset" ]; then proof 'quotas and snapshots of homes' untried 'configs/storage.yaml names no homes'
elif ! mountpoint -q "/$dataset"; then proof 'quotas and snapshots of homes' broken "/$dataset is not mounted"
elif [ "$(zfs get -Hp -o value available "$dataset")" -lt 268435456 ]; then
  proof 'quotas and snapshots of homes' untried "less than 256 MiB are free in $dataset"
else
  forgotten
  if folder=$(mktemp -d "/$dataset/$namespace/coop-prove-XXXXXX"); then new_home; from_a_snapshot
  else proof 'a new home gets its quota by itself' broken "no folder can be made in /$dataset/$namespace"
  fi
  if scratch=$(mktemp -d "/$dataset/.coop-prove-XXXXXX"); then past_the_quota; links; fi
fi

what="mail about disks reaches $mail" began=$(date +%s)
# ZED's own way; `mail` does not wait for the relay, so that the relay's answer is looked for in the journal
# shellcheck disable=SC1091  # they are on the file server
zed_mail() { (set +u; cd /etc/zfs/zed.d && . ./zed.rc && . ./zed-functions.sh && zed_notify_email "$@") 2>&1; }
if [ -z "$mail" ]; then proof 'mail about disks' untried 'configs/storage.yaml has no zed.ZED_EMAIL_ADDR: nobody is told of a disk that fails'
else
  echo 'A test by inv storage.prove: messages about pools and disks come in this way.' >"$work/message"
  said=$(zed_mail "A test from $(hostname)" "$work/message"); code=$?
  answer=
  while [ $code = 0 ] && [ -z "$answer" ] && [ $(($(date +%s) - began)) -le 60 ]; do
    answer=$(journalctl -q --no-pager -o cat -t msmtp --since="@$began" | grep -F "$mail" | tail -n 1); [ -n "$answer" ] || sleep 1
  done
  case $code/$answer in
    0/*exitcode=EX_OK*) proof "$what" holds "the relay took it: $(printf '%s\n' "$answer" | grep -o "smtpmsg='[^']*'")" ;;
    0/) proof "$what" untried 'it was handed on, and no answer of a relay is in the journal: look into that mailbox' ;;
    0/*) proof "$what" broken "$(printf '%s\n' "$answer" | grep -o "errormsg='[^']*'\|exitcode=.*")" ;;
    *) proof "$what" broken "ZED cannot send it: $said" ;;
  esac
fi
