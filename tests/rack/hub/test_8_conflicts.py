"""What was set in the cluster against the rack: fixed where that is safe, else refused."""

from __future__ import annotations

from tests.rack.hub.conftest import KUBECTL

OTHER = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: other, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: example.org/none
"""
POOL = """
apiVersion: crd.projectcalico.org/v1
kind: IPPool
metadata: {name: services}
spec: {cidr: 10.0.1.56/32, allowedUses: [LoadBalancer], disabled: true}
"""


def test_a_second_default_class_is_one_no_longer(hub, operator, inside):
    inside("rooster", f"{KUBECTL} apply -f - <<'END'\n{OTHER}\nEND")
    try:
        assert "other is a default beside homes" in operator.inv("cluster.bootstrap", "--dry", code=3).said
        assert operator.bootstrap()["changes"] == 1
        assert operator.bootstrap()["changes"] == 0
    finally:
        inside("rooster", f"{KUBECTL} delete storageclass other")


def test_calicos_own_allocator_is_refused(hub, operator, inside):
    inside("rooster", f"{KUBECTL} apply -f - <<'END'\n{POOL}\nEND")
    try:
        said = operator.inv("cluster.bootstrap", code=1).said
        assert "Calico's pool services gives addresses to services, and MetalLB does too" in said
    finally:
        inside("rooster", f"{KUBECTL} delete ippools.crd.projectcalico.org services")
    assert operator.bootstrap()["changes"] == 0
