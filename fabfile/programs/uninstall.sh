# shellcheck shell=sh disable=SC2154
# A release ends, and its claims stay. helm takes away all that a release holds, also claims. So where there are some,
# all else goes by kubectl, and the release is forgotten: the claims keep helm's marks, and a release of the same name
# takes them up again. Given: kubeconfig, namespace, release.

export KUBECONFIG="$kubeconfig"
umask 077; mkdir -p /run/coop; work=$(mktemp -d /run/coop/left.XXXXXX); trap 'rm -rf "$work"' EXIT
helm -n "$namespace" get manifest "$release" >"$work/manifest"
awk -v rest="$work/rest" -v data="$work/data" '
  function flush() { if (text != "") printf "---\n%s", text >(kept ? data : rest); text = ""; kept = 0 }
  /^---/ { flush(); next }
  /^kind: *(PersistentVolume|PersistentVolumeClaim|Namespace|CustomResourceDefinition) *$/ { kept = 1 }
  { text = text $0 "\n" }
  END { flush() }
' "$work/manifest"
if [ -s "$work/data" ]; then
  [ ! -s "$work/rest" ] || kubectl -n "$namespace" delete --ignore-not-found --timeout=300s -f "$work/rest"
  kubectl -n "$namespace" delete secrets -l "owner=helm,name=$release" >/dev/null
else helm -n "$namespace" uninstall "$release" --wait --timeout 300s
fi
kubectl -n "$namespace" get persistentvolumeclaims --no-headers -o name 2>/dev/null | sed 's/$/ stays/'
