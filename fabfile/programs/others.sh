# shellcheck shell=sh disable=SC2069,SC2154
# Who else has set fields of what is released now. Given: kubeconfig, release, namespace.

m=$(helm --kubeconfig "$kubeconfig" -n "$namespace" get manifest "$release" 2>/dev/null) || m=
if [ -n "$m" ]; then
  echo by; printf '%s\n' "$m" | kubectl --kubeconfig "$kubeconfig" -n "$namespace" \
    diff --server-side --field-manager=helm -f - 2>&1 >/dev/null
fi
