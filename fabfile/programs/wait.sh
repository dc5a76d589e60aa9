# shellcheck shell=sh disable=SC2030,SC2031,SC2154
# coop_wait NAME waits for a command that outlives its line. Given: coop_units (the folder of all such), coop_mark.
#
# Waiting costs a few forks every two seconds, and prints: the first beat into a line that is cut ends the
# waiter. The lock is seen free within a few milliseconds after the command's end. What a command says is known by its
# last line, which the next takes away; a line that begins with "note: " is passed on whatever comes after it.

coop_notes() {
  coop_all=$(grep -c '^note: ' "$coop_units/$1/log" 2>/dev/null) || return 0
  grep '^note: ' "$coop_units/$1/log" | tail -n +$((coop_noted + 1)) | while IFS= read -r coop_note
  do printf '\n%s + %s\n' "$coop_mark" "$coop_note"
  done
  coop_noted=$coop_all
}
coop_wait() {
  coop_noted=0
  until flock -w 2 "$coop_units/$1/lock" true
  do
    coop_notes "$1"
    coop_last=$(tail -c 300 "$coop_units/$1/log" 2>/dev/null | tr '\r' '\n' | tail -n 1)
    printf '\n%s + %s\n' "$coop_mark" "$coop_last"
  done
  coop_notes "$1"
}
