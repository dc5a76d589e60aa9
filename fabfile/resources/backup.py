"""Backups of what a cluster is made from again: taken on a control plane, kept on the gateway, and put back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from shlex import quote
from typing import ClassVar

from fabfile.programs import shell
from fabfile.upstream.paths import CRI_SOCKET

from . import writing
from .base import Change, Command, RemoteFile, Resource, rejection
from .etcd_snapshot import EtcdSnapshot
from .membership import ALTERED, ControlPlane, marked, probe_of_traces, reset_by_kubeadm

BACKUPS = "/var/lib/coop/backups"  # on the gateway, a folder each
ARCHIVE = f"{EtcdSnapshot.FOLDER}/backup.tar.gz"  # of the newest one, on the control plane that it was taken on
_LIMIT = 900.0  # seconds that a large database may take to be written or restored


@dataclass(frozen=True)
class ClusterPacked(Resource):
    """A snapshot of etcd with the cluster's authorities and keys, as one archive of this control plane."""

    lasting: ClassVar[bool] = False
    pki: str

    @property
    def name(self) -> str:
        return "archive of the cluster"

    def probe(self) -> str:
        return ":"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        script = shell("etcd_snapshot", "backup_pack", target=f"{EtcdSnapshot.FOLDER}/backup.db", archive=ARCHIVE, pki=self.pki)
        yield Change("take a snapshot of etcd, and pack it with authorities and keys",
                     (Command(script, long=True, limit=_LIMIT, shown="etcdctl snapshot save"),))


@dataclass(frozen=True)
class BackupKept(Resource):
    """A folder in BACKUPS with the archive of a control plane, the rack's own files and the newest copy of each hub's database.
    Only root can read it: it has the keys of everything. The oldest go when there are more than `keep`."""

    lasting: ClassVar[bool] = False
    called: str  # "20261129T061500Z"
    machine: str  # the control plane
    rack_files: bytes = field(repr=False)  # .tar.gz
    databases: tuple[tuple[str, str], ...] = ()  # hub → the folder of its copies
    before: tuple[Command, ...] = ()  # these copy the databases
    keep: int = 10

    @property
    def name(self) -> str:
        return f"backup {self.called}"

    def probe(self) -> str:
        return ":"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        part = f"{BACKUPS}/.part"
        files = f"umask 077; mkdir -p {part}\n{writing.text_of(self.rack_files)} >{part}/rack.tar.gz"
        kept = shell("backup_keep", folder=BACKUPS, name=self.called, keep=str(self.keep),
                     databases=" ".join(f"{hub}={folder}" for hub, folder in self.databases))
        yield Change(f"keep it as {BACKUPS}/{self.called}, with the rack's files and hubs' databases", (
            *self.before, Command(files, shown=f"write {part}/rack.tar.gz (mode 0600)"),
            Command(kept, limit=300.0, shown=f"move it to {BACKUPS}/{self.called}", says=True)),
            remote_files=(RemoteFile(self.machine, ARCHIVE, f"{part}/cluster.tar.gz"),))


@dataclass(frozen=True)
class BackupChecked(Resource):
    """A backup of the gateway's, restored into a folder of a control plane that goes afterwards; its cluster runs on untouched."""

    lasting: ClassVar[bool] = False
    backup: str  # its folder
    bytes: int
    node: str
    gateway: str
    FOLDER: ClassVar[str] = "/var/lib/coop/backup-check"

    @property
    def name(self) -> str:
        return f"check of backup {self.backup}"

    def probe(self) -> str:
        return "df -Pk /var/lib | awk 'NR == 2 { print $4 }'"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        need = 2 * self.bytes // 1024 + 262144  # before it comes; unpacked it is measured again, twice
        if int(facts) < need:
            yield rejection(f"/var/lib of {self.node} has {facts.strip()} KiB free, to check {self.backup} needs {need} at least")
            return
        image = "image=$(sed -n 's/^ *image: *//p' /etc/kubernetes/manifests/etcd.yaml)"
        check = shell("etcdutl", "backup_unpack", "restore_data", "backup_check", folder=self.FOLDER, data=f"{self.FOLDER}/data",
                      node=self.node, peer="http://127.0.0.1:2380")  # nobody listens there: the peer is a socket
        yield Change(f"restore {self.backup} into {self.FOLDER} on {self.node}, which goes afterwards, and count what it has",
                     (Command(f"{image}\n{check}", long=True, limit=_LIMIT, shown="etcdutl snapshot restore; etcd", says=True),),
                     remote_files=(RemoteFile(self.gateway, f"{BACKUPS}/{self.backup}/cluster.tar.gz", f"{self.FOLDER}/cluster.tar.gz"),))


@dataclass(frozen=True)
class ClusterRestored(Resource):
    """The cluster as a backup has it, on its first control plane: authorities, keys and all objects; kubeadm makes the rest again.
    What is there of a cluster is removed, when somebody has typed the rack's name."""

    lasting: ClassVar[bool] = False
    config: str = field(repr=False)  # kubeadm's
    node: str
    address: str
    gateway: str
    backup: str  # its folder there
    told: str  # "as it was at 2026-11-29 06:15 UTC, with 423 objects"
    typed: str
    etcd: str
    pki: str
    socket: str = CRI_SOCKET
    FOLDER: ClassVar[str] = "/var/lib/coop/restore"

    @property
    def name(self) -> str:
        return f"cluster on {self.node}"

    def probe(self) -> str:
        return probe_of_traces(self.etcd)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        archive, config = f"{self.FOLDER}/cluster.tar.gz", quote(ControlPlane.path)
        there = bool(facts.split())
        lost = f"; what {self.node} has of a cluster now is removed" if there else ""
        yield Change(f"{self.node} should have the cluster {self.told}", tuple(self._commands(there, archive, config)),
                     interrupts=f"the cluster becomes {self.told}: what was stored since is lost, pods started since end{lost}",
                     typed=self.typed if there else "", alters=ALTERED,
                     remote_files=(RemoteFile(self.gateway, f"{BACKUPS}/{self.backup}/cluster.tar.gz", archive),))

    def _commands(self, there: bool, archive: str, config: str) -> Sequence[Command]:
        data = f"{self.etcd}.restored"  # of the same file system, so that it is moved at once
        image = f"image=$(kubeadm config images list --config {config} 2>/dev/null | grep '/etcd:' | head -n 1)"
        restored = shell("etcdutl", "restore_data", folder=self.FOLDER, data=data, node=self.node, peer=f"https://{self.address}:2380")
        put = shell("restore_etcd", folder=self.FOLDER, data=data, pki=self.pki, etcd=self.etcd)
        return [
            Command(shell("backup_unpack", folder=self.FOLDER), limit=300.0, shown=f"unpack {archive}"),
            Command(writing.put(ControlPlane.path, writing.text_of(self.config.encode()), mode=0o600,
                                check="kubeadm config validate --config {}"), shown=f"write {ControlPlane.path} (mode 0600)"),
            Command(f"kubeadm config images pull --config {config}", long=True, limit=1200.0),
            Command(f"{image}\n{restored}", long=True, limit=_LIMIT, shown="etcdutl snapshot restore"),
            # whatever can be wrong with the backup or its room is known; until here nothing is removed
            *([reset_by_kubeadm(self.socket, self.pki)] if there else []),
            Command(put, long=True, limit=_LIMIT, shown=f"put keys into {self.pki}, and data into {self.etcd}"),
            marked(f"kubeadm init --config {config} --skip-token-print --ignore-preflight-errors "
                   f"DirAvailable-{self.etcd.replace('/', '-')}", limit=900.0)]
