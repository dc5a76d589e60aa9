"""Releases of Helm that Coop has made and that no file describes any more."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from .base import Change, Command, Resource

_NAMED = 8  # pods and objects that are told by name; of more, how many

# A line a release ("release NAMESPACE NAME REVISION STATUS"), by the label that Coop gives its revisions; of one that
# is in no file, what it holds, the other claims and pods of its namespace, and the drivers that volumes need.
_PROBE = r"""
if [ ! -r @KUBECONFIG@ ] || ! command -v kubectl >/dev/null || ! command -v helm >/dev/null; then echo absent
else
  k() { kubectl --kubeconfig @KUBECONFIG@ --request-timeout=20s "$@" 2>/dev/null; }
  r=$(k get secrets -A -l 'owner=helm,coop,status!=superseded' --no-headers -o @COLUMNS@) || r=
  printf '%s\n' "$r" | while read -r space name revision state; do
    case "$space/$name" in ''|/@CURRENT@) continue ;; esac
    echo "release $space $name $revision $state"
    helm --kubeconfig @KUBECONFIG@ -n "$space" get manifest "$name" 2>/dev/null |
      k -n "$space" get -f - --ignore-not-found --no-headers -o custom-columns=K:.kind,N:.metadata.name |
      sed "s|^|holds $space $name |"
    k -n "$space" get persistentvolumeclaims --no-headers -o custom-columns=N:.metadata.name | sed "s|^|claim $space |"
    k -n "$space" get pods -l 'component=singleuser-server' --no-headers \
      -o custom-columns=N:.metadata.name | sed "s|^|server $space |"
    k get persistentvolumes --no-headers -o custom-columns=D:.spec.csi.driver | sed 's/^/driver /'
  done || :
fi
""".strip()
_COLUMNS = "custom-columns=S:.metadata.namespace,N:.metadata.labels.name,V:.metadata.labels.version,T:.metadata.labels.status"

# helm takes away all that a release holds, also claims. So where there are some, all else goes by kubectl, and the
# release is forgotten: the claims keep helm's marks, and a release of the same name takes them up again.
_REMOVE = r"""
export KUBECONFIG=@KUBECONFIG@
umask 077; mkdir -p /run/coop; work=$(mktemp -d /run/coop/left.XXXXXX); trap 'rm -rf "$work"' EXIT
helm -n @NAMESPACE@ get manifest @RELEASE@ >"$work/manifest"
awk -v rest="$work/rest" -v data="$work/data" '
  function flush() { if (text != "") printf "---\n%s", text >(kept ? data : rest); text = ""; kept = 0 }
  /^---/ { flush(); next }
  /^kind: *(PersistentVolume|PersistentVolumeClaim|Namespace|CustomResourceDefinition) *$/ { kept = 1 }
  { text = text $0 "\n" }
  END { flush() }
' "$work/manifest"
if [ -s "$work/data" ]; then
  [ ! -s "$work/rest" ] || kubectl -n @NAMESPACE@ delete --ignore-not-found --timeout=300s -f "$work/rest"
  kubectl -n @NAMESPACE@ delete secrets -l owner=helm,name=@RELEASE@ >/dev/null
else helm -n @NAMESPACE@ uninstall @RELEASE@ --wait --timeout 300s
fi
kubectl -n @NAMESPACE@ get persistentvolumeclaims --no-headers -o name 2>/dev/null | sed 's/$/ stays/'
""".strip()


@dataclass(frozen=True)
class LeftReleases(Resource):
    """No release of Coop's but these ("NAMESPACE/NAME").

    Its claims stay, whatever the chart says. A driver of volumes stays as long as a volume needs it.
    """

    releases: tuple[str, ...]
    kubeconfig: str

    @property
    def name(self) -> str:
        return "releases that left the files"

    def probe(self) -> str:
        current = "".join(f"|{one}" for one in self.releases)
        return (_PROBE.replace("@CURRENT@", current).replace("@COLUMNS@", quote(_COLUMNS))
                .replace("@KUBECONFIG@", quote(self.kubeconfig)))

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        lines = [line.split() for line in facts.splitlines() if line.strip()]
        drivers = {words[1] for words in lines if words[0] == "driver" and len(words) == 2}
        left = dict.fromkeys((words[1], words[2]) for words in lines if words[0] == "release" and len(words) == 5)
        for namespace, release in left:
            holds = [each[3:5] for each in lines if each[:3] == ["holds", namespace, release]]
            if any(kind == "CSIDriver" and name in drivers for kind, name in holds):
                continue
            yield self._removal(namespace, release, holds,
                                [each[2] for each in lines if each[:2] == ["claim", namespace]],
                                [each[2] for each in lines if each[:2] == ["server", namespace]])

    def _removal(self, namespace: str, release: str, holds: list[list[str]], claims: list[str],
                 servers: list[str]) -> Change:
        workloads = [f"{kind} {name}" for kind, name in holds if kind in ("Deployment", "DaemonSet", "StatefulSet")]
        lost = [f"release {release} in {namespace} ends" + (f", with the pods of {_names(workloads)}" if workloads else "")]
        if servers:
            lost.append(f"servers of users lose their hub: {_names(servers)}")
        if claims:
            lost.append(f"claims stay: {_names(claims)}")
        script = _REMOVE
        for word, value in (("NAMESPACE", namespace), ("RELEASE", release), ("KUBECONFIG", self.kubeconfig)):
            script = script.replace(f"@{word}@", quote(value))
        return Change(f"{release} in {namespace} is released by Coop, and in no file any more",
                      (Command(script, long=True, limit=700.0, shown=f"helm uninstall {release} -n {namespace}",
                               says=True),),
                      interrupts="; ".join(lost))


def _names(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
