"""What a node needs of NFS: mount.nfs for kubelet, where homes are mounted; and a rule that keeps pods from speaking it themselves."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.rack import Rack
from fabfile.resources import File, Nftables, Resource, Unit
from fabfile.roles.rendering import render

RULES, UNIT = "/etc/coop/nfs.nft", "/etc/systemd/system/coop-nfs.service"
NOT_OF_NFS4 = ("rpcbind.socket", "rpcbind.service", "rpc-statd.service")  # what NFS 2 and 3 alone want


def mounts_homes(rack: Rack) -> bool:
    """Whether nodes mount homes of a file server."""
    return rack.storage_classes is not None and rack.storage_classes.homes is not None


def packages(rack: Rack) -> tuple[str, ...]:
    """For kubelet's mounts, and for the rule."""
    return (*(["nfs-common"] if mounts_homes(rack) else []), *(["nftables"] if _has_exports(rack) else []))


def _has_exports(rack: Rack) -> bool:
    return rack.storage_classes is not None and bool(rack.storage_classes.exports)


def before_packages(rack: Rack) -> Iterator[Resource]:
    """What nfs-common would bring and start is masked."""
    for unit in NOT_OF_NFS4 if mounts_homes(rack) else ():
        yield Unit(unit, masked=True)


def pods_speak_no_nfs(rack: Rack) -> Iterator[Resource]:
    """The rule, now and at every boot, wherever a file server exports anything: homes need not be Coop's."""
    if not _has_exports(rack):
        return
    yield Nftables(rules(rack), RULES)
    yield File(UNIT, render("chick/etc/systemd/system/coop-nfs.service", rules=RULES))
    yield Unit("coop-nfs", watches=(UNIT,))


def rules(rack: Rack) -> str:
    """The rules in nft's words."""
    return render("chick/etc/coop/nfs.nft", servers=[str(machine.address()) for machine in rack.storage_hosts])
