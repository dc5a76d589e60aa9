# shellcheck shell=sh disable=SC2154
# Why this machine has to be started again: a line a reason, none if it need not be; and "unbuilt" with what its new
# kernel lacks. Behind modules_built.sh. Given: mark (a file that update.sh leaves).

[ ! -e /run/reboot-required ] || echo 'a package asks for it (/run/reboot-required)'
newest=$(newest_kernel)
running=$(uname -r || :)
[ -z "$newest" ] || [ -z "$running" ] || [ "$newest" = "$running" ] ||
  echo "the kernel $newest is installed, and $running runs"
if [ -e "$mark" ]; then
  started=$(date -d "$(systemctl show --timestamp=utc -P UserspaceTimestamp)" +%s)
  [ "$(stat -c %Y "$mark")" -lt "$started" ] || echo 'programs that everything uses were updated'
fi
unbuilt | sed 's/^/unbuilt /'
