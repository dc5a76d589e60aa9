"""What helm and kubectl are asked to look at a release, to upgrade it, and to bring the former one back."""

from __future__ import annotations

from shlex import quote

_HISTORY = ("-o 'jsonpath={range .items[*]}{.metadata.labels.version} {.metadata.labels.status} "
            "{.metadata.labels.coop}{\"\\n\"}{end}'")

# Compared in another manager's name, by force: whatever of the manifest is not so. Then in helm's own: who
# else set it.
_PROBE = r"""
if [ ! -r @KUBECONFIG@ ] || ! command -v helm >/dev/null || [ ! -r @CHART@ ]; then echo absent
else
  k() { kubectl --kubeconfig @KUBECONFIG@ --request-timeout=30s -n @NAMESPACE@ "$@"; }
  h() { helm --kubeconfig @KUBECONFIG@ -n @NAMESPACE@ "$@"; }
  if ! last=$(k get secrets -l owner=helm,name=@RELEASE@ @HISTORY@ 2>/dev/null); then echo absent
  else
    last=$(printf '%s\n' "$last" | sort -n | tail -n 1); echo "release ${last:-none}"
    case $last in
    *' deployed @DIGEST@') m=$(h get manifest @RELEASE@ 2>/dev/null) || m= ;;
    *) m=$(printf %s @VALUES@ | h template @RELEASE@ @CHART@ -f - \
        --dry-run=server --no-hooks --is-upgrade 2>&1) || { echo refused; printf '%s\n' "$m"; m=; } ;;
    esac
    if [ -n "$m" ] && [ -n "$last" ]; then
      s=0; d=$(printf '%s\n' "$m" |
        k diff --server-side --force-conflicts --field-manager=coop-look -f - 2>&1) || s=$?
      echo "live $s"
      if [ $s != 0 ]; then
        echo by; printf '%s\n' "$m" | k diff --server-side --field-manager=helm -f - 2>&1 >/dev/null || :
        echo diff; printf '%s\n' "$d"
      fi
    fi
  fi
fi
""".strip()

_UPGRADE = r"""
export KUBECONFIG=@KUBECONFIG@ HELM_NAMESPACE=@NAMESPACE@
umask 077; mkdir -p /run/coop; work=$(mktemp -d /run/coop/helm.XXXXXX); trap 'rm -rf "$work"' EXIT
printf %s @VALUES@ >"$work/values"; printf %s @OVERRIDE@ >"$work/override"
revisions() { kubectl -n @NAMESPACE@ get secrets -l owner=helm,name=@RELEASE@ @HISTORY@; }
history() { revisions 2>/dev/null | sort -n; }
known=$(revisions)  # a release that cannot be asked for would seem to have no former revision
if pgrep -x helm >/dev/null; then
  echo 'helm is at work here by another hand: see who, and run this again' >&2; exit 1
fi
for stale in $(printf '%s\n' "$known" | sed -n 's/^\([0-9]*\) pending-.*/\1/p'); do
  echo "revision $stale never ended: it is forgotten"
  kubectl -n @NAMESPACE@ delete secret "sh.helm.release.v1.@RELEASE@.v$stale" >/dev/null
done
former=$(printf '%s\n' "$known" | sed -n 's/^\([0-9]*\) deployed.*/\1/p' | sort -n | tail -n 1)
@WATCH@
@READY@
why=
if watched helm upgrade --install @RELEASE@ @CHART@ --create-namespace \
  -f "$work/values" -f "$work/override" --labels coop=@DIGEST@ --history-max 10 \
  --timeout @SECONDS@s --hide-notes --server-side=true @FORCE@ >"$work/said" 2>&1
then ready || :
elif [ -n "$why" ]; then why="$why, and helm waits for it"
else why="helm: $(grep -v '^level=WARN' "$work/said" | tail -n 6)"
fi
prove() {
  watched sh "$work/proof" >"$work/proved" 2>&1 </dev/null && return
  why="its pods are ready, but: ${why:-$(tail -n 6 "$work/proved")}"; return 1
}
if [ -z "$why" ] && [ -s "$work/proof" ] && ! prove && [ -n "$gone" ]; then
  echo "$why: the proof begins again, on the nodes that are left"; why='' fit=$now
  prove || :
fi
if [ -z "$why" ]; then cat "$work/proved" 2>/dev/null || :; history | tail -n 1; exit 0; fi
printf '%s\n' "$why"
look
case $why in
*'is not Ready any more'*) ;;
*) [ -z "$gone" ] || echo "${gone% } is not Ready any more: what stood there is missing" ;;
esac
latest=$(history | tail -n 1); latest=${latest%% *}
if [ -z "$former" ]; then echo 'there is no former revision: what is there stays, to be looked at'
elif [ "$latest" = "$former" ]; then echo "revision $former was not touched"
else
  why='' unanswered=0
  if watched helm rollback @RELEASE@ "$former" --timeout @SECONDS@s --history-max 10 \
    --server-side=true --force-conflicts >"$work/said" 2>&1
  then ready || :
  else why="${why:-$(tail -n 4 "$work/said")}"; fi
  if [ -z "$why" ]
  then echo "the upgrade did not hold for the reason above: revision $former is back, and ready"
  else
    printf '%s\n' "$why"
    echo "the upgrade did not hold, and revision $former is not ready again either: see above"
  fi
fi
exit 1
""".strip()

# A node that was Ready when this began and is not any more: whoever waits for it would wait until a limit. helm
# waits in its hooks (the image puller wants every node), the proof for its server: they run beside one who looks.
_WATCH = r"""
unanswered=0 gone=''
nodes() { kubectl --request-timeout=10s get nodes -o 'go-template=@NODES@' 2>/dev/null; }
fit=" $(nodes | tr '\n' ' ')"
look() {
  now=" $(nodes | tr '\n' ' ')"
  if [ "$now" = ' ' ]; then unanswered=$((unanswered + 1)) now=$fit; else unanswered=0; fi
  gone=$(for node in $fit; do case $now in *" $node "*) ;; *) printf '%s ' "$node" ;; esac; done)
  [ $unanswered -lt 6 ] || why='the API server does not answer any more'
}
watched() {
  setsid "$@" & running=$! seconds=0 away=0
  while sleep 1; kill -0 $running 2>/dev/null; do
    seconds=$((seconds + 1)); [ $((seconds % 5)) = 0 ] || continue
    look
    if [ -n "$gone" ]; then away=$((away + 1)); else away=0; fi
    [ $away -lt 6 ] || why="${gone% } is not Ready any more"
    if [ -n "$why" ]; then
      kill -TERM -- -$running || :
      for _ in 1 2 3 4 5; do sleep 1; kill -0 $running 2>/dev/null || break; done
      kill -KILL -- -$running 2>/dev/null || :; return 1
    fi
  done
  wait $running
}
""".strip()

_READY_NODES = ("{{range .items}}{{$name := .metadata.name}}{{range .status.conditions}}"
                '{{if and (eq .type "Ready") (eq .status "True")}}{{$name}}{{"\\n"}}{{end}}{{end}}{{end}}')

# Deployments and StatefulSets alone: a puller's DaemonSet waits for every node and image, and its lack stops
# nobody.
# What cannot get better by waiting ends the wait, with the container's last words.
_READY = r"""
one='{{.name}} {{.restartCount}} {{with .state.waiting}}{{.reason}}{{end}}{{"\n"}}{{end}}'
containers='{{range .items}}{{$pod := .metadata.name}}'\
'{{range .status.initContainerStatuses}}{{$pod}} '"$one"\
'{{range .status.containerStatuses}}{{$pod}} '"$one"'{{end}}'
homeless='{{range .items}}{{$pod := .metadata.name}}{{range .status.conditions}}'\
'{{if and (eq .type "PodScheduled") (eq .status "False")}}{{$pod}} finds no node: {{.message}}{{"\n"}}{{end}}'\
'{{end}}{{end}}'
last_words() {
  state="[?(@.name=='$container')].state.waiting.message"
  kubectl -n "$space" get pod "$pod" \
    -o "jsonpath={.status.containerStatuses$state}{.status.initContainerStatuses$state}"
  echo
  kubectl -n "$space" logs "$pod" -c "$container" --previous --tail=8 ||
    kubectl -n "$space" logs "$pod" -c "$container" --tail=8
}
ready() {
  began=$(date +%s) said=
  helm get manifest @RELEASE@ | kubectl -n @NAMESPACE@ get -f - --no-headers \
    -o 'custom-columns=S:.metadata.namespace,K:.kind,N:.metadata.name' >"$work/objects" 2>&1 ||
    { why=$(tail -n 3 "$work/objects"); return 1; }
  sed -nE 's/^([^ ]+) +(Deployment|StatefulSet) +([^ ]+) *$/\1 \2 \3/p' "$work/objects" >"$work/workloads"
  while read -r space kind workload; do
    until kubectl -n "$space" rollout status "$kind/$workload" --timeout=3s >"$work/rollout" 2>&1 </dev/null
    do
      passed=$(($(date +%s) - began))
      kubectl -n "$space" get pods -o "go-template=$containers" </dev/null 2>/dev/null |
        grep "^$workload-" >"$work/containers" || :
      while read -r pod container restarts reason; do
        case $reason in
        CrashLoopBackOff) [ "$restarts" -ge 3 ] || continue ;;
        CreateContainerConfigError|CreateContainerError|InvalidImageName|RunContainerError) ;;
        ImagePullBackOff|ErrImagePull) [ $passed -ge 120 ] || continue ;;
        *) continue ;;
        esac
        why="$pod, container $container: $reason
$(last_words </dev/null 2>/dev/null | cut -c 1-300)"
        return 1
      done <"$work/containers"
      look
      for node in $gone; do
        ! kubectl -n "$space" get pods --no-headers -o 'custom-columns=N:.metadata.name,O:.spec.nodeName' \
          </dev/null 2>/dev/null | grep -qE "^$workload-\S+ +($node|<none>) *$" ||
          why="$node is not Ready any more, and $kind $workload waits for it"
      done
      [ $passed -lt 120 ] || why=$(kubectl -n "$space" get pods -o "go-template=$homeless" </dev/null 2>/dev/null |
        grep "^$workload-" | head -n 1)
      [ -z "$why" ] || return 1
      now="$kind $workload: $(grep -v '^error: timed out' "$work/rollout" | tail -n 1)"
      if [ $passed -ge @SECONDS@ ]; then
        why="after $passed s: $now; $(tr '\n' ';' <"$work/containers")"; return 1
      fi
      [ "$now" = "$said" ] || { said=$now; printf '%s\n' "$now"; }
    done
  done <"$work/workloads"
}
""".strip()

_OTHERS = r"""
m=$(helm --kubeconfig @KUBECONFIG@ -n @NAMESPACE@ get manifest @RELEASE@ 2>/dev/null) || m=
if [ -n "$m" ]; then
  echo by; printf '%s\n' "$m" | kubectl --kubeconfig @KUBECONFIG@ -n @NAMESPACE@ \
    diff --server-side --field-manager=helm -f - 2>&1 >/dev/null
fi
""".strip()


def other_hands(release: str, namespace: str, kubeconfig: str) -> str:
    """Who else has set fields of what is released now."""
    return _filled(_OTHERS, release, namespace, "", "", kubeconfig, "")


def probe(release: str, namespace: str, chart: str, values: str, kubeconfig: str, digest: str) -> str:
    """The last revision; unless it is this very one, what would be rendered; and how that differs from what
    is live."""
    return _filled(_PROBE, release, namespace, chart, values, kubeconfig, digest)


def upgrade(release: str, namespace: str, chart: str, values: str, override: str, kubeconfig: str,
            digest: str, seconds: int, proof: str, force: bool) -> str:
    """Upgrade, pods, proof; or the former revision again, with the reason, and an exit code of 1."""
    script = _UPGRADE.replace("@WATCH@", _WATCH.replace("@NODES@", _READY_NODES))
    script = script.replace("@READY@", f"{_READY}\nprintf %s {quote(proof)} >\"$work/proof\"")
    script = script.replace("@OVERRIDE@", quote(override or "{}\n")).replace("@SECONDS@", str(seconds))
    script = script.replace("@FORCE@", "--force-conflicts" if force else "")
    return _filled(script, release, namespace, chart, values, kubeconfig, digest)


def _filled(script: str, release: str, namespace: str, chart: str, values: str, kubeconfig: str,
            digest: str) -> str:
    words = {
        "@HISTORY@": _HISTORY, "@RELEASE@": quote(release), "@NAMESPACE@": quote(namespace),
        "@CHART@": quote(chart), "@KUBECONFIG@": quote(kubeconfig), "@DIGEST@": digest
    }
    for mark, word in words.items():
        script = script.replace(mark, word)
    return script.replace("@VALUES@", quote(values))  # last: nothing in the values is a mark
