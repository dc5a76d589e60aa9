# shellcheck shell=sh disable=SC2086,SC2154,SC3013
# coop_gone LOCK DESCRIPTOR succeeds when the operator of the run in coop_holder is gone: no sshd carries its shell
# any more, or that one has heard nothing for long (or, for a run on the gateway itself, its process has ended).
# Then its shell and sshd are ended; what that shell had running goes on and holds the machine's lock. A shell
# that is no more holds nothing, and its number may be another's. Given: coop_run (the folder of the locks),
# coop_doubtful and coop_silent_after (milliseconds), coop_mark and coop_holder.

coop_field() { coop_value=${coop_holder##*"\"$1\": \""}; coop_value=${coop_value%%\"*}; }
coop_gone() {
  coop_field shell; coop_shell=$coop_value; coop_field pid; coop_pid=$coop_value; coop_field from
  [ /proc/"$coop_shell"/fd/"$2" -ef "$coop_run/$1" ] || return 1
  coop_sshd=$coop_shell
  while [ "${coop_sshd:-0}" -gt 1 ]; do
    read -r coop_name </proc/$coop_sshd/comm || { coop_sshd=; break; }
    case $coop_name in sshd*) break ;; esac
    coop_sshd=$(sed -n 's/^PPid:[^0-9]*//p' /proc/$coop_sshd/status)
  done
  if [ "$coop_value" = here ]; then
    [ ! -d /proc/"$coop_pid" ] || return 1
    kill "$coop_shell"
  elif [ "${coop_sshd:-0}" -le 1 ]; then kill "$coop_shell"
  else
    set -- $coop_value
    while :; do
      coop_silent=$(ss -tinHO state established dst "$1:$2" | sed -n 's/.*lastrcv:\([0-9]*\).*/\1/p')
      [ "${coop_silent:-0}" -gt "$coop_doubtful" ] || return 1
      [ "$coop_silent" -le "$coop_silent_after" ] || break
      printf '\n%s + another run holds the lock and is not heard\n' "$coop_mark"; sleep 1
    done
    kill "$coop_shell" "$coop_sshd"
  fi
}
