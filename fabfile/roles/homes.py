"""Where claims for storage are met: shares by csi-driver-nfs, directories of the machines by
local-path-provisioner."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fabfile.programs import shell
from fabfile.rack import Machine, Rack
from fabfile.rack.merge import merge
from fabfile.rack.storage import StorageClass
from fabfile.resources import Check, Resource, SingleDefaultStorageClass
from fabfile.roles.charts import chart, release
from fabfile.roles.manifests import Document, own, vendors
from fabfile.upstream.paths import ADMIN_CONF

NFS, LOCAL = "nfs.csi.k8s.io", "rancher.io/local-path"
LOCAL_NAMESPACE = "local-path-storage"
DEFAULT = "storageclass.kubernetes.io/is-default-class"
CSI_RELEASE, CSI_NAMESPACE = "csi-driver-nfs", "kube-system"


def storage_driver(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """On rooster, which installs charts: the driver for shares, if there are any."""
    driver = rack.versions.csi_nfs
    if driver is not None and any(one.share for one in _classes(rack).values()):
        yield chart(driver)
        yield release(rack, CSI_RELEASE, CSI_NAMESPACE, driver, {"externalSnapshotter": {"enabled": False}})


def storage_classes(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """The classes of storage.yaml, one of them the default; and the provisioner of the machines'
    directories."""
    classes = _classes(rack)
    provisioner = rack.versions.local_path
    if provisioner is not None and any(one.directory for one in classes.values()):
        yield from vendors("local-path", provisioner, {
            "config.yaml": provisioner_config(rack),
            "class.yaml": {"$patch": "delete", "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
                           "metadata": {"name": "local-path"}},
        })
    if classes and rack.storage_classes:
        yield from own("storage-classes", [class_object(rack, name, one) for name, one in classes.items()])
        yield SingleDefaultStorageClass(rack.storage_classes.default, ADMIN_CONF)


def provisioner_config(rack: Rack) -> Document:
    """A ConfigMap's patch: which class lies where, and the pod that makes a directory."""
    where: dict[str, Any] = {}
    for name, one in _classes(rack).items():
        if one.directory and one.shared:
            where[name] = {"sharedFileSystemPath": one.directory}
        elif one.directory:
            where[name] = {
                "nodePathMap": [{"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [one.directory]}]
            }
    helper = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "helper-pod"}, "spec": {
            "priorityClassName": "system-node-critical", "tolerations": [{"operator": "Exists"}],
            "containers": [{
                "name": "helper-pod", "image": rack.versions.check_image, "imagePullPolicy": "IfNotPresent"
            }]
        }
    }
    return {
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "local-path-config", "namespace": LOCAL_NAMESPACE}, "data": {
            "config.json": json.dumps({"nodePathMap": [], "storageClassConfigs": where}, indent=1) + "\n",
            "helperPod.yaml": json.dumps(helper, indent=1) + "\n"
        },
    }


def class_object(rack: Rack, name: str, one: StorageClass) -> Document:
    """The StorageClass, with what the operator wrote in upstream's keys. Nobody's files go when a claim
    goes."""
    demanded: Document = {
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {
            "name": name,
            "annotations": {DEFAULT: "true" if rack.storage_classes and rack.storage_classes.default == name else "false"}
        }
    }
    proposed: Document = {"reclaimPolicy": "Retain", "volumeBindingMode": "Immediate"}
    # stable names: a claim made again finds the same folder
    if one.share:
        server = str(rack.machine(one.share.server).address())
        demanded |= {"provisioner": NFS, "parameters": {"server": server, "share": one.share.path}}
        proposed |= {
            "parameters": {"subDir": "${pvc.metadata.namespace}/${pvc.metadata.name}", "onDelete": "retain"},
            "mountOptions": ["nfsvers=4.2", "hard", "noatime"], "allowVolumeExpansion": True
        }
    else:
        demanded |= {"provisioner": LOCAL}
        proposed |= {"parameters": {"pathPattern": "{{ .PVC.Namespace }}/{{ .PVC.Name }}"},
                     "volumeBindingMode": "Immediate" if one.shared else "WaitForFirstConsumer"}
    return merge(demanded, one.StorageClass, proposed).values


def storage_is_ready(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """One class is the default, never two; and the provisioners run."""
    classes = _classes(rack)
    if not classes or rack.storage_classes is None:
        return
    workloads = []
    if any(one.directory for one in classes.values()):
        workloads.append(f"{LOCAL_NAMESPACE} deployment local-path-provisioner")
    if any(one.share for one in classes.values()):
        workloads += [
            f"{CSI_NAMESPACE} deployment csi-nfs-controller", f"{CSI_NAMESPACE} daemonset csi-nfs-node"
        ]
    yield Check(
        "storage classes have their provisioners, and one default", rack.leader.name,
        shell("nodes", "storage", kubeconfig=ADMIN_CONF, workloads="\n".join(workloads), default=rack.storage_classes.default),
        limit=180)


def _classes(rack: Rack) -> dict[str, StorageClass]:
    return dict(rack.storage_classes.classes) if rack.storage_classes else {}
