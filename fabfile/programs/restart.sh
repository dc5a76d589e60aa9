# shellcheck shell=sh disable=SC2154
# A hub that starts again, and is waited for. Given: what release.sh says.

kubectl --request-timeout=20s -n "$namespace" rollout restart deployment/hub
if ! ready; then printf '%s\n' "$why" >&2; exit 1; fi
echo "the hub is ready again"
