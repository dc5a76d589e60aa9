"""The values of a chart's release: what the rack requires, what the operator wrote, and secrets.

The trees are plain dicts and lists in the chart's own keys; what configs/secrets.yaml says stays a Secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fabfile.rack import files
from fabfile.rack.merge import Contradiction, merge, overlay
from fabfile.rack.model import Rack
from fabfile.rack.organisations import OrganisationHub
from fabfile.rack.problem import Problem, RackProblems
from fabfile.rack.reading import Path
from fabfile.rack.services import HUB, Service
from fabfile.upstream import home_use, pod_watch
from fabfile.upstream.pages import folder_values, repository_values
from fabfile.upstream.profiles import profile_values
from fabfile.upstream.tolerations import leaves_soon

ADDRESSES = "metallb.io/loadBalancerIPs"
API = "coop"  # the hub's service in whose name tasks speak to it
Tree = dict[str, Any]
HOMES = "homes"  # the claim that all homes of a hub are folders of
# A folder of the one claim for each user; and nothing that a server writes to start lies in it: a user whose home is full still gets a
# server, and can delete files. Nor do core dumps: containerd lets programs write them, and the kernel puts them where they work. A user may
# raise the limit again. Of the folders where Jupyter Server looks for settings, images leave this one alone
STATIC_HOMES: Tree = {
    "storage": {"type": "static", "static": {"pvcName": HOMES, "subPath": "{username}"}},
    "extraEnv": {"JUPYTER_RUNTIME_DIR": "/tmp/jupyter-runtime", "JUPYTERLAB_WORKSPACES_DIR": "/tmp/jupyterlab-workspaces",
                 "PIP_CACHE_DIR": "/tmp/pip-cache", "UV_CACHE_DIR": "/tmp/uv-cache", "npm_config_cache": "/tmp/npm-cache"},
    "extraFiles": {"no-core-dumps": {"mountPath": "/usr/local/etc/jupyter/jupyter_server_config.py", "stringData":
        "import resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))\n"}},
}


def release_values(rack: Rack, service: Service, commit: str = "") -> Tree:
    """The values of a release; `commit` is what its templates' `ref` means now. Raises RackProblems."""
    secret = rack.secrets.get(service.name) or {}
    file = file_of(service)
    twice = [
        rack.problem(files.SECRETS, (service.name, *path), f"stands in {file} too",
                     "once is enough: leave it there or here") for path in _met_twice(service.values, secret)
    ]
    written = overlay(service.values, secret)
    merged = merge(_demanded(rack, service, commit), written, _proposed(rack, service))
    against = [
        rack.problem(file, place_of(service, *one.path), _said(one), "leave this key out")
        for one in merged.contradictions
    ]
    if twice or against:
        raise RackProblems([*twice, *against])
    return merged.values


def _said(one: Contradiction) -> str:
    return f"{one.written!r} contradicts the rack, which demands {one.demanded!r}"


def file_of(service: Service) -> str:
    """Where a service stands."""
    if isinstance(service, OrganisationHub):
        return files.ORGANISATIONS
    return files.HUB if service.name == HUB else files.SERVICES


def place_of(service: Service, *path: str | int) -> Path:
    """The path, in that file, of a path in the service's values."""
    if isinstance(service, OrganisationHub):
        return service.place(*path)
    return ("values", *path) if service.name == HUB else ("services", service.name, "values", *path)


def contradictions(rack: Rack) -> Iterator[Problem]:
    """All that the services' values say against the rack."""
    for service in rack.services.values():
        try:
            release_values(rack, service)
        except RackProblems as against:
            yield from against.problems


def address_of(rack: Rack, service: Service) -> str:
    """The address that MetalLB gives the service; empty when it is not published."""
    published = rack.network.publish.get(service.publish) if service.publish else None
    return str(published.address) if published else ""


def _demanded(rack: Rack, service: Service, commit: str) -> Tree:
    demanded: Tree = {}
    if service.service_keys and (address := address_of(rack, service)):
        demanded = _at(service.service_keys, {"type": "LoadBalancer", "annotations": {ADDRESSES: address}})
    if not service.is_hub:
        return demanded
    # an admin: JupyterHub lets nobody else make admins
    demanded = _both(demanded, {"hub": {"services": {API: {"admin": True}}}})
    demanded = _both(demanded, profile_values(service.profile_groups))
    if service.name == HUB and rack.pages:
        demanded = _both(demanded, folder_values(rack.pages))
    if service.templates:
        kept = database_type(service) == "sqlite-pvc"
        pages = repository_values(service.templates, commit or service.templates.ref, kept)
        demanded = _both(demanded, pages)
    return demanded


def _proposed(rack: Rack, service: Service) -> Tree:
    """What suits a rack of one's own unless the operator says otherwise."""
    if not service.is_hub:
        return {}
    proposed: Tree = {
        # there is no cloud whose metadata could leak
        "singleuser": {"cloudMetadata": {"blockWithIptables": False}},
        # the chart's rights for it are those of Kubernetes 1.30: with a later one, servers wait for ever
        # without an event
        "scheduling": {"userScheduler": {"enabled": False}},
        # nobody reaches a server while these are away
        "hub": {"tolerations": leaves_soon(), "extraConfig": {pod_watch.NAME: pod_watch.POD_WATCH}},
        "proxy": {"chp": {"tolerations": leaves_soon()}, "traefik": {"tolerations": leaves_soon()}},
    }
    if rack.storage_classes and rack.storage_classes.homes:
        proposed["singleuser"] |= STATIC_HOMES
        pool = rack.storage_classes.pools.get(rack.storage_classes.homes.path.split("/")[1])
        # a pool that is nowhere is reported by a check; and of pods with addresses of their own the file server takes no question
        if pool and pool.machine in rack.machines and service.name not in rack.organisations:
            server = rack.machine(pool.machine)
            proposed["hub"]["extraConfig"][home_use.NAME] = home_use.home_use(str(server.address()), service.in_namespace)
    elif rack.storage_classes:
        proposed["singleuser"]["storage"] = {"dynamic": {"storageClass": rack.storage_classes.default}}
    if rack.storage_classes and database_type(service) == "sqlite-pvc":
        proposed["hub"] |= {"db": {"pvc": {"storageClassName": rack.storage_classes.databases}}}
    return proposed


def base_url(values: Any) -> str:
    """hub.baseUrl as JupyterHub makes it: with a slash on both sides, however it is written."""
    inner = str(looked_up(values, "hub", "baseUrl") or "").strip("/")
    return f"/{inner}/" if inner else "/"


def database_type(service: Service) -> str:
    """hub.db.type, as the chart has it when nothing is written."""
    return str(looked_up(service.values, "hub", "db", "type") or "sqlite-pvc")


def looked_up(tree: Any, *keys: str) -> Any:
    """The value at a path of keys; None where there is none."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def branch(tree: Any, *keys: str) -> Mapping[str, Any]:
    """The keys and values at a path of keys; empty where anything else stands, or nothing."""
    found = looked_up(tree, *keys)
    return found if isinstance(found, Mapping) else {}


def _at(keys: tuple[str, ...], value: Tree) -> Tree:
    for key in reversed(keys):
        value = {key: value}
    return value


def _both(first: Tree, second: Tree) -> Tree:
    """Two demands at once; lists add up."""
    return merge(first, second).values


def _met_twice(one: Any, other: Any, path: Path = ()) -> Iterator[Path]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in other:
            if key in one:
                yield from _met_twice(one[key], other[key], (*path, key))
    elif path:
        yield path
