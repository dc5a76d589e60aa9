# shellcheck shell=sh disable=SC2034,SC2154
# What a change of packages begins with: no question is ever asked, a file of ours stays when a package brings its own,
# and another apt (unattended-upgrades runs for minutes) is waited for, by looking at who holds the locks.
# Given: updated (the file that is touched when the lists were fetched), may_go (packages that apt may remove). Sets fresh, to
# nothing.

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l LC_ALL=C.UTF-8
apt() {
  apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold --no-install-recommends "$@"
}
free() {
  waited=0
  for lock in /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock \
    /var/cache/apt/archives/lock; do
    while [ -e "$lock" ] && inode=$(stat -c %i "$lock") && holder=$(grep ":$inode " /proc/locks); do
      [ "$waited" -lt 600 ] || { echo "$lock has been held for ten minutes: $holder" >&2; return 1; }
      [ $((waited % 30)) -ne 0 ] || echo "waiting for $lock: $holder"
      sleep 1; waited=$((waited + 1))
    done
  done
}
fetch_lists() {
  free
  if apt -o APT::Update::Error-Mode=any update; then mkdir -p "${updated%/*}"; touch "$updated"
  else echo 'not all lists could be fetched; going on with what there is'; fi
}
install() {  # nothing goes but what may_go names: whatever else apt would remove has to be in the plan first
  more='' no_remove=''
  if [ -n "$may_go" ]; then more=$(removes "$@") || return 1; else no_remove=--no-remove; fi
  if [ -z "$more" ]; then
    ! apt install $no_remove --allow-downgrades --allow-change-held-packages "$@" || return 0
    [ -z "$no_remove" ] || more=$(removes "$@") || return 1
  fi
  [ -z "$more" ] || echo "apt would remove ${more}and the plan does not say so: run again, then it does" >&2
  return 1
}
removes() {  # what would go, but for what may
  simulated=$(apt -s --allow-downgrades --allow-change-held-packages install "$@") || return 1
  printf '%s\n' "$simulated" | sed -n 's/^\(Remv\|Purg\) \([^ ]*\).*/\2/p' | while read -r name; do
    case " $may_go " in *" $name "*) ;; *) printf '%s ' "$name" ;; esac
  done
}
stale() {
  [ -e "$updated" ] || return 0
  [ -n "$(find /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/keyrings -newer "$updated" 2>/dev/null |
    head -n 1; find "$updated" -mmin +1440)" ]
}
fresh=; free
