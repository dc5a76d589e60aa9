# shellcheck shell=sh disable=SC2034,SC2154
# What an upgrade of a release, its way back and its proof have in common. They run on the gateway, with `set -e`.
#
# Given: kubeconfig, release, namespace, limit (seconds for helm's hooks, and again for the pods), proof (shell text
# that proves what runs; "" where pods that are ready are proof enough), canary (the user that it starts a server for),
# pods (pods.py), database (database.py; "" where there is none to bring back), inside (inside.py), about (its settings),
# inv (what an operator types after `inv` to name this release: "hub.prove"), failure (a file that is there when the last proof failed).
#
# A line that begins with "note: " is read at once, and kept; one that begins with "... " is true for the moment.
# A function that fails says why in `why`.

export KUBECONFIG="$kubeconfig" HELM_NAMESPACE="$namespace"
umask 077; mkdir -p /run/coop; work=$(mktemp -d /run/coop/helm.XXXXXX); trap 'rm -rf "$work"' EXIT
printf %s "$proof" >"$work/proof"; printf %s "$pods" >"$work/pods.py"
printf %s "$database" >"$work/database.py"; printf %s "$inside" >"$work/inside.py"
why='' unanswered=0 gone='' canary_refused=''

# -- revisions: "NUMBER STATUS DIGEST PROVED", the last one that was verified under its own number -----------------
# helm hands labels on from one revision to the next, so a mark that only said "proved" would prove its heirs too.
history_of='{{range .items}}{{with .metadata.labels}}{{.version}} {{.status}} {{or .coop "-"}} '\
'{{or (index . "coop-proved") "-"}}{{"\n"}}{{end}}{{end}}'
revisions() {
  kubectl --request-timeout=30s -n "$namespace" get secrets -l "owner=helm,name=$release" -o "go-template=$history_of"
}
last_of() { sort -n | tail -n 1; }
deployed() { sed -n 's/^\([0-9]*\) deployed .*/\1/p' | last_of; }
proved() { sed -n 's/^\([0-9]*\) [^ ]* [^ ]* \1$/\1/p' | last_of; }
newest() { revisions 2>/dev/null | last_of | sed 's/ .*//'; }

# What a helm that was killed left unfinished would keep every later one from working.
forget_unfinished() {
  for stale in $(printf '%s\n' "$known" | sed -n 's/^\([0-9]*\) pending-.*/\1/p'); do
    echo "note: revision $stale never ended: it is forgotten"
    kubectl -n "$namespace" delete secret "sh.helm.release.v1.$release.v$stale" >/dev/null
    known=$(printf '%s\n' "$known" | sed "/^$stale /d")
  done
}
alone() {
  if pgrep -x helm >/dev/null; then
    echo 'another helm process is working on this release: find out which, and run this again' >&2; exit 1
  fi
}

# The revision to go back to: the one that is named, else the last that was verified before the one that runs.
list() {
  printf '%s\n' "$known" | sort -n | while read -r number status _ by; do
    echo "revision $number: $status$([ "$by" != "$number" ] || echo ', verified')"
  done
}
choose() {  # REVISION, or nothing; sets now_runs and revision
  now_runs=$(printf '%s\n' "$known" | last_of | sed 's/ .*//') revision=$1
  if [ -z "$now_runs" ]; then echo "there is no release $release in $namespace" >&2; exit 1; fi
  if [ -z "$revision" ]; then
    revision=$(printf '%s\n' "$known" | grep -v "^$now_runs " | proved)
    [ -n "$revision" ] || {
      list
      echo 'no earlier revision is known to be verified: name one with --revision, of those above' >&2; exit 1; }
  elif ! printf '%s\n' "$known" | grep -q "^$revision "; then
    list; echo "helm has no revision $revision: those above are there" >&2; exit 1
  fi
}

mark() {  # REVISION: it was verified
  rm -f -- "$failure"
  for again in 1 2 3; do
    kubectl --request-timeout=10s -n "$namespace" label secret "sh.helm.release.v1.$release.v$1" "coop-proved=$1" \
      --overwrite >/dev/null 2>"$work/marked" && return
    sleep 1
  done
  echo "note: revision $1 is verified, and that cannot be noted on it ($(tail -n 1 "$work/marked")):" \
    "inv $inv notes it"
}

# -- nodes and pods, while something is waited for --------------------------------------------------------------
# A node that was Ready when this began and is not any more: whoever waits for it would wait until a limit.
# shellcheck disable=SC2016  # go's variables
ready_nodes='{{range .items}}{{$name := .metadata.name}}{{range .status.conditions}}'\
'{{if and (eq .type "Ready") (eq .status "True")}}{{$name}}{{"\n"}}{{end}}{{end}}{{end}}'
nodes() { kubectl --request-timeout=10s get nodes -o "go-template=$ready_nodes" 2>/dev/null; }
fit=" $(nodes | tr '\n' ' ')"
look() {
  now=" $(nodes | tr '\n' ' ')"
  if [ "$now" = ' ' ]; then unanswered=$((unanswered + 1)) now=$fit; else unanswered=0; fi
  gone=$(for node in $fit; do case $now in *" $node "*) ;; *) printf '%s ' "$node" ;; esac; done)
  [ $unanswered -lt 6 ] || why='the API server no longer answers'
}

# What is waited for, on a line every few seconds; `why` when waiting cannot help.
see() {  # WHAT-TO-SAY NAMESPACE pods.py's further arguments...
  what=$1 space=$2; shift 2
  python3 "$work/pods.py" "$space" "$began" "$@" >"$work/seen" 2>"$work/unseen" </dev/null || :
  why=${why:-$(sed -n 's/^end //p' "$work/seen" | head -n 1)}
  now_said=$(sed -n 's/^[a-z]* //p' "$work/seen" | head -n 1)
  echo "... $what, $(($(date +%s) - began)) s: ${now_said:-it goes on}"
  if grep -q '^ready' "$work/seen"; then rm -f "$work/waited-for"
  elif [ -n "$now_said" ]; then printf '%s\n' "$now_said" >"$work/waited-for"; fi
  now_said=$(sed -n 's/^[a-z]* \(.* cannot start .*\)/\1/p' "$work/seen" | head -n 1)
  [ -z "$now_said" ] || [ "$now_said" = "$told_start" ] || { told_start=$now_said; echo "note: $now_said"; }
}

watched() {  # WHAT-TO-SAY PODS FILE COMMAND...: a command beside one who looks; ended when its wait is in vain
  what_runs=$1 whose=$2 output=$3 told_start='' away=0 beats=0; shift 3
  began=$(date +%s); rm -f "$work/waited-for"
  setsid "$@" >"$output" 2>&1 </dev/null & running=$!
  while sleep 1; kill -0 $running 2>/dev/null; do
    beats=$((beats + 1)); [ $((beats % 5)) = 0 ] || continue
    look
    if [ -n "$gone" ]; then away=$((away + 1)); else away=0; fi
    [ $away -lt 6 ] || why="${gone% } is no longer Ready"
    # shellcheck disable=SC2086  # hooks WHEN, or canary USER
    see "$what_runs" "$namespace" $whose
    if [ -n "$why" ]; then
      kill -s TERM -- -$running || :
      for _ in 1 2 3 4 5; do sleep 1; kill -0 $running 2>/dev/null || break; done
      kill -s KILL -- -$running 2>/dev/null || :; return 1
    fi
  done
  wait $running
}

# Deployments and StatefulSets alone: a puller's DaemonSet waits for every node and image, and its lack stops nobody.
columns='custom-columns=S:.metadata.namespace,K:.kind,N:.metadata.name'
ready() {
  began=$(date +%s) told_start=''; rm -f "$work/waited-for"
  helm get manifest "$release" | kubectl -n "$namespace" get -f - --no-headers -o "$columns" >"$work/objects" 2>&1 ||
    { why=$(tail -n 3 "$work/objects"); return 1; }
  sed -nE 's/^([^ ]+) +(Deployment|StatefulSet) +([^ ]+) *$/\1 \2 \3/p' "$work/objects" >"$work/workloads"
  while read -r in_space kind workload; do
    until kubectl -n "$in_space" rollout status "$kind/$workload" --timeout=3s >"$work/rollout" 2>&1 </dev/null; do
      passed=$(($(date +%s) - began))
      look
      # shellcheck disable=SC2086  # each node is an argument
      see "$kind $workload" "$in_space" workload "$workload" $gone
      [ -z "$why" ] || return 1
      if [ $passed -ge "$limit" ]; then
        why="after $passed s: $kind $workload: $(grep -v '^error: timed out' "$work/rollout" | tail -n 1)"
        why="$why $(cat "$work/waited-for" 2>/dev/null)"; return 1
      fi
    done
  done <"$work/workloads"
}

prove_once() {
  code=0 canary_refused=''
  watched "the canary" "canary $canary" "$work/proved" sh "$work/proof" || code=$?
  [ $code != 0 ] || return 0
  [ $code != 4 ] || canary_refused=yes  # the hub is well: hub_client.py says so
  why=${why:-$(tail -n 6 "$work/proved")}
  [ ! -s "$work/waited-for" ] || why="$why; its server: $(cat "$work/waited-for")"
  return 1
}
prove() {  # where there is nothing to prove it with, pods that are ready are enough
  [ -s "$work/proof" ] || return 0
  prove_once && return
  [ -n "$gone" ] || return 1
  echo "note: $why: the check begins again, on the nodes that are left"; why='' fit=$now
  prove_once
}

# -- the way back --------------------------------------------------------------------------------------------------
back() {  # REVISION: its database where that has to go back, its objects, its pods, its proof; which of them failed
  failed=database
  if [ -s "$work/database.py" ]; then
    code=0; python3 "$work/database.py" "$about" fit "$1" >"$work/fit" 2>&1 || code=$?
    cat "$work/fit"
    [ $code != 3 ] || { why=$(tail -n 1 "$work/fit"); return 1; }  # its hub would crash at every start
    [ $code = 0 ] || echo "note: whether revision $1 reads the hub's database is not known: $(tail -n 1 "$work/fit")"
  fi
  failed=helm unanswered=0
  watched "helm rollback" "hooks rollback" "$work/said" helm rollback "$release" "$1" --timeout "${limit}s" --history-max 10 \
    --server-side=true --force-conflicts || { why=${why:-$(tail -n 4 "$work/said")}; return 1; }
  failed=pods; ready || return 1
  failed=proof; prove || return 1
  failed=''; mark "$(newest)"
}
