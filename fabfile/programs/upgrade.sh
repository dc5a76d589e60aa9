# shellcheck shell=sh disable=SC2154
# An upgrade: helm, pods, proof; or the last revision that was verified again, with the reason, and an exit code of 1.
# Given besides what release.sh says: chart, values, override (YAML), digest, force ("--force-conflicts" or "").

printf %s "$values" >"$work/values"; printf %s "$override" >"$work/override"
known=$(revisions)  # a release that cannot be asked for would seem to have no previous revision
alone
forget_unfinished
was=$(printf '%s\n' "$known" | deployed)
former=$(printf '%s\n' "$known" | proved)

# shellcheck disable=SC2086  # force is one word or none
if watched "helm upgrade" "hooks upgrade" "$work/said" helm upgrade --install "$release" "$chart" --create-namespace \
  -f "$work/values" -f "$work/override" --labels "coop=$digest" --history-max 10 \
  --timeout "${limit}s" --hide-notes --server-side=true $force
then ready || :
elif [ -n "$why" ]; then why="$why, and helm waits for it"
else why="helm: $(grep -v '^level=WARN' "$work/said" | tail -n 6)"
fi
if [ -z "$why" ]; then prove || why="its pods are ready, but: $why"; fi
if [ -z "$why" ]; then
  mark "$(newest)"; cat "$work/proved" 2>/dev/null || :; revisions 2>/dev/null | last_of; exit 0
fi
printf '%s\n' "$why"
if [ -n "$canary_refused" ]; then
  echo "the upgrade stays, and is not verified: what is wrong is the check, not the hub (inv $inv checks again)"; exit 1
fi
look
case $why in
*'is no longer Ready'*) ;;
*) [ -z "$gone" ] || echo "${gone% } is no longer Ready: what stood there is missing" ;;
esac
reason=$why why=''
latest=$(newest)
if [ -z "$former" ] && [ -n "$was" ]; then
  former=$was; echo "note: no revision is known to be verified: it goes back to $was, which ran before"
elif [ -n "$was" ] && [ "$was" != "$former" ]; then
  echo "note: it goes back to revision $former, the last that was verified; revision $was, which ran before, was not"
fi
if [ -z "$former" ]; then echo 'there is no previous revision: what is there stays, to be looked at'
elif [ "$latest" = "$was" ]; then echo "revision $was was not touched"
elif back "$former"; then
  if [ -s "$work/proof" ]; then echo "the canary ran a cell on it"; fi
  printf '%s\n' "$reason" | tail -n 4
  echo "the upgrade failed for the reason above: revision $former is back, and ready"
else
  printf '%s\n' "$why"
  case $failed in
  database) echo "the upgrade failed, and revision $former cannot come back: what is there stays" ;;
  proof) echo "the upgrade failed its checks: revision $former is back, and ready, but is not verified either: see above" ;;
  *) echo "the upgrade failed, and revision $former is not ready again either: see above" ;;
  esac
fi
exit 1
