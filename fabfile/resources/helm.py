"""Helm charts and releases, with helm 4."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from hashlib import sha256
from shlex import quote

from . import helm_scripts, writing
from .base import Change, Command, Resource, refusal
from .file import FileFacts, probe_file

MANAGER = "helm"  # helm 4's name as the owner of fields
_OURS = {MANAGER, "Helm", "coop-look"}


@dataclass(frozen=True)
class HelmChart(Resource):
    """A packed chart on the machine, from a chart repository (https:// or oci://); with `sha256` no other
    content."""

    chart: str
    version: str
    repository: str
    path: str
    sha256: str = ""

    @property
    def name(self) -> str:
        return f"chart {self.chart}-{self.version}"

    def probe(self) -> str:
        return probe_file(self.path, show=False)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = FileFacts(facts)
        if found.kind == "file" and self.sha256 in ("", found.sha256):
            return
        wrong = "not the chart that it should be" if found.kind == "file" else found.kind
        what = f"{self.path} is {wrong}"
        yield Change(what, (Command(self._pull(), long=True, limit=300.0),),
                     alters=frozenset({f"file:{self.path}"}))

    def _pull(self) -> str:
        work = f"/run/coop/pull-{self.chart}"
        source = f"{self.repository.rstrip('/')}/{self.chart}" if self.repository.startswith("oci://") else \
            f"{self.chart} --repo {quote(self.repository)}"
        right = "tar -tzf {} >/dev/null"
        if self.sha256:
            right = (f"echo '{self.sha256}  '{{}} | sha256sum --check --status || "
                     f"{{ echo {quote(f'{self.repository} holds another {self.chart}')}"
                     "\": $(sha256sum <{})\" >&2; exit 1; }")
        return "\n".join([
            f"rm -rf {work}; mkdir -p {work}",
            "[ ! -r /etc/coop/proxy.env ] || . /etc/coop/proxy.env",
            f"helm pull {source} --version {quote(self.version)} --destination {work}",
            writing.put(self.path, f"cat {work}/*.tgz", check=right),
            f"rm -rf {work}",
        ])


@dataclass(frozen=True)
class HelmRelease(Resource):
    """A chart released with these values (YAML), which are never shown.

    The revision carries a digest of chart and values, so that the same release is known again, also when the
    chart draws at random; its objects are compared with the live ones by the API server. Fields that another
    hand has set are left alone unless `force_conflicts`. An upgrade waits for its pods, then for `proof` (shell
    text on this machine, which starts a server of `canary`), and marks its revision as verified; when it does not
    hold, the last verified revision comes back by itself, with `database`, and the change fails, saying why. What
    was released and never proved is released again: whoever did that did not finish.

    `before` is done first, when there is something to do. `override` (YAML) holds for this upgrade alone.
    """

    release: str
    namespace: str
    chart: str  # path of the packed chart on this machine
    version: str  # as helm names the chart: "jupyterhub-4.4.0"
    values: str = field(repr=False)
    kubeconfig: str
    seconds: int = 600
    before: tuple[Command, ...] = ()
    proof: str = field(default="", repr=False)
    proof_seconds: int = 0
    canary: str = ""
    prove_with: str = "cluster.bootstrap"  # what an operator types after `inv` to prove it
    database: helm_scripts.Database | None = None
    override: str = ""
    force_conflicts: bool = False

    @property
    def name(self) -> str:
        return f"release {self.release}"

    @property
    def digest(self) -> str:
        """What tells this release from another: a label of helm's revision."""
        return sha256(f"{self.version}\0{self.values}".encode()).hexdigest()[:40]

    def probe(self) -> str:
        return helm_scripts.probe(self.release, self.namespace, self.chart, self.values, self.kubeconfig,
                                  self.digest)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = ReleaseFacts(facts)
        if found.refused:
            yield _refusal(f"the values of {self.release} are refused", found.refused)
            return
        same = ((found.status, found.digest) == ("deployed", self.digest)
                and f"file:{self.chart}" not in altered)
        if same and found.proved and (not found.differs or (found.foreign and not found.missing and not self.force_conflicts)):
            return
        if found.foreign and not self.force_conflicts:
            yield _refusal(f"fields of {self.release} were set by another field manager",
                           f"{found.foreign}; --force-conflicts takes them "
                           "over, or write them into its values")
            return
        if found.status == "":
            what = f"{self.release} is not in a cluster yet"
        elif found.status == "none":
            what = f"{self.release} is not released in {self.namespace}"
        elif found.status != "deployed":
            what = f"revision {found.revision} of {self.release} is {found.status}"
        elif same and not found.proved:
            what = f"revision {found.revision} of {self.release} is not known to be verified"
        elif same:
            what = f"objects of {self.release} are not as released: {', '.join(found.objects)}"
        else:
            what = f"{self.release} has other values or another chart (revision {found.revision})"
        yield Change(what, (*self.before, self._upgrade()),
                     diff=found.diff if found.status not in ("", "none") else "")

    @property
    def released(self) -> helm_scripts.Released:
        return helm_scripts.Released(self.release, self.namespace, self.kubeconfig, self.seconds, self.proof,
                                     self.canary, self.prove_with, self.database)

    def _upgrade(self) -> Command:
        script = helm_scripts.upgrade(self.released, self.chart, self.values, self.override, self.digest,
                                      force=self.force_conflicts)
        return Command(script, long=True, limit=4.0 * self.seconds + 3 * self.proof_seconds + 360,
                       shown=f"helm upgrade --install {self.release} {self.version} -n {self.namespace}"
                             + (" --force-conflicts" if self.force_conflicts else ""))


class ReleaseFacts:
    """What the probe saw: .status ("" no cluster, "none", or helm's own word), .revision, .digest, .proved of the
    last revision; .refused (why the values do not render), .differs, .diff, .objects, .missing, .foreign (who else
    set fields)."""

    def __init__(self, facts: str):
        lines = facts.split("\n")
        state = lines[0].split(" ") if lines[0].startswith("release ") else []
        self.status = "none" if state[1:2] == ["none"] else state[2] if len(state) > 2 else ""
        self.revision = state[1] if len(state) > 2 else ""
        self.digest = state[3] if len(state) > 3 else ""
        self.proved = len(state) > 4 and state[4] == self.revision
        parts = re.split(r"^(refused|live \d+|by|diff)$", facts, flags=re.MULTILINE)
        said = dict(zip(parts[1::2], (text.strip("\n") for text in parts[2::2]), strict=True))
        self.refused = _last_lines(said.get("refused", ""), 6)
        self.differs = any(key.startswith("live ") and key != "live 0" for key in said)
        self.diff = said.get("diff", "")
        heads = re.findall(r"^\+\+\+ (\S+)", self.diff, re.MULTILINE)
        self.objects = [head.rpartition("/")[2] for head in heads] or ["as kubectl diff says"]
        self.missing = bool(re.search(r"^@@ -0,0 ", self.diff, re.MULTILINE))
        self.foreign = _other_managers(said.get("by", ""))


def _other_managers(said: str) -> str:
    """Of a conflict as the API server tells it: "kubectl-patch has set .spec.replicas"; ours are none."""
    found = re.findall(r'conflicts? with "([^"]+)"[^:]*:((?:\s*- [^\n]+)+|[^\n]+)', said)
    hands = []
    for owner, fields in found:
        if owner not in _OURS:
            names = re.split(r"^- |, ", fields.strip(), flags=re.MULTILINE)
            hands.append(f"{owner} has set {', '.join(name.strip() for name in names if name.strip())}")
    return "; ".join(hands)


def _last_lines(text: str, count: int) -> str:
    return "\n".join([line for line in text.split("\n") if line.strip()][-count:])


def _refusal(what: str, why: str) -> Change:
    return refusal(f"{what}: {why}", shown=f"refuse: {what}")
