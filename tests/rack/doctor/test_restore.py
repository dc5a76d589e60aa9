"""A backup, and the cluster made from it again: objects that were deleted, and a control plane that is empty."""

from __future__ import annotations

import pytest
from conftest import wait_until

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
# what a restore brings back by itself, or makes itself: what lives for minutes is no part of it
UIDS = f"{KUBECTL} get nodes,pvc,pv -A -o jsonpath='{{range .items[*]}}{{.metadata.uid}} {{end}}'"
OBJECTS = f"{KUBECTL} get namespaces,deployments,daemonsets,services,configmaps,secrets,pv,pvc,serviceaccounts -A -o name | sort"


@pytest.fixture(scope="module")
def kept(bootstrapped, operator, inside):
    """What the cluster had when the backup was taken."""
    inside("chick0", f"{KUBECTL} create namespace course; {KUBECTL} -n course create configmap notes --from-literal week=1")
    objects = set(inside("chick0", OBJECTS).split())
    uids = inside("chick0", UIDS).split()
    operator.inv("rack.backup")
    return objects, uids


def restored(operator, inside, nodes, kept, most: int) -> None:
    """All that was there is there, with the nodes that knew it; the next run has so many changes at most, the one after it none."""
    wait_until("every node is Ready", lambda: nodes() == {"chick0", "chick1", "chick2"})
    objects, uids = kept
    assert not objects - set(inside("chick0", OBJECTS).split())
    assert set(uids) <= set(inside("chick0", UIDS).split())
    assert inside("chick0", f"{KUBECTL} -n course get configmap notes -o jsonpath={{.data.week}}") == "1"
    operator.inv("hub.prove")
    assert operator.bootstrap("--yes")["changes"] <= most
    assert operator.bootstrap("--yes")["changes"] == 0


def test_only_root_reads_a_backup_and_it_is_listed(kept, operator, inside):
    one = max(operator.inv("rack.backup", "--list", "--json").data, key=lambda backup: backup["name"])
    assert one["whole"] and one["objects"] > 100 and one["kubernetes"]
    folder = f"/var/lib/coop/backups/{one['name']}"
    assert set(inside("rooster", f"stat -c %a /var/lib/coop/backups {folder} {folder}/*").split()) == {"700", "600"}
    assert {"hosts.yaml", "configs/hub.yaml"} <= set(inside("rooster", f"tar -tzf {folder}/rack.tar.gz").split())


def test_a_backup_is_tried_beside_the_cluster_and_nothing_of_it_stays(kept, operator, inside):
    assert "this backup can be restored" in operator.inv("rack.backup", "--check").said
    assert inside("chick0", "ls -d /var/lib/coop/backup-check /run/coop-etcd.* 2>/dev/null || :") == ""
    newest = max(operator.inv("rack.backup", "--list", "--json").data, key=lambda backup: backup["name"])["name"]
    inside("rooster", f"echo damaged >>/var/lib/coop/backups/{newest}/cluster.tar.gz")
    assert "its checksums differ" in operator.inv("rack.backup", "--check", code=2).said
    inside("rooster", f"truncate -s -8 /var/lib/coop/backups/{newest}/cluster.tar.gz")


def test_deleted_objects_come_back(kept, operator, inside, nodes):
    inside("chick0", f"{KUBECTL} delete namespace course; {KUBECTL} -n kube-system delete configmap coredns")
    refused = operator.inv("rack.restore", "--yes", code=None)
    assert refused.code, "its name was not typed"
    assert "what was stored since is lost" in operator.inv("rack.restore", "--dry", code=3).said
    name = operator.inv("rack.show", "--json").data["name"]
    operator.inv("rack.restore", "--replace", name)
    restored(operator, inside, nodes, kept, most=1)  # kubeadm init has written its own CoreDNS


def test_an_empty_control_plane_becomes_the_former_one(kept, operator, inside, nodes, lab):
    lab.reset(["chick0"])
    operator.inv("rack.restore", "--yes")
    restored(operator, inside, nodes, kept, most=30)  # and the disk has no manifests: they are fetched, and their objects are there
