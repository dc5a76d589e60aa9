# shellcheck shell=sh disable=SC2154
# What a BMC does for its machine, and whether it came true; behind redfish.sh, which says how. Given: machine.

now() { read -r up rest </proc/uptime; echo "${up%%.*}"; }
comes() {  # STATE SECONDS; a BMC that is asked more often may hang
  until=$(($(now) + $2))
  while [ "$(state)" != "$1" ]; do [ "$(now)" -lt "$until" ] || return 1; sleep 5; done
}
off() {  # SECONDS TO-SHUT-DOWN AT-ONCE: its system is asked first, and given so many seconds
  [ "$(state)" != off ] || return 0
  if [ "$1" -gt 0 ] && [ -n "$2" ]; then
    if tell "$2" && comes off "$1"; then return 0; fi
    echo "$machine did not shut down within $1 s: its power is cut"
  fi
  tell "$3" || return 1
  comes off 30 || { echo "the BMC of $machine accepted to switch it off, and it is still on" >&2; return 1; }
}
on() {  # REQUEST: some BMCs accept it, and do nothing the first time
  [ "$(state)" != on ] || return 0
  for try in 1 2 3; do
    tell "$1" || return 1
    if comes on 20; then return 0; fi
  done
  echo "the BMC of $machine accepted $try times to switch it on, and it is off: pull its plug for a minute" >&2; return 1
}
boot() {  # WANTED HINT REQUEST…: ways to say the same, until one is kept; WANTED is a pattern
  wanted=$1 hint=$2 refused=; shift 2
  for way; do
    refused=$(alter "$way" 2>&1) || continue
    # shellcheck disable=SC2254
    case $(booting) in $wanted) return 0 ;; esac
  done
  echo "the BMC of $machine does not keep what it should boot from${hint:+ ($hint)}: it says '$(booting)'" >&2
  printf '%s\n' "$refused" >&2; return 1
}
