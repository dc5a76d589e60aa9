# shellcheck shell=sh disable=SC2154
# The revision that runs, verified. Given besides what release.sh says: noted ("" where this proof says nothing of the
# whole: another profile than the canary's own).

latest=$(newest)
if ! prove; then printf '%s\n' "$why" >&2; exit 1; fi
[ -z "$noted" ] || [ -z "$latest" ] || [ "$(newest)" != "$latest" ] || mark "$latest"
cat "$work/proved"
