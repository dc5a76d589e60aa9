# shellcheck shell=sh disable=SC2154
# What apt would remove, downgrade or move although it is on hold, to install some packages; and what of it is at work.
# Given: wanted (NAME or NAME=VERSION, in lines), beside (packages that cannot stay beside them, in case apt's lists do not
# know the wanted ones yet). Nothing is changed, and no lists are fetched. Prints apt's lines that matter, then
# active PACKAGE UNIT and containers NUMBER; hold PACKAGE WANT, what a package on hold wants and apt cannot give it.

simulate() {
  LC_ALL=C.UTF-8 timeout 20 apt-get -s -q -y --no-install-recommends --allow-downgrades --allow-change-held-packages \
    -o Debug::NoLocking=1 install "$@" 2>&1
}
each() {  # of these packages, those of which apt knows the version too
  printf '%s\n' "$known" | while read -r word; do
    case "$said
" in *"Unable to locate package ${word%%=*}
"*|*" for '${word%%=*}' was not found"*|*"Package '${word%%=*}' has no installation candidate"*) ;;
      *) printf '%s\n' "$word" ;;
    esac
  done
}
set -f
minus=
for name in $beside; do
  case $(dpkg-query -W -f '${Status}' "$name" 2>/dev/null) in *' installed') minus="$minus $name-" ;; esac
done
# a simulation takes a second of a processor, to look for names a fiftieth
names=$(apt-cache pkgnames 2>/dev/null | grep -xF "$(printf '%s\n' "$wanted" | sed 's/=.*//')") || :
said=
known=$(printf '%s\n' "$wanted" | while read -r word; do
  case "
$names
" in *"
${word%%=*}
"*) printf '%s\n' "$word" ;; esac
done)
# shellcheck disable=SC2086  # words
if [ -z "$known$minus" ]; then said=$(apt-get indextargets 2>&1 >/dev/null) || :  # its sources can be read at least
elif said=$(simulate $known $minus); then :
elif [ $? = 124 ]; then said=  # a busy machine: then the installation itself removes nothing that the plan does not name
else known=$(each); said=$(simulate $known $minus) || :; fi
# shellcheck disable=SC2086  # words
case $said in *'E: '*' held packages'*)
  kept=$(apt-mark showhold 2>/dev/null) || kept=
  holds=$(printf '%s\n' "$said" | sed -n 's/^ \([^ :]*\)\(:[a-z0-9]*\)\{0,1\} : /\1 /p' | while read -r name rest; do
    case "
$kept
" in *"
$name
"*) echo "hold $name $rest" ;; esac
  done)
  [ -z "$holds" ] || { printf '%s\n' "$holds"; said=$(simulate --ignore-hold $known $minus) || :; } ;;
esac
lost=$(printf '%s\n' "$said" | awk '/^(Remv|Purg|E:) / { print; next }
  /will be DOWNGRADED:/ { kind = "down"; next } /held packages will be changed:/ { kind = "held"; next }
  kind && /^  / { for (i = 1; i <= NF; i++) print kind, $i; next } { kind = "" }')
[ -z "$lost" ] || printf '%s\n' "$lost"
printf '%s\n' "$lost" | while read -r kind name rest; do
  [ "$kind" = Remv ] || [ "$kind" = Purg ] || continue
  dpkg -L "$name" 2>/dev/null | sed -n 's,^\(/usr\)*/lib/systemd/system/\([^/@]*\.service\)$,\2,p' | sort -u | while read -r unit; do
    ! systemctl -q is-active "$unit" 2>/dev/null || echo "active $name $unit"
  done
done
case $lost in *'Remv docker'*|*'Purg docker'*|*'Remv moby'*)
  running=$(timeout 10 docker ps -q 2>/dev/null) && [ -z "$running" ] || echo "containers $(printf '%s\n' "$running" | grep -c .)" ;;
esac
