# shellcheck shell=sh disable=SC2034,SC2154
# What a root shell is sent first. Given: coop_mark (what an answer's last line begins with).
#
# `probe` runs a probe: what it prints to stdout, nothing else. `act` runs a command: both outputs, and no further
# command once one has failed or has taken longer than its limit: whoever waited for it has gone on, and expects
# nothing more to happen here. `guard` runs a condition for all that follows: when it fails, the shell ends, and
# whatever came in the same write behind it is not run. All three run in a subshell, so that no command can change
# or end the shell itself. What was said before the prologue (by a login script, by sudo) goes to an answer 0 that
# nobody gets. Descriptor 8 is the rack's lock (see engine/lock.py): what a command starts must not go on holding it.

exec 2>&1
cd /; umask 022; LC_ALL=C.UTF-8; HOME=/root; CURL_HOME=/etc/coop; PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL HOME CURL_HOME PATH; unset LANG LANGUAGE; coop_failed=; coop_from=${1-}
coop_now() { read -r coop_time coop_rest </proc/uptime; }
coop_say() {
  coop_began=$coop_time coop_late=; coop_now
  [ -z "${3-}" ] || [ $((${coop_time%.*} - ${coop_began%.*})) -le "$3" ] || coop_late=' late'
  printf '\n%s %s %s %s %s%s\n' "$coop_mark" "$1" "$2" "$coop_began" "$coop_time" "$coop_late"
}
probe() { coop_now; ( coop_text=$2; set --; eval "$coop_text" ) </dev/null 2>/dev/null; coop_say "$1" $?; }
guard() {
  coop_now; ( coop_text=$2; set --; eval "$coop_text" ) </dev/null 2>/dev/null; coop_code=$?
  coop_say "$1" $coop_code
  [ $coop_code = 0 ] || exit $coop_code
}
act() {
  [ -z "$coop_failed" ] || return 0
  coop_now; ( coop_text=$3; set --; set -e; eval "$coop_text" ) </dev/null 8>&-; coop_code=$?
  coop_say "$1" $coop_code "$2"
  [ $coop_code = 0 ] && [ -z "$coop_late" ] || coop_failed=1
}
coop_now; coop_say 0 0
