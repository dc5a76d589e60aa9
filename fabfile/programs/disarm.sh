# shellcheck shell=sh disable=SC2154
# On rooster, each minute: a machine whose order nobody claimed in time is not armed any more. An order that does not say until
# when it holds has expired. Given: boot (the folder of the boots).

now=$(date +%s)
for armed in "$boot"/at/*/armed; do
  [ -d "$armed" ] || continue
  id=$(sed -n 's/^id //p' "$armed/order") until=$(sed -n 's/^expires \([0-9]*\)$/\1/p' "$armed/order")
  [ "${until:-0}" -gt "$now" ] || mv -T "$armed" "${armed%/armed}/expired-${id:-unknown}"
done
