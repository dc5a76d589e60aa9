"""Storage: claims and classes."""

from __future__ import annotations

from datetime import datetime

from fabfile.facts.look import Look
from fabfile.finding import Finding, Severity
from fabfile.rules.rule import Found, rule


@rule(everywhere=("claim_pending",))
def class_default_unclear(look: Look) -> Found:
    """There is no default storage class, or more than one."""
    if look.api is None or look.rack.storage_classes is None or not look.api.objects:
        return
    defaults = sorted(name for name, words in look.api.of_kind("StorageClass").items() if words[:1] == ("true",))
    if defaults != [look.rack.storage_classes.default]:
        yield Finding(f"the default storage class is {' and '.join(defaults) or 'not set'}, and configs/storage.yaml says "
                      f"{look.rack.storage_classes.default}", "storage classes", Severity.DEGRADED,
                      fix="inv cluster.bootstrap --only storage")


@rule()
def class_missing(look: Look) -> Found:
    """A storage class of storage.yaml is not in the cluster."""
    if look.api and look.rack.storage_classes is not None and look.api.objects:
        for name in look.rack.storage_classes.classes:
            if name not in look.api.of_kind("StorageClass"):
                yield Finding(f"the storage class {name} is missing", f"StorageClass {name}", Severity.DEGRADED,
                              fix="inv cluster.bootstrap --only storage")


@rule(everywhere=("pod_fits_nowhere",))
def claim_pending(look: Look) -> Found:
    """A claim gets no volume, or has lost it."""
    for where, words in (look.api.of_kind("PersistentVolumeClaim") if look.api else {}).items():
        phase, name_of_class, created = [*words, "", "", ""][:3]
        namespace, _, name = where.partition("/")
        known = name_of_class in look.api.of_kind("StorageClass") if look.api else True
        if phase == "Lost":
            yield Finding(f"the claim {where} has lost its volume", where, Severity.DOWN, since=created,
                          fix=f"kubectl -n {namespace} describe pvc {name}; make its PersistentVolume again by hand: the files are "
                              "still there")
        elif phase == "Pending" and not known:
            yield Finding(f"the claim {where} waits for the class {name_of_class}, which does not exist", where, Severity.DEGRADED,
                          since=created, fix="inv cluster.bootstrap --only storage")
        elif phase == "Pending" and _age(look, created) > 300:
            yield Finding(f"the claim {where} gets no volume", where, Severity.DEGRADED, f"class {name_of_class}", created,
                          f"kubectl -n {namespace} describe pvc {name}")


def _age(look: Look, moment: str) -> float:
    try:
        return look.now - datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return 0.0
