# shellcheck shell=sh disable=SC2154
# A console that record.sh reads, on the terminal of whoever looks at it: what was said last, what is said, and what is typed,
# until Ctrl-]. Given: here, log.

cd "$here" || exit
exec 6>>viewers; flock -s 6
[ -p in ] || { echo "the console is not read" >&2; exit 1; }
was=$(stty -g)
trap 'stty "$was"; kill $! 2>/dev/null; echo; exit 0' INT TERM HUP
stty raw -echo isig intr '^]' quit undef susp undef
exec 5<&0
{ tail -n 20 -f --pid="$(cat pid)" "$log"; kill -TERM $$; } &
cat <&5 >in &
wait
