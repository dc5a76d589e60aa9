# shellcheck shell=sh disable=SC2034,SC2154
# A previous revision again, and its proof. Given besides what release.sh says: wanted (a revision; "" for the last that
# was verified before the one that runs).

known=$(revisions)
alone
forget_unfinished
choose "$wanted"
echo "note: from revision $now_runs to $revision"
if back "$revision"; then
  cat "$work/proved" 2>/dev/null || :
  echo "note: revision $revision is back, as revision $(newest), and verified"; exit 0
fi
printf '%s\n' "$why" >&2
case $failed in
database) echo "revision $revision does not come back: nothing was changed" >&2 ;;
proof) echo "revision $revision is back, and ready, but not verified: see above" >&2 ;;
*) echo "revision $revision is not back: see above" >&2 ;;
esac
exit 1
