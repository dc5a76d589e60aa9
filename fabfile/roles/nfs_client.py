"""What a node needs to mount homes: mount.nfs for kubelet, and a rule that keeps pods from speaking NFS themselves."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.rack import Rack
from fabfile.resources import File, Nftables, Resource, Unit
from fabfile.roles.rendering import render

RULES, UNIT = "/etc/coop/nfs.nft", "/etc/systemd/system/coop-nfs.service"
PACKAGES = ("nfs-common", "nftables")
NOT_OF_NFS4 = ("rpcbind.socket", "rpcbind.service", "rpc-statd.service")  # what NFS 2 and 3 alone want


def mounts_homes(rack: Rack) -> bool:
    """Whether nodes mount homes of a file server."""
    return rack.storage_classes is not None and rack.storage_classes.homes is not None


def before_packages(rack: Rack) -> Iterator[Resource]:
    """What nfs-common would bring and start is masked."""
    for unit in NOT_OF_NFS4 if mounts_homes(rack) else ():
        yield Unit(unit, masked=True)


def pods_speak_no_nfs(rack: Rack) -> Iterator[Resource]:
    """The rule, now and at every boot."""
    if not mounts_homes(rack):
        return
    yield Nftables(rules(rack), RULES)
    yield File(UNIT, render("chick/etc/systemd/system/coop-nfs.service", rules=RULES))
    yield Unit("coop-nfs", watches=(UNIT,))


def rules(rack: Rack) -> str:
    """The rules in nft's words."""
    return render("chick/etc/coop/nfs.nft", servers=[str(machine.address()) for machine in rack.storage_hosts])
