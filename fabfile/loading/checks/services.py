"""What is published, stored and released: each address once, one owner of a certificate, and nobody let in by
mistake."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fabfile.loading.draft import Draft, Wrong
from fabfile.loading.secret_keys import OF_CHARTS
from fabfile.rack.files import CLUSTER, NETWORK, STORAGE, VERSIONS
from fabfile.rack.organisations import OrganisationHub
from fabfile.rack.publishing import BY_NAME, HTTP, HTTPS, Published
from fabfile.rack.reading import Path
from fabfile.rack.services import Service
from fabfile.rack.spelling import did_you_mean
from fabfile.upstream.release import branch, file_of, looked_up, place_of
from fabfile.upstream.template_lint import value_faults

_BRANCHES = (("hub",), ("hub", "config"), ("hub", "db"), ("hub", "services"), ("proxy",), ("proxy", "https"),
             ("proxy", "https", "letsencrypt"), ("proxy", "https", "secret"), ("prePuller",),
             ("prePuller", "hook"))
LETS_IN = re.compile(r"allow_.*|allowed_.*|admin_users|any_allow_config")

# of a certificate, and what makes each of them one
OWNERS = {"letsencrypt": ("contactEmail",), "manual": ("key", "cert"), "secret": ("name",)}


def published_addresses(draft: Draft) -> Iterator[Wrong]:
    """Each name leads to an address of the load balancer, from one that is the gateway's alone."""
    network = draft.network
    pool = network.load_balancer or ()
    others = {interface.address.ip: machine.name for machine, interface in draft.interfaces()
              if interface.address and "gateway" not in machine.roles}
    routers = {interface.gateway for _, interface in draft.interfaces() if interface.gateway}
    for name, row in (network.publish or {}).items():
        at = ("publish", name)
        if not any(row.address in addresses for addresses in pool):
            yield Wrong(NETWORK, (*at, "address"), f"{row.address} is not one of load_balancer",
                        "MetalLB would never assign it")
        if row.public is None:
            continue
        if network.public and row.public not in network.public:
            yield Wrong(NETWORK, (*at, "public"),
                        f"{row.public} lies outside the public network {network.public}",
                        "the gateway answers there")
        if row.public in others or row.public in routers:
            owner = others.get(row.public, "the router")
            yield Wrong(NETWORK, (*at, "public"), f"{row.public} is {owner}'s",
                        "use an unused address")


def published_ports(draft: Draft) -> Iterator[Wrong]:
    """Many names share 80 and 443 of one address; another port is one name's alone."""
    taken: dict[tuple[Any, int], str] = {}
    speaks: dict[Any, tuple[str, bool]] = {}
    for name, row in (draft.network.publish or {}).items():
        for port in row.ports:
            if draft.gateway and port == draft.gateway.ssh_port:
                yield Wrong(NETWORK, ("publish", name, "ports"), f"port {port} is the gateway's own ssh", "leave it out")
            if port not in BY_NAME and (other := taken.setdefault((row.public, port), name)) != name:
                yield Wrong(NETWORK, ("publish", name, "ports"),
                            f"port {port} is {other}'s on this address already",
                            "only 80 and 443 are forwarded by name")
        first, proxy_protocol = speaks.setdefault(row.public, (name, row.proxy_protocol))
        if proxy_protocol != row.proxy_protocol:
            yield Wrong(NETWORK, ("publish", name, "proxy_protocol"),
                        f"differs from {first}'s, on the same public address",
                        "all names of one public address use it, or none")


def one_allocator(draft: Draft) -> Iterator[Wrong]:
    """MetalLB gives addresses to services; Calico, which can too, must not."""
    pool = draft.cluster.calico.IPPool if draft.cluster and draft.cluster.calico else {}
    uses = (pool or {}).get("allowedUses")
    if isinstance(uses, tuple) and "LoadBalancer" in uses:
        yield Wrong(CLUSTER, ("calico", "IPPool", "allowedUses"),
                    "Calico would give addresses to services beside MetalLB", "leave LoadBalancer out")


def storage_classes(draft: Draft) -> Iterator[Wrong]:
    """Every class says where it lies, once; a database lies on a machine's own disk."""
    plan = draft.storage
    classes = plan.classes if plan else None
    if not classes:
        return
    for name, one in classes.items():
        at = ("classes", name)
        if (one.share is None) == (one.directory is None):
            yield Wrong(STORAGE, at, "needs either a share or a directory",
                        "such as share: {server: hen, path: /nest/homes}")
        if one.share and one.shared:
            yield Wrong(STORAGE, (*at, "shared"), "a share is shared anyway", "leave this key out")
        if one.share and draft.whole and one.share.server not in draft.machines:
            yield Wrong(STORAGE, (*at, "share", "server"), f"there is no machine {one.share.server!r}",
                        did_you_mean(one.share.server, draft.machines))
    for key in ("default", "databases"):
        if (name := getattr(plan, key)) and name not in classes:
            yield Wrong(STORAGE, (key,), f"there is no class {name!r}", did_you_mean(name, classes))
    databases = classes.get(plan.databases) if plan.databases else None
    if databases and (databases.share or databases.shared):
        yield Wrong(STORAGE, ("databases",),
                    f"{plan.databases} is shared over the network: databases break on such storage",
                    "a class with a local directory of the machines")


def programs_for_all_that_is_said(draft: Draft) -> Iterator[Wrong]:
    """What a rack uses is in its versions."""
    classes = (draft.storage.classes or {}).values() if draft.storage else ()
    wants = {
        "metallb": draft.network.publish or draft.organisations, "helm": draft.services or any(one.share for one in classes),
        "local_path": any(one.directory for one in classes), "csi_nfs": any(one.share for one in classes),
        "nvidia": any(machine.gpu for machine in draft.machines.values())
    }
    why = {
        "metallb": "network.yaml publishes names" if draft.network.publish else "organisations.yaml gives addresses to services",
        "helm": "charts are released",
        "local_path": "storage.yaml has a directory", "csi_nfs": "storage.yaml has a share",
        "nvidia": "a machine of hosts.yaml has a gpu"
    }
    for key, wanted in wants.items():
        if wanted and getattr(draft.versions, key) is None:
            yield Wrong(VERSIONS, (key,), f"is missing: {why[key]}", "docs/configuration.md has an example")


def services_are_apart(draft: Draft) -> Iterator[Wrong]:
    """No two of one name, release, address or published name."""
    seen: dict[tuple[str, ...], str] = {}
    for service in _services(draft):
        file, at = file_of(service), place_of(service)[:-1]
        keys: list[tuple[str, ...]] = [("release", service.in_namespace, service.release_name)]
        if isinstance(service, OrganisationHub):
            pass  # what it publishes follows from its organisation: checks/organisations.py
        elif service.publish:
            keys.append(("publish", service.publish))
            row = draft.published.get(service.publish)
            if draft.network.publish is not None and row is None:
                yield Wrong(file, (*at, "publish"), f"network.yaml publishes no {service.publish}",
                            did_you_mean(service.publish, draft.network.publish))
            if not service.service_keys:
                yield Wrong(file, (*at, "publish"), "the key of the chart's Service in its values is not set",
                            "such as service: controller.service")
            if row and service.service_keys:
                keys.append(("publish", str(row.address)))
        elif service.is_hub:
            yield Wrong(file, (*at, "publish"), "is missing",
                        "a hub is reached by a name of network.yaml's publish")
        for key in keys:
            if (other := seen.setdefault(key, service.name)) != service.name:
                yield Wrong(file, (*at, key[0]), f"{'/'.join(key[1:])} is {other}'s already",
                            "each service has its own")


def secrets_are_apart(draft: Draft) -> Iterator[Wrong]:
    """Passwords and keys stand in configs/secrets.yaml, and only for services that are there."""
    for service in _services(draft):
        for path, value in _leaves(service.values):
            if OF_CHARTS.fullmatch(str(path[-1])) and value not in (None, "", ()):
                yield Wrong(file_of(service), place_of(service, *path),
                            "a secret does not belong in this file",
                            f"put it into configs/secrets.yaml, below {service.name}:")


def hubs_let_somebody_in(draft: Draft) -> Iterator[Wrong]:
    """JupyterHub 5 lets in only the users that its configuration allows; code may allow more."""
    for service in _hubs(draft):
        classes = branch(service.values, "hub", "config")
        secret = branch(draft.secrets.get(service.name), "hub", "config")
        traits = [one for tree in (classes, secret) for one in tree.values() if isinstance(one, Mapping)]
        keys = {key for one in traits for key in one}
        told = any(LETS_IN.fullmatch(key) for key in keys)
        if not told and not looked_up(service.values, "hub", "extraConfig"):
            yield Wrong(file_of(service), place_of(service, "hub", "config"), "no user could log in",
                        "hub.config.Authenticator: {allowed_users: […]}, or allow_all: true")


def one_owner_of_a_certificate(draft: Draft) -> Iterator[Wrong]:
    """ACME by the chart needs its names, an address to write to, and port 80; a given certificate its
    Secret."""
    for service in _hubs(draft):
        https = branch(service.values, "proxy", "https")
        row = draft.published.get(service.publish or "")
        if not https.get("enabled"):
            if row and HTTPS in row.ports:
                yield Wrong(NETWORK, ("publish", service.publish or "", "ports"),
                            f"443 has no backend: {service.name} does not serve TLS",
                            "proxy.https: {enabled: true, …} in its values, or ports: [80]")
            continue
        file, at = file_of(service), place_of(service, "proxy", "https")
        owner = https.get("type", "letsencrypt")
        for other, keys in OWNERS.items():
            if other != owner and any(looked_up(https, other, key) for key in keys):
                yield Wrong(file, (*at, other), f"would own the certificate beside {owner}, the type",
                            "one owner: leave this key out, or take its type")
        if looked_up(service.values, "ingress", "enabled") and looked_up(service.values, "ingress", "tls"):
            yield Wrong(file, place_of(service, "ingress", "tls"),
                        "would own the certificate beside proxy.https",
                        "proxy.https: {enabled: false}, or no ingress")
        if owner == "letsencrypt":
            yield from _acme(service, https, row)
        elif owner == "secret" and not looked_up(https, "secret", "name"):
            yield Wrong(file, (*at, "secret"), "name is missing",
                        "the Secret that holds the certificate, made by its one owner")


def _acme(service: Service, https: Mapping[str, Any], row: Published | None) -> Iterator[Wrong]:
    """What the chart needs to get a certificate by itself. `row`: where the hub is published."""
    file, at = file_of(service), place_of(service, "proxy", "https")
    hosts = https.get("hosts")
    hosts = hosts if isinstance(hosts, tuple) else ()
    for index, host in enumerate(hosts):
        if str(host).startswith("*"):
            yield Wrong(file, (*at, "hosts", index), f"{host} gets no certificate this way: its issuer looks at single names",
                        "type: secret, with a certificate for all of them that somebody has made by DNS")
    if service.publish and service.publish not in hosts:
        yield Wrong(file, (*at, "hosts"), f"{service.publish} is missing",
                    "the certificate is for these names")
    if not looked_up(https, "letsencrypt", "contactEmail"):
        yield Wrong(file, (*at, "letsencrypt"), "contactEmail is missing",
                    "the address that gets warnings about the certificate")
    if row and HTTP not in row.ports:
        yield Wrong(NETWORK, ("publish", service.publish or "", "ports"), "80 is missing",
                    f"{service.name} needs it for the check by the certificate's issuer")


def subdomains_are_published(draft: Draft) -> Iterator[Wrong]:
    """With subdomain_host, each student's server has a name of its own below it: the world has to reach all of them."""
    for service in _hubs(draft):
        at = ("hub", "config", "JupyterHub", "subdomain_host")
        host = str(looked_up(service.values, *at) or "").partition("://")[2].split("/")[0].partition(":")[0]
        published = draft.published
        if not host or draft.network.publish is None:
            continue
        row = published.get(f"*.{host}")
        own = published.get(service.publish or "")
        if row is None:
            yield Wrong(file_of(service), place_of(service, *at), f"network.yaml publishes no *.{host}, where students' servers would be",
                        f'"*.{host}": {{address: {own.address if own else "…"}}} below publish')
        elif own and row.address != own.address:
            yield Wrong(NETWORK, ("publish", f"*.{host}", "address"), f"{service.name} is at {own.address}",
                        "students' servers answer where their hub does")


def base_url_is_the_charts(draft: Draft) -> Iterator[Wrong]:
    """The chart's probes and routes follow its own key."""
    for service in _hubs(draft):
        for key in ("base_url", "bind_url"):
            at = ("hub", "config", "JupyterHub", key)
            if looked_up(service.values, *at) is not None:
                yield Wrong(file_of(service), place_of(service, *at), "the chart asks the hub at another path, and would find it dead",
                            "hub.baseUrl in the values is the key for it")


def names_are_the_charts(draft: Draft) -> Iterator[Wrong]:
    """Coop asks for the hub by the names that the chart gives its objects: hub, proxy, hub-db-dir."""
    for service in _hubs(draft):
        for key in ("fullnameOverride", "nameOverride"):
            if key in service.values and service.values[key] != "":
                yield Wrong(file_of(service), place_of(service, key), "Coop would not find the hub's objects under other names",
                            "leave this key out; several hubs are apart by their namespaces")


def values_have_their_shape(draft: Draft) -> Iterator[Wrong]:
    """Where the rack itself looks into a hub's values, it finds keys and values."""
    for service in _hubs(draft):
        for path in _BRANCHES:
            found = looked_up(service.values, *path)
            if found is not None and not isinstance(found, Mapping):
                yield Wrong(file_of(service), place_of(service, *path), "keys and values are expected here",
                            "the chart's own, indented below this one")


def values_are_of_this_jupyterhub(draft: Draft) -> Iterator[Wrong]:
    """What was written for an older hub and would break on this one."""
    for service in _hubs(draft):
        for path, _, message, hint in value_faults(service.values):
            yield Wrong(file_of(service), place_of(service, *path), message, hint)


def _services(draft: Draft) -> Iterator[Service]:
    yield from (service for service in draft.services.values() if isinstance(service, Service))


def _hubs(draft: Draft) -> Iterator[Service]:
    yield from (service for service in _services(draft) if service.is_hub)


def _leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    if isinstance(value, Mapping):
        inner: Iterable[tuple[str | int, object]] = value.items()
    else:
        inner = enumerate(value) if isinstance(value, tuple) else ()
    for key, one in inner:
        if isinstance(one, Mapping | tuple) and not OF_CHARTS.fullmatch(str(key)):
            yield from _leaves(one, (*path, key))
        else:
            yield (*path, key), one


ALL = (published_addresses, published_ports, one_allocator, storage_classes, programs_for_all_that_is_said,
       services_are_apart, secrets_are_apart, hubs_let_somebody_in, one_owner_of_a_certificate, subdomains_are_published,
       base_url_is_the_charts, names_are_the_charts,
       values_have_their_shape, values_are_of_this_jupyterhub)
