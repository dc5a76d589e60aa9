"""Objects of Kubernetes that Coop has made and that no file describes any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from shlex import quote

from fabfile.programs import shell
from fabfile.upstream.paths import ADMIN_CONF

from . import former_organisation
from .base import Change, Command, Resource

MARK = "coop/set"  # the label of whatever Coop applies: its set, and the version of a vendor's

# What may be taken away. Never namespaces, claims, volumes, or kinds, with which all objects of them would go. The
# first are those that do something, and so are always asked for; the others go with them.
_ACTIVE = ("validatingwebhookconfigurations", "deployments.apps", "daemonsets.apps", "storageclasses", "runtimeclasses.node.k8s.io",
           "resourcequotas")
_RBAC = "rbac.authorization.k8s.io"
_PASSIVE = ("poddisruptionbudgets.policy", "services", "configmaps", "secrets", f"rolebindings.{_RBAC}",
            f"clusterrolebindings.{_RBAC}", f"roles.{_RBAC}", f"clusterroles.{_RBAC}", "serviceaccounts")
_WORKLOADS = ("Deployment", "DaemonSet")
_NAMED = 8  # objects of a set that are reported by name; of more, how many


@dataclass(frozen=True)
class PrunedObjects(Resource):
    """No object of Coop's mark but those that its sets describe.

    `own` are the rack's sets and their objects ("StorageClass homes"), `vendors` the marks of the vendors' sets
    ("metallb.v0.16.1") and the folder of each. What has lost the mark is somebody else's.
    """

    own: Mapping[str, tuple[str, ...]]
    vendors: Mapping[str, str] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()  # beside the usual ones: kinds that the cluster surely has
    kubeconfig: str = ADMIN_CONF

    @property
    def name(self) -> str:
        return "objects no longer in the files"

    def probe(self) -> str:
        """One question, for a few kinds of objects, unless one of them has left."""
        known = [f"{kind} {namespace or '<none>'} {name} {mark}" for mark, objects in self.own.items()
                 for kind, _, place in (one.partition(" ") for one in objects)
                 for namespace, _, name in (place.rpartition("/"),)]
        active, every = ",".join((*self.kinds, *_ACTIVE)), ",".join((*self.kinds, *_ACTIVE, *_PASSIVE))
        current = f",{MARK} notin ({','.join(self.vendors)})" if self.vendors else ""
        return shell("pruned_objects", kubeconfig=self.kubeconfig, active=active, every=every, selector=MARK + current,
                     current="\n".join(known),
                     sets="\n".join(f"{_set(mark)} {folder}" for mark, folder in self.vendors.items()))

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        lines = [line.split() for line in facts.splitlines()]
        members = {tuple(words[1:5]) for words in lines if words[0] == "member"}
        known = {words[1] for words in lines if words[0] == "known"}
        claims: dict[str, list[str]] = {}
        for words in lines:
            if words[0] == "claim" and len(words) == 4:
                claims.setdefault(words[3], []).append(f"{words[1]}/{words[2]}")
        left: dict[str, list[_Object]] = {}
        for words in lines:
            if words[0] == "object" and len(words) == 6:
                one = _Object(*words[1:])
                if self._is_left(one, members, known):
                    left.setdefault(one.mark, []).append(one)
        for mark, objects in left.items():
            if mark not in self.own and (organisation := former_organisation.name_of(mark)):
                yield former_organisation.removal(organisation, lines, self.kubeconfig, metallb=bool(self.kinds), last=not any(
                    map(former_organisation.name_of, self.own)))
            else:
                yield self._removal(mark, objects, claims)

    def _is_left(self, one: _Object, members: Set[tuple[str, ...]], known: Set[str]) -> bool:
        if one.mark in self.own:
            return one.text not in self.own[one.mark]
        if one.mark in self.vendors:
            return False
        if _set(one.mark) in map(_set, self.vendors):  # of another version: what the one on the disk does not describe
            return _set(one.mark) in known and one.place not in members
        return True

    def _removal(self, mark: str, objects: Sequence[_Object], claims: Mapping[str, Sequence[str]]) -> Change:
        names = [one.text for one in objects]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        lost = [f"{one.text} is deleted, with its pods" for one in objects if one.kind in _WORKLOADS]
        for one in objects:
            if one.kind == "StorageClass":
                kept = claims.get(one.name, [])
                lost.append(f"new claims cannot use the class {one.name}" + (
                    f"; existing claims keep their volumes: {', '.join(kept)}" if kept else ""))
        kubectl = f"kubectl --kubeconfig {quote(self.kubeconfig)}"
        script = "\n".join(
            # by name and by mark: not if somebody has taken the mark away meanwhile
            f"{kubectl} delete {one.resource} {'' if one.namespace == '<none>' else f'-n {quote(one.namespace)} '}"
            f"--field-selector metadata.name={quote(one.name)} -l {MARK}={quote(mark)} --timeout=120s"
            for one in objects)
        return Change(f"{mark} in the cluster holds what is no longer in any file: {', '.join(names[:_NAMED])}{more}",
                      (Command(script, long=True, limit=130.0 * len(objects),
                               shown=f"kubectl delete {' '.join(one.resource + '/' + one.name for one in objects)}"),),
                      interrupts="; ".join(lost) or f"{', '.join(names[:_NAMED])}{more} of {mark} are deleted")


@dataclass(frozen=True)
class _Object:
    """One object, as the API server lists it."""

    api: str  # "storage.k8s.io/v1"
    kind: str
    namespace: str  # "<none>" for one of the cluster
    name: str
    mark: str

    @property
    def place(self) -> tuple[str, ...]:
        return self.api, self.kind, self.namespace, self.name

    @property
    def text(self) -> str:
        """"StorageClass homes", "Deployment metallb-system/controller"."""
        return f"{self.kind} {'' if self.namespace == '<none>' else f'{self.namespace}/'}{self.name}"

    @property
    def resource(self) -> str:
        """As kubectl takes it: "storageclass.storage.k8s.io"."""
        group, slash, _ = self.api.partition("/")
        return self.kind.lower() + (f".{group}" if slash else "")


def _set(mark: str) -> str:
    """"metallb" of "metallb.v0.16.1"."""
    return mark.partition(".")[0]
