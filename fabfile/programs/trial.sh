# shellcheck shell=sh disable=SC2154
# A change that is rolled back automatically, in a folder of its own. Given: coop_commands and coop_undo (shell text), coop_tries
# (fifths of a second that it waits for the file `confirmed`), coop_undone (its exit code when it went back).

set +e
( set -e; eval "$coop_commands" )
echo $? >applied.new; mv applied.new applied
if [ "$(cat applied)" = 0 ]; then
  coop_try=0
  while [ $((coop_try += 1)) -le "$coop_tries" ]; do [ ! -e confirmed ] || exit 0; sleep 0.2; done
fi
( eval "$coop_undo" )
: >undone
coop_code=$(cat applied); [ "$coop_code" != 0 ] || coop_code=$coop_undone
exit "$coop_code"
