"""What runs in the cluster for people: the hub of configs/hub.yaml, and the other charts of configs/services.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr

from fabfile.rack.values import DomainName, Fixed, Label, Part, Sha256, Text, Tree, Url, pattern, refuse, several

COMMIT = re.compile(r"[0-9a-f]{40}")
STEPS = frozenset({  # of cluster.bootstrap: a service of such a name would be a part of that step
    "accounts", "addresses", "exports", "gateway", "gpus", "helm", "homes", "join", "manifests", "nodes", "operators", "organisations",
    "pools", "prepare", "publishing", "quotas", "rights", "settings", "storage"})
HUB = "hub"  # the name of the hub of configs/hub.yaml
Repository = Annotated[str, pattern(
    r"(https?|oci)://[^\s/]+(/\S*)?", "a chart repository", "https://host/path/, or oci://host/path")]
Keys = Annotated[str, pattern(
    r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", "a path of keys", "such as proxy.service")]
ShortName = Annotated[str, pattern(
    r"[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?", "a name", "a-z, 0-9 and -, at most 53 characters")]
User = Annotated[str, pattern(r"[a-z0-9][a-z0-9._-]{0,62}", "a user's name", "such as coop-canary")]
RepositoryPath = Annotated[str, pattern(
    r"(?!.*\.\.)[^\s/'\"]+(/[^\s/'\"]+)*", "a path within the repository", "such as handlers.py")]


Groups = Annotated[tuple[Text, ...], BeforeValidator(several)]


class Chart(Part):
    """A chart at one version; with `sha256` no other content is taken."""

    name: Label = Field(examples=["jupyterhub"])
    version: Text = Field(examples=["4.4.0"])
    repository: Repository = Field(examples=["https://hub.jupyter.org/helm-chart/"])
    sha256: Sha256 | None = None

    @property
    def full(self) -> str:
        """As helm names it: "jupyterhub-4.4.0"."""
        return f"{self.name}-{self.version}"

    @property
    def path(self) -> str:
        """Where the packed chart lies on the gateway."""
        return f"/var/lib/coop/charts/{self.full}.tgz"


class Templates(Part):
    """A repository of the hub's pages. `ref` is a commit, or a branch or tag that `inv hub.upgrade` looks up."""

    repository: Url = Field(examples=["https://git.example.org/jupyterhub-templates.git"])
    ref: Text = Field(examples=["main"])
    image: Text = "docker.io/alpine/git:v2.49.1"  # has git and a shell
    handlers: RepositoryPath | None = None  # a file of the repository that adds pages: it runs in the hub
    seconds: int = 60  # the hub waits no longer for it

    @property
    def pinned(self) -> bool:
        """Whether `ref` is a commit: nothing has to be looked up."""
        return COMMIT.fullmatch(self.ref) is not None


class Canary(Part):
    """The user that proves an upgrade: is let in, starts a server, runs a cell. What hooks want of a login, it is given."""

    check: Literal["server", "health"] = "server"  # health: the hub answers, and nobody starts a server
    auth_state: Tree  # as the authenticator would have left it; no secret of a person
    groups: Groups = ()
    kernel: Text | None = None  # none: the server's default, or one that can multiply
    user: User = "coop-canary"
    profile: Text | None = None  # a profile's slug; none: the one that is started when nobody chooses
    seconds: int = 300  # for its server to start


class Service(Part):
    """A chart with its values, released under a name into a namespace."""

    release: ShortName | None = None
    namespace: Label | None = None
    chart: Chart
    publish: DomainName | None = None  # a name of network.yaml's `publish`
    service: Keys | None = None  # where the values hold the chart's Service, which gets the address
    seconds: int = 600  # helm's hooks may take that long, and then its pods
    templates: Templates | None = None
    profile_groups: Annotated[Mapping[Text, Groups], Fixed] = Field(default_factory=dict, validate_default=True)  # by slug
    quota: Tree  # `hard` of a ResourceQuota in its namespace
    canary: Canary = Field(default_factory=lambda: Canary.model_validate({}))
    values: Tree  # the chart's own keys
    _name: str = PrivateAttr("")

    @property
    def name(self) -> str:
        """What configs/services.yaml calls it; "hub" for the hub of configs/hub.yaml."""
        return self._name

    @property
    def is_hub(self) -> bool:
        """A hub is one that Coop knows more of: its secrets, database, pages and users."""
        raise NotImplementedError

    @property
    def release_name(self) -> str:
        return self.release or self._name

    @property
    def in_namespace(self) -> str:
        return self.namespace or self._name

    @property
    def service_keys(self) -> tuple[str, ...]:
        """The path of keys to the chart's Service; empty when nothing is known of it."""
        where = self.service or ("proxy.service" if self.is_hub else "")
        return tuple(where.split(".")) if where else ()


class Hub(Service):
    """The hub of configs/hub.yaml."""

    _name: str = PrivateAttr(HUB)

    @property
    def is_hub(self) -> bool:
        return True


class Entry(Service):
    """One entry of configs/services.yaml: any chart, or with `hub: true` one more hub."""

    hub: bool = False

    @property
    def is_hub(self) -> bool:
        return self.hub


def _named(entries: Mapping[str, Entry]) -> Mapping[str, Entry]:
    if HUB in entries:
        raise refuse(f"{HUB} is the name of the hub of configs/hub.yaml", "take another")
    for name, entry in entries.items():
        if name in STEPS:
            raise refuse(f"{name} is a step of cluster.bootstrap", "take another name")
        entry._name = name
    return entries


class Services(Part):
    """configs/services.yaml."""

    services: Annotated[Mapping[ShortName, Entry], AfterValidator(_named), Fixed]
