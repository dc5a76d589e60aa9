"""What a cluster's API server holds, for comparing: objects as somebody wants them, without what each cluster draws."""

from __future__ import annotations

import json
from collections.abc import Iterator

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
KINDS = ("namespaces", "deployments", "daemonsets", "services", "serviceaccounts", "configmaps", "clusterroles",
         "clusterrolebindings", "roles", "rolebindings", "customresourcedefinitions", "priorityclasses",
         "validatingwebhookconfigurations", "nodes", "secrets")
CALICO = ("ippools", "bgpconfigurations", "bgppeers", "felixconfigurations", "kubecontrollersconfigurations")
ASK = (f"{KUBECTL} get {','.join(KINDS)} -A -o json; echo\necho '--- calico'\n"
       f"{KUBECTL} get {','.join(f'{kind}.crd.projectcalico.org' for kind in CALICO)} -o json")
DRAWN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "ownerReferences")
DRAWN_DATA = ("cluster-info", "kube-root-ca.crt", "extension-apiserver-authentication",  # certificates, signatures
              "kube-apiserver-legacy-service-account-token-tracking")  # a day
# Calico's own record of an object: when it was changed, and by which client; how often a Deployment was changed
DRAWN_NOTES = ("projectcalico.org/metadata", "deployment.kubernetes.io/revision")
CHECKS = "coop-check"  # the namespace of the last look at pods, which is on its way out


def objects(said: str) -> list[str]:
    """Each object as one line."""
    items = (item for text in said.split("--- calico\n") for item in json.loads(text)["items"])
    return sorted(line for item in items if CHECKS not in (item["metadata"]["name"], item["metadata"].get("namespace"))
                  for line in lines(item))


def lines(item: dict) -> Iterator[str]:
    """The object without its state; of a secret its name and kind, of a node what others wrote about it."""
    about = item["metadata"]
    name = f"{item['kind']} {about.get('namespace', '')}/{about['name']}"
    for drawn in DRAWN:
        about.pop(drawn, None)
    for drawn in DRAWN_NOTES:
        about.get("annotations", {}).pop(drawn, None)
    if item["kind"] == "Secret":
        if item["type"] != "bootstrap.kubernetes.io/token":  # they end by themselves
            yield f"{name} {item['type']}"
    elif item["kind"] == "Node":
        ready = [each["status"] for each in item["status"]["conditions"] if each["type"] == "Ready"]
        spec = {key: item["spec"].get(key) for key in ("taints", "unschedulable")}
        yield f"{name} {ready} {json.dumps([about['labels'], spec], sort_keys=True)}"
    else:
        for key in ("status", "data" if about["name"] in DRAWN_DATA else "status"):
            item.pop(key, None)
        if item["kind"] == "Service":  # addresses are drawn, but for those that are asked for
            for key in ("clusterIP", "clusterIPs"):
                item["spec"].pop(key, None)
        for webhook in item.get("webhooks", ()):
            webhook["clientConfig"].pop("caBundle", None)
        yield f"{name} {json.dumps(item, sort_keys=True)}"
