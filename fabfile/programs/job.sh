# shellcheck shell=sh disable=SC2154
# What a job in the environment in RAM tells rooster, and how it ends. put() is the guard's. Given: order, rooster (HOST:PORT).

told() {  # NAME, from stdin: asked until rooster has it; 8 is wget's word for an answer such as "it is there already"
  cat >"$work/$1.kept"
  until put "$1" <"$work/$1.kept"; do
    [ $? != 8 ] || return 0
    sleep 10
  done
}
fail() {  # the machine stays on, and its sshd, if there is one yet
  echo "failed: $*"
  echo "$*" | told failed
  exit 1
}
beat() {  # WORDS: what takes hours is heard of
  beats=0
  while sleep 600; do beats=$((beats + 1)); echo "$*" | put "$beats.progress" || :; done &
  beating=$!
}
still() { kill "$beating" 2>/dev/null || :; }
finish() {  # poweroff, reboot or stay; what was done comes from stdin
  told finished
  sync; sleep 3
  case $1 in poweroff|reboot) "$1" -f ;; esac
}
