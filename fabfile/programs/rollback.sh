# shellcheck shell=sh disable=SC2154
# A former revision again, and its proof. Given besides what release.sh says: revision ("" for the last that was proved
# before the one that runs).

known=$(revisions)
alone
forget_unfinished
now_runs=$(printf '%s\n' "$known" | last_of | sed 's/ .*//')
list() {
  printf '%s\n' "$known" | sort -n | while read -r number status _ by; do
    echo "revision $number: $status$([ "$by" != "$number" ] || echo ', proved')"
  done
}
if [ -z "$now_runs" ]; then echo "there is no release $release in $namespace" >&2; exit 1; fi
if [ -z "$revision" ]; then
  revision=$(printf '%s\n' "$known" | grep -v "^$now_runs " | proved)
  [ -n "$revision" ] || {
    list
    echo 'no earlier revision is known to be proved: name one with --revision, of those above' >&2; exit 1; }
elif ! printf '%s\n' "$known" | grep -q "^$revision "; then
  list; echo "helm has no revision $revision: those above are there" >&2; exit 1
fi
echo "note: from revision $now_runs to $revision"
if back "$revision"; then
  cat "$work/proved" 2>/dev/null || :
  echo "note: revision $revision is back, as revision $(newest), and proved"; exit 0
fi
printf '%s\n' "$why" >&2
case $failed in
database) echo "revision $revision does not come back: nothing was changed" >&2 ;;
proof) echo "revision $revision is back, and ready, but not proved: see above" >&2 ;;
*) echo "revision $revision is not back: see above" >&2 ;;
esac
exit 1
