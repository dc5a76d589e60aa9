# shellcheck shell=sh disable=SC2154
# What rooster knows of boots: every order's folder with when it was last renamed, what installers said, and the last that each
# address asked for, by HTTP and by TFTP. Given: boot (the folder of the boots), log (what nginx wrote of them).

echo "now $(date +%s)"
for place in "$boot"/at/*/armed "$boot"/at/*/claimed-* "$boot"/at/*/expired-* "$boot"/at/*/withdrawn-*; do
  [ -f "$place/order" ] || continue
  echo "order ${place#"$boot"/at/} $(stat -c %Z "$place")"; sed 's/^/|/' "$place/order"
done
for word in "$boot"/at/*/said/*/*; do
  case $word in *.hardware|*.smart-*) continue ;; esac  # long, and of use to one task alone
  [ -f "$word" ] || continue
  echo "said ${word#"$boot"/at/} $(stat -c %Y "$word")"; head -c 16384 "$word" | sed 's/^/|/'; echo
done
tail -n 20000 "$log" 2>/dev/null |
  awk '{ last[$2] = "asked " $2 " " int($1) " " $3 " " $4 " " $5 } END { for (a in last) print last[a] }'
journalctl -q -u dnsmasq --since=-2h -o short-unix --no-pager 2>/dev/null |
  sed -n 's|^\([0-9]*\)\.[0-9]* .*dnsmasq-tftp[^ ]* sent .*/tftp/\(.*\) to \([0-9.]*\)$|asked \3 \1 TFTP \2 200|p' |
  awk '{ last[$2] = $0 } END { for (a in last) print last[a] }'
