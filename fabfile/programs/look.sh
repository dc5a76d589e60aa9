# shellcheck shell=sh disable=SC2069,SC2154
# How a release is. Given: kubeconfig, release, namespace, chart, values (YAML), digest. Read-only, without `set -e`.
#
# The last revision, "release NUMBER STATUS DIGEST PROVED" or "release none"; unless it is this very one, what would be
# rendered; and how that differs from what is live. It is compared in another manager's name, by force: whatever of
# the manifest is not so. Then in helm's own: who else set it.

if [ ! -r "$kubeconfig" ] || ! command -v helm >/dev/null || [ ! -r "$chart" ]; then echo absent
else
  k() { kubectl --kubeconfig "$kubeconfig" --request-timeout=30s -n "$namespace" "$@"; }
  h() { helm --kubeconfig "$kubeconfig" -n "$namespace" "$@"; }
  history_of='{{range .items}}{{with .metadata.labels}}{{.version}} {{.status}} {{or .coop "-"}} '\
'{{or (index . "coop-proved") "-"}}{{"\n"}}{{end}}{{end}}'
  if ! last=$(k get secrets -l "owner=helm,name=$release" -o "go-template=$history_of" 2>/dev/null); then echo absent
  else
    last=$(printf '%s\n' "$last" | sort -n | tail -n 1); echo "release ${last:-none}"
    case $last in
    *" deployed $digest "*) m=$(h get manifest "$release" 2>/dev/null) || m= ;;
    *) m=$(printf %s "$values" | h template "$release" "$chart" -f - \
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
