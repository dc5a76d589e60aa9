"""Pools, exports and storage classes, as configs/storage.yaml says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from fabfile.rack.pools import Exports, Homes, Pools
from fabfile.rack.values import Fixed, Label, Part, Sorted, Tree, pattern

Folder = Annotated[str, pattern(
    r"(/[A-Za-z0-9._-]+)+", "a folder's path", "from the root, such as /nest/homes")]


class Share(Part):
    """A folder that a machine of the rack exports by NFS."""

    server: Label = Field(examples=["hen"])
    path: Folder = Field(examples=["/nest/homes"])


class StorageClass(Part):
    """One class: a share (csi-driver-nfs), or a directory of the machines themselves (local-path-provisioner).

    A directory is each machine's own, and a pod stays where its volume is; or `shared`: the same on all of them.
    """

    share: Share | None = None
    directory: Folder | None = None
    shared: bool = False
    StorageClass: Tree  # upstream's own keys: mountOptions, reclaimPolicy, parameters …


class Storage(Part):
    """The rack's storage classes, and which of them serves what; and what the file server has and exports."""

    default: Label = Field(examples=["homes"])  # for claims that name no class, and for homes
    databases: Label = Field(examples=["local"])  # for what must not lie on NFS: the hub's own database
    classes: Annotated[Mapping[Label, StorageClass], Sorted, Fixed] = Field(
        examples=["{homes: {share: {server: hen, path: /nest/homes}}}"])
    pools: Pools = Field(default_factory=dict, validate_default=True)
    exports: Exports = Field(default_factory=dict, validate_default=True)
    homes: Homes | None = None  # none: a claim each, of the default class
    nfs: Tree  # nfs.conf(5), by section
    zed: Tree  # zed.rc
    mail: Tree  # msmtprc: how the file server's mail leaves it
    zfs: Tree  # parameters of the kernel module, zfs(4)
