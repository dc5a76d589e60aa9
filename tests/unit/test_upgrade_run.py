"""Whole upgrades on simulated machines: their order, and that one which is killed at any command goes on where it was."""

from __future__ import annotations

import shutil
from itertools import chain
from pathlib import Path

import pytest
import simulated
from upgraded import BEFORE, TARGET, Cluster

from fabfile.engine.errors import Crashed, Rejected
from fabfile.engine.run import run
from fabfile.loading import load
from fabfile.tasks.upgrading import upgrade_steps

BASE = Path(__file__).parents[1] / "cases/rack/base"


@pytest.fixture(params=[1, 3], ids=["one control plane", "three"])
def rack(request, tmp_path, monkeypatch):
    """A rack of three or four chicks, whose versions.yaml names the next minor."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = shutil.copytree(BASE, tmp_path / "rack")
    hosts = folder / "hosts.yaml"
    text = hosts.read_text()
    text = text[:text.index("  chick4:" if request.param == 3 else "  chick3:")]
    if request.param == 3:
        text = text.replace("roles: [worker]", "roles: [control-plane]", 2)
    hosts.write_text(text)
    versions = folder / "configs/versions.yaml"
    text = versions.read_text().replace("1.36.4", TARGET).replace("v1.36/", "v1.37/")
    versions.write_text(text + "tested_here:\n- {kubernetes: '1.37', calico: '3.32', because: a test}\n"
                        "- {kubernetes: '1.37', containerd: '2.3', because: a test}\n")
    return load(folder)


def upgrade(rack, cluster, **options):
    steps = upgrade_steps(rack, at_once=cluster.at_once, force=False, wait=0)
    return run(rack, "cluster.upgrade", steps, ways=simulated.Ways(cluster.machines()), consent=lambda entries: True, **options)


def cluster_of(rack, at_once: int = 1) -> Cluster:
    cluster = Cluster(rack, upgrade_steps(rack, at_once=at_once, force=False, wait=0), at_once)
    for member in cluster.members.values():
        member.pods.append("default web")
    return cluster


def assert_whole(cluster) -> None:
    for member in cluster.members.values():
        assert (member.running, member.cordoned, member.notes) == (TARGET, False, set())
        assert set(member.packages.values()) == {TARGET} and (not member.control_plane or member.components == TARGET)
    assert cluster.configured == TARGET


def test_the_order_of_an_upgrade(rack):
    cluster = cluster_of(rack)
    result = upgrade(rack, cluster)
    assert not result.errors, str(result.errors[0])
    assert result.exit_code == 0
    assert_whole(cluster)
    planes = [one.name for one in rack.control_planes]
    workers = [one.name for one in rack.chicks if one.name not in planes]

    def of_kubeadm(name: str) -> list[str]:
        return [f"{name}: apt kubeadm", f"{name}: kubeadm upgrade {f'apply v{TARGET}' if name == planes[0] else 'node'}"]

    def of_kubelet(name: str) -> list[str]:
        return [f"chick0: cordon {name}", f"chick0: drain {name}", f"{name}: apt kubectl kubelet",
                f"{name}: systemctl restart kubelet", f"chick0: uncordon {name}"]

    each = [*map(of_kubeadm, planes), *map(of_kubelet, planes), *(of_kubeadm(name) + of_kubelet(name) for name in workers)]
    expected = [f"{planes[0]}: snapshot save", *chain.from_iterable(each)]
    assert [act for act in cluster.acts if not act.startswith("rooster")] == expected
    again = upgrade(rack, cluster)
    assert (again.exit_code, again.changes, len(again.plan)) == (0, 0, 0)


def test_an_upgrade_that_is_killed_at_any_command_goes_on(rack):
    whole = cluster_of(rack)
    upgrade(rack, whole)
    for number in range(0, len(whole.acts), len(rack.control_planes)):
        cluster = cluster_of(rack)
        cluster.kill = number
        first = upgrade(rack, cluster)
        assert any(isinstance(error, Crashed) for error in first.errors)
        cluster.kill = None
        second = upgrade(rack, cluster)
        assert (second.exit_code, second.errors) == (0, ()), number
        assert_whole(cluster)
        extra = sorted(set(cluster.acts) - set(whole.acts)), len(cluster.acts) - len(whole.acts)
        assert extra[0] == [] and extra[1] <= 3, (number, extra)  # a cordon, a drain, a restart at most


@pytest.mark.parametrize("act,again", [("apt kubeadm", True), ("drain chick0", False)], ids=["before it begins", "after it began"])
def test_a_snapshot_of_long_ago_is_taken_again_only_before_the_upgrade_has_come_to_a_member(act, again, rack):
    """The first run took it and was killed, days before the second one."""
    cluster = cluster_of(rack)
    upgrade(rack, cluster)
    number = next(number for number, one in enumerate(cluster.acts) if one.endswith(act))
    cluster = cluster_of(rack)
    cluster.kill = number
    upgrade(rack, cluster)
    assert cluster.snapshot
    cluster.kill, cluster.old = None, True
    assert upgrade(rack, cluster).exit_code == 0
    assert [one for one in cluster.acts if "snapshot" in one] == ["chick0: snapshot save"] * (2 if again else 1)


def test_workers_go_in_batches_where_it_is_asked_for(rack):
    cluster = cluster_of(rack, at_once=2)
    assert upgrade(rack, cluster).exit_code == 0
    assert_whole(cluster)


def test_a_dry_run_shows_all_of_it_and_does_nothing(rack):
    cluster = cluster_of(rack)
    result = upgrade(rack, cluster, dry=True)
    assert result.exit_code == 3 and cluster.acts == []
    assert {entry.machine for entry in result.plan} >= {one.name for one in rack.chicks}
    interrupted = [entry.change.interrupts for entry in result.plan.interruptions()]
    assert any("the API" in words for words in interrupted) and any("is drained" in words for words in interrupted)


def test_what_is_refused_is_not_begun(rack):
    cluster = cluster_of(rack)
    cluster.members["chick0"].components = "1.35.9"
    cluster.configured = "1.35.9"
    result = upgrade(rack, cluster)
    assert result.exit_code == 2 and isinstance(result.errors[0], Rejected) and cluster.acts == []
    assert "minors are not skipped" in str(result.errors[0])


def test_a_verification_that_is_pending_is_made_up_for(rack):
    cluster = cluster_of(rack)
    upgrade(rack, cluster)
    cluster.members["chick2"].notes.add("kubelet chick2")
    result = upgrade(rack, cluster)
    assert result.exit_code == 0 and cluster.members["chick2"].notes == set() and BEFORE not in str(result.plan)
