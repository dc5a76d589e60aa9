# shellcheck shell=sh disable=SC2154
# The revision that runs, verified. Given besides what release.sh says: noted ("" where this proof says nothing of the
# whole: another profile than the canary's own). That one failed is kept for hub.sh, until one holds; a hub that refuses the canary
# is well.

latest=$(newest)
if ! prove; then
  if [ -n "$noted" ] && [ -z "$canary_refused" ]; then
    mkdir -p "${failure%/*}"
    echo "$(date +%s) $(printf %s "$why" | tail -n 2 | tr '\n' ' ' | cut -c 1-300)" >"$failure"
  fi
  printf '%s\n' "$why" >&2; exit 1
fi
[ -z "$noted" ] || rm -f -- "$failure"
[ -z "$noted" ] || [ -z "$latest" ] || [ "$(newest)" != "$latest" ] || mark "$latest"
cat "$work/proved"
