"""Backups of the rack on rooster, and the cluster made from one again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.task import DRY, JSON, YES, task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.engine.step import Step
    from fabfile.engine.ways import SshWays
    from fabfile.facts.backups import Backup
    from fabfile.rack import Machine, Rack
    from fabfile.resources import Check, Resource


@task(may="name", help={"name": "Name of the backup to check, from --list (default: the newest).",
                        "list_": "Show the backups that there are, and whether each is whole.",
                        "check": "Take none: restore one on a control plane, beside its cluster, and count what it has.",
                        "keep": "How many backups stay (default: 10).", "dry": DRY, "json": JSON})
def backup(c: Context, name: str | None = None, list_: bool = False, check: bool = False, keep: int = 10, dry: bool = False,
           json: bool = False) -> None:
    """Back up the cluster, hubs' databases and the rack's files.

    Into a folder on rooster that only root can read; of the cluster: a snapshot
    of etcd, authorities and their keys. Users' files are not in it. --check tries
    whether a backup can be restored.
    """
    from datetime import UTC, datetime

    from fabfile.facts.backups import chosen
    from fabfile.screen import backups as screen
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.rack import the_rack
    from fabfile.upstream.documents import etcd_folder

    rack = the_rack()
    if list_:
        found = kept(rack)
        print(screen.as_json(found) if json else screen.as_text(found, datetime.now(UTC)))
        return
    if name and not check:
        raise Exit("a backup is named by its time: a name goes with --check", code=2)
    if keep < 1:
        raise Exit("--keep: at least 1", code=2)
    if not etcd_folder(rack):
        raise Exit("the cluster's etcd is no pod of its control planes (etcd.external in cluster.yaml): back it up where it runs", code=2)
    if check:
        found = kept(rack)
        try:
            one = chosen(found, name or (found[-1].name if found else ""))
        except ValueError as wrong:
            raise Exit(str(wrong), code=2) from None
        result = converge(command(), partial(check_steps, one=one), dry=dry, json=json, rack=rack)
        if not dry and not json:
            print(result.said.strip())
        return
    called = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    converge(command(), partial(backup_steps, called=called, keep=keep), dry=dry, json=json, rack=rack)


def backup_steps(rack: Rack, called: str, keep: int) -> list[Step]:
    """Taken on the control plane that answers, and kept on the gateway."""
    from fabfile.engine.step import Step
    from fabfile.resources import BackupKept, ClusterPacked
    from fabfile.roles.hub import database_copy, database_of
    from fabfile.upstream.documents import certificates_folder

    databases = {name: found for name, service in rack.services.items() if (found := database_of(service))}

    def kept_there(rack: Rack, _: Machine) -> Iterator[Resource]:
        yield BackupKept(called, rack.leader.name, packed(rack.folder), tuple((name, one.copies) for name, one in databases.items()),
                         tuple(database_copy(rack, one) for one in databases.values()), keep)

    return [Step("snapshot", (rack.leader,), lambda rack, _: [ClusterPacked(certificates_folder(rack))]),
            Step("backup", (rack.gateway,), kept_there)]


def check_steps(rack: Rack, one: Backup) -> list[Step]:
    """On the control plane that answers."""
    from fabfile.engine.step import Step
    from fabfile.resources import BackupChecked

    return [Step("check", (rack.leader,), lambda rack, machine: [BackupChecked(one.name, one.bytes, machine.name, rack.gateway.name)])]


def packed(folder: Path) -> bytes:
    """The rack's files as .tar.gz, secrets.yaml among them."""
    import tarfile
    from io import BytesIO

    from fabfile.rack.files import HOSTS

    data = BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name in (HOSTS, "configs", "site"):
            if (folder / name).exists():
                archive.add(folder / name, name)
    return data.getvalue()


def kept(rack: Rack, ways: SshWays | None = None) -> list[Backup]:
    """The backups on the gateway, the oldest first."""
    from fabfile.facts.backups import parse, question
    from fabfile.tasks.queries import asked_of

    return parse(asked_of(rack, rack.gateway, question(), 300.0, ways))


@task(may="name", help={"name": "Name of a backup, from rack.backup --list (default: the newest complete one).",
                        "replace": "The rack's name: approve replacing the cluster that is there.",
                        "dry": DRY, "yes": YES, "json": JSON})
def restore(c: Context, name: str | None = None, replace: str = "", dry: bool = False, yes: bool = False, json: bool = False) -> None:
    """Rebuild the cluster from a backup.

    On the first control plane of hosts.yaml, which may be a new machine of the
    same name and address. What was stored since the backup is lost. Workers need
    no rejoin; other control planes must be reset before (by kubeadm reset; the
    task names them and the command), and join by cluster.bootstrap.
    """
    import dataclasses

    from fabfile.facts.backups import chosen
    from fabfile.tasks.command_line import command
    from fabfile.tasks.converge import converge
    from fabfile.tasks.leader import connected
    from fabfile.tasks.rack import the_rack

    rack = the_rack()
    rack = dataclasses.replace(rack, leading=rack.leader.name)
    with connected(rack) as ways:
        try:
            one = chosen(kept(rack, ways), name or "")
        except ValueError as wrong:
            raise Exit(str(wrong), code=2) from None
        if one.kubernetes != rack.versions.kubernetes.version:
            raise Exit(f"backup {one.name} is of Kubernetes {one.kubernetes}, and configs/versions.yaml says "
                       f"{rack.versions.kubernetes.version}: put {one.kubernetes} there, and upgrade afterwards", code=2)
        if others := holding(rack, ways):
            raise Exit("\n".join(others), code=2)
    converge(command(), partial(restore_steps, one=one), dry=dry, yes=yes, json=json, rack=rack, typed=(replace,) if replace else ())


def holding(rack: Rack, ways: SshWays) -> list[str]:
    """The other control planes that have a cluster, or may have: beside them a restored one would be a second. In sentences."""
    from fabfile.facts.leader import MEMBER
    from fabfile.tasks.queries import ask

    others = [one for one in rack.control_planes if one is not rack.leader and not one.expected_off]
    answers, errors = ask(rack, {one.name: MEMBER for one in others}, 20.0, ways)
    return [*(f"{name} has the cluster that the backup would replace: fab -H {name} -- sudo kubeadm reset -f, then again"
              for name, said in answers.items() if said.split()),
            *(f"{name} cannot be asked whether it has a cluster ({error.problem}): switch it on, or give it `expect: off` in hosts.yaml"
              for name, error in errors.items())]


def restore_steps(rack: Rack, one: Backup) -> Sequence[Step]:
    """The machine is prepared as a member, gets the cluster, and then every node works with every other."""
    from fabfile.engine.step import Step
    from fabfile.resources import ClusterRestored, Unit
    from fabfile.roles.control_plane import api_answers
    from fabfile.roles.kubeadm_config import init_config
    from fabfile.roles.member import kubelet_settings
    from fabfile.roles.node import node, runtime_answers
    from fabfile.roles.pod_traffic import all_work_together
    from fabfile.upstream.documents import certificates_folder, etcd_folder

    when = f"{one.taken:%Y-%m-%d %H:%M} UTC" if one.taken else one.name

    def restored(rack: Rack, machine: Machine) -> Iterator[Resource]:
        yield kubelet_settings(machine)
        yield ClusterRestored(init_config(rack, machine), machine.name, str(machine.address()), rack.gateway.name, one.name,
                              f"as it was at {when}, with {one.objects} objects", rack.name, etcd_folder(rack), certificates_folder(rack))
        yield Unit("kubelet")

    def works(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
        yield from api_answers(rack, machines)
        if len(rack.control_planes) == 1:  # else others have to join first
            yield from all_work_together(rack, machines)

    first = (rack.leader,)
    return [Step("prepare", first, node, verify=runtime_answers), Step("restore", first, restored, verify=works)]
