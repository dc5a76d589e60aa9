"""The homes: on the file server a quota for each, in the cluster one claim for each hub."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.programs import text
from fabfile.rack import Machine, Rack
from fabfile.rack.pools import Homes, size_in_bytes
from fabfile.resources import Directory, File, HomesClaim, NoClaimedHomes, Resource, Unit
from fabfile.roles.manifests import Document, own
from fabfile.roles.pools import owner
from fabfile.roles.rendering import render
from fabfile.upstream.home_folders import folder_of
from fabfile.upstream.home_use import PORT
from fabfile.upstream.paths import ADMIN_CONF
from fabfile.upstream.release import HOMES

PROGRAM, QUOTAS, UNITS = "/usr/local/lib/coop/homes-quota", "/etc/coop/homes", "/etc/systemd/system"
LABELLING, TELLING = ("coop-homes.path", "coop-homes.timer"), "coop-homes-full.socket"
FULL = "/run/coop-homes-full"  # which homes are nearly full, for hubs
LINKS_PROGRAM, LINKS = "/usr/local/lib/coop/homes-links", "/run/coop-homes-links"  # why links cannot be renamed in homes


def homes_quota(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """On the file server with the homes: a folder for each hub, and a unit that gives every home in it a quota, as soon as its
    folder is there and at the latest a minute later."""
    homes = homes_of(rack)
    if homes is None or not _is_here(rack, machine, homes):
        for unit in (*LABELLING, TELLING):
            yield Unit(unit, running=False, enabled=False)
        return
    user, _, group = owner(rack, homes.path).partition(":")
    for namespace in namespaces(rack):
        yield Directory(f"{homes.path}/{namespace}", owner=user, group=group)
    yield File(QUOTAS, quotas(rack, homes))
    values = {"program": PROGRAM, "quotas": QUOTAS, "homes": homes, "namespaces": namespaces(rack), "full": FULL,
              "address": machine.address(), "port": PORT, "links_program": LINKS_PROGRAM, "links": LINKS}
    for unit in ("coop-homes.service", "coop-homes-full@.service", *LABELLING, TELLING):
        yield File(f"{UNITS}/{unit}", render(f"hen/etc/systemd/system/{unit}", **values))
    yield File(PROGRAM, f"#!/bin/sh\n{text('homes_quota.sh')}", mode=0o755)
    yield File(LINKS_PROGRAM, f"#!/bin/sh\n{text('homes_links.sh')}", mode=0o755)
    for unit in LABELLING:
        yield Unit(unit, watches=(f"{UNITS}/{unit}", f"{UNITS}/coop-homes.service", QUOTAS, PROGRAM))
    yield Unit(TELLING, watches=(f"{UNITS}/{TELLING}", f"{UNITS}/coop-homes-full@.service"))


def homes_of(rack: Rack) -> Homes | None:
    """What the rack's files say of homes."""
    return rack.storage_classes.homes if rack.storage_classes else None


def _is_here(rack: Rack, machine: Machine, homes: Homes) -> bool:
    assert rack.storage_classes is not None
    return rack.storage_classes.pools[homes.path.split("/")[1]].machine == machine.name


def namespaces(rack: Rack) -> list[str]:
    """Those of the hubs."""
    return sorted({service.in_namespace for service in rack.services.values() if service.is_hub})


def quotas(rack: Rack, homes: Homes) -> str:
    """The lines that the unit reads: each hub's default, then single homes, then what any other folder gets."""
    lines = [(namespace, homes.quota) for namespace in namespaces(rack)]
    for name, size in sorted(homes.users.items(), key=lambda one: "/" in one[0]):  # the last line about a home counts
        namespace, _, user = name.rpartition("/")
        lines += [(f"{one}/{folder_of(user)}", size) for one in ([namespace] if namespace else namespaces(rack))]
    return "".join(f"{place} {size_in_bytes(size)} {homes.files}\n" for place, size in [*lines, ("*", homes.quota)])


def quota_of(rack: Rack, homes: Homes, home: str) -> int:
    """The bytes of one home, NAMESPACE/HOME of a hub, by these lines."""
    lines = dict(line.split()[:2] for line in quotas(rack, homes).splitlines())
    return int(lines.get(home, lines[home.partition("/")[0]]))


def homes_claims(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """In the cluster: for each hub a volume, its folder on the file server, and the claim that its users' servers mount folders
    of. They are never taken away: with them would go what mounts them."""
    homes = homes_of(rack)
    if homes is None or rack.storage_classes is None:
        return
    server = rack.machine(rack.storage_classes.pools[homes.path.split("/")[1]].machine)
    objects: list[Document] = []
    for namespace in namespaces(rack):
        canaries = tuple(one.canary.user for one in rack.services.values() if one.is_hub and one.in_namespace == namespace)
        yield NoClaimedHomes(namespace, HOMES, canaries, ADMIN_CONF)
        if namespace not in rack.organisations:  # which have made their own by then
            objects.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        objects.append({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"{HOMES}-{namespace}"}, "spec": {
            "capacity": {"storage": homes.quota}, "accessModes": ["ReadWriteMany"], "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "", "mountOptions": ["nfsvers=4.2", "hard", "noatime"],
            "claimRef": {"namespace": namespace, "name": HOMES},
            "nfs": {"server": str(server.address()), "path": f"{homes.path}/{namespace}"}}})
    if objects:
        yield from own("homes", objects, marked=False)
    for namespace in namespaces(rack):
        yield HomesClaim(namespace, HOMES, f"{HOMES}-{namespace}", homes.quota)
