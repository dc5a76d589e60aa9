# shellcheck shell=sh disable=SC2154
# Whether a unit came up, and what it said last. Given: unit, answers (shell text, true once the unit does its work; ""
# for a unit that is not asked).
#
# A service of Type=simple counts as started before its program has even read its settings: a second later it must be
# the same start still (systemd may have made another). Every other type says itself when it is up.

up() {
  started=$(systemctl show -p Type,InvocationID "$unit")
  case $started in *Type=simple*|*Type=exec*|*Type=idle*) sleep 1 ;; esac
  [ "$(systemctl show -p Type,InvocationID "$unit")" = "$started" ] && systemctl -q is-active "$unit" || return 1
  [ -n "$answers" ] || return 0
  until=$(($(cut -d . -f 1 /proc/uptime) + 45))
  until eval "$answers"; do
    [ "$(cut -d . -f 1 /proc/uptime)" -lt $until ] && systemctl -q is-active "$unit" || return 1
    sleep 0.3
  done
}
said() {  # of its last start: what it calls an error, in the words of containerd or of klog, and the last it said
  last=$(journalctl -q --no-pager -o cat -n 400 "_SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID "$unit")") || :
  [ -n "$last" ] || last=$(journalctl -q --no-pager -o cat -n 15 -u "$unit") || :
  printf '%s\n' "$last" | grep -E 'level=(error|fatal)|^[EF][0-9]{4} ' | tail -n 5 >&2 || :
  printf '%s\n' "$last" | tail -n 4 >&2
}
