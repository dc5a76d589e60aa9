"""Organisations that share the rack, as configs/organisations.yaml says: each has a hub, addresses, a way out and a quota of its own.

A line names what cannot be derived: its addresses, its pods' addresses, its public address. Everything else follows from its name
and from what all organisations have in common; nothing follows from its place in the file, so that one more or one less changes
no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network, collapse_addresses
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr

from fabfile.rack.merge import overlay, plain
from fabfile.rack.publishing import HTTP, HTTPS, Published
from fabfile.rack.services import Canary, Chart, Groups, Service, Templates
from fabfile.rack.values import Address, DomainName, Fixed, Network, Part, Sorted, Text, Tree, at_least_one, pattern, refuse, several

INSIDE = IPv4Network("10.0.0.0/8")  # where the addresses of organisations lie
PRIVATE = ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")  # what is not the internet
BLOCK = 26  # Calico gives a node so much of a range at a time
OWN_CLAIMS = 2  # of a hub, beside those of its users: its database's, and its canary's
Name = Annotated[str, pattern(  # a label of Kubernetes has it behind "organisation."
    r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", "a name", "a-z, 0-9 and -, at most 40 characters")]
Size = Annotated[str, pattern(r"[1-9][0-9]*(Mi|Gi|Ti|Pi)", "a size", "such as 256Gi")]
Given = TypeVar("Given")


def _number(lowest: int) -> BeforeValidator:
    def check(value: object) -> object:
        if type(value) is not int or value < lowest:
            raise refuse(f"{value!r} is not a number", f"{lowest} or more")
        return value

    return BeforeValidator(check)


OF_KEYS = {  # what a ResourceQuota says by the keys of an organisation
    "requests.cpu": "quota.cores", "requests.memory": "quota.memory", "requests.nvidia.com/gpu": "quota.gpus",
    "persistentvolumeclaims": "quota.homes", "requests.storage": "quota.storage", "services.loadbalancers": "addresses"}


def _quantities(value: Mapping[str, Any]) -> Mapping[str, Any]:
    for key, quantity in value.items():
        if key in OF_KEYS:
            raise refuse(f"{key} follows from `{OF_KEYS[key]}`", "leave it out here, so that it is said once")
        if isinstance(quantity, bool) or not isinstance(quantity, int | float | str):
            raise refuse(f"{key} has no quantity", "such as 4, or 64Gi")
    return value


class Quota(Part):
    """What an organisation's pods may be guaranteed together, and its homes. What is not said is not limited."""

    cores: Annotated[int, _number(1)] | None = None
    memory: Size | None = None
    gpus: Annotated[int, _number(0)] | None = None
    homes: Annotated[int, _number(1)] | None = None
    storage: Size | None = None
    hard: Annotated[Tree, AfterValidator(_quantities)]  # what else a ResourceQuota counts, in its own keys

    @property
    def whole(self) -> dict[str, str]:
        """`hard` of the ResourceQuota."""
        wanted = {
            "requests.cpu": self.cores, "requests.memory": self.memory, "requests.nvidia.com/gpu": self.gpus,
            "persistentvolumeclaims": None if self.homes is None else self.homes + OWN_CLAIMS, "requests.storage": self.storage,
            **self.hard,
        }
        return {key: str(value) for key, value in wanted.items() if value is not None}


class HubKeys(Part):
    """A hub in the keys of configs/hub.yaml, without those that follow from the organisation."""

    chart: Chart | None = None
    seconds: int | None = None
    templates: Templates | None = None
    profile_groups: Annotated[Mapping[Text, Groups], Fixed] = Field(default_factory=dict, validate_default=True)
    canary: Canary | None = None
    values: Tree


class OrganisationHub(Service):
    """The hub of an organisation: a service of its name, in the namespace of its name."""

    _own: Mapping[str, Any] = PrivateAttr(default_factory=dict)  # of its values, those that stand at the organisation itself

    @property
    def is_hub(self) -> bool:
        return True

    def place(self, *path: str | int) -> tuple[str | int, ...]:
        """Where in configs/organisations.yaml a path of its values stands: at the organisation, or at what all have in common."""
        here = ("values", *path) if path and not _has(self._own, path) and _has(self.values, path) else ()
        return ("hub", *here) if here else ("organisations", self.name, "hub", "values", *path)


class Organisation(Part):
    """One organisation."""

    addresses: Annotated[tuple[Network, ...], at_least_one("names no address", "such as [10.0.1.64/29]")] = Field(
        examples=["[10.0.1.64/29]"])  # of its services: MetalLB gives them in its namespace alone; the first is its hub's
    pods: Network = Field(examples=["10.245.0.0/22"])
    public: Address = Field(examples=["128.120.136.64"])  # rooster's: its hub is published there, its pods leave with it
    domain: DomainName | None = None  # of its hub; none: NAME below what all have in common
    reach: Annotated[tuple[Network, ...], BeforeValidator(several)] | None = None  # outside of the rack; none: all that is public
    quota: Quota = Field(default_factory=lambda: Quota.model_validate({}))
    hub: HubKeys | None = None
    _name: str = PrivateAttr("")
    _common: Any = PrivateAttr(None)  # the Organisations that it is one of

    @property
    def name(self) -> str:
        return self._name

    @property
    def namespace(self) -> str:
        return self._name

    @property
    def reached(self) -> tuple[IPv4Network, ...]:
        """`reach`, none within another: the packet filter takes no range twice."""
        return tuple(collapse_addresses(self.reach or ()))

    @property
    def hub_address(self) -> str:
        """The address of its hub's service."""
        return str(self.addresses[0][0])

    @property
    def hub_domain(self) -> str:
        """The name that its hub is published under; empty where nothing gives it one."""
        return self.domain or (f"{self._name}.{self._common.domain}" if self._common.domain else "")

    @property
    def limits(self) -> Quota:
        """Its own quota, and what that does not say from the common one."""
        common = self._common.quota
        said = {key: _first(getattr(self.quota, key), getattr(common, key)) for key in Quota.model_fields}
        return Quota.model_validate({**said, "hard": {**common.hard, **self.quota.hard}})

    @property
    def service(self) -> OrganisationHub | None:
        """Its hub as a service; None where no chart is named."""
        own, common = self.hub or HubKeys.model_validate({}), self._common.hub or HubKeys.model_validate({})
        chart = own.chart or common.chart
        if chart is None:
            return None
        values = overlay(common.values, own.values)
        if _serves_tls(values):  # a certificate is for the published name
            values = overlay({"proxy": {"https": {"hosts": [self.hub_domain]}}}, values)
        optional = {key: _first(getattr(own, key), getattr(common, key)) for key in ("seconds", "templates", "canary")}
        hub = OrganisationHub.model_validate({
            "chart": chart, "publish": self.hub_domain or None, "values": values,
            "profile_groups": {slug: list(groups) for slug, groups in (own.profile_groups or common.profile_groups).items()},
            **{key: value for key, value in optional.items() if value is not None}})
        hub._name, hub._own = self._name, own.values
        return hub

    @property
    def rows(self) -> dict[str, Published]:
        """Its row of `publish`; none where it has no hub."""
        hub = self.service
        if hub is None or not hub.publish:
            return {}
        ports = (HTTP, HTTPS) if _serves_tls(hub.values) else (HTTP,)
        row = {"address": self.hub_address, "public": str(self.public), "ports": list(ports)}
        return {hub.publish: Published.model_validate(row)}


class Organisations(Part):
    """configs/organisations.yaml. Without it all that runs on the rack is one organisation's."""

    domain: DomainName | None = None
    quota: Quota = Field(default_factory=lambda: Quota.model_validate({}))
    hub: HubKeys | None = None
    organisations: Annotated[Mapping[Name, Organisation], Sorted, Fixed] = Field(
        examples=["{biology: {addresses: [10.0.1.64/29], pods: 10.245.0.0/22, public: 128.120.136.64}}"])

    def model_post_init(self, context: Any) -> None:
        for name, one in self.organisations.items():
            one._name, one._common = name, self


def _first(own: Given | None, common: Given | None) -> Given | None:
    return common if own is None else own


def _serves_tls(values: Any) -> bool:
    tree = plain(values)
    for key in ("proxy", "https", "enabled"):
        tree = tree.get(key) if isinstance(tree, dict) else None
    return bool(tree)


def _has(tree: Any, path: tuple[str | int, ...]) -> bool:
    for key in path:
        listed = isinstance(tree, list | tuple) and isinstance(key, int) and key < len(tree)
        if not listed and not (isinstance(tree, Mapping) and key in tree):
            return False
        tree = tree[key]
    return True
