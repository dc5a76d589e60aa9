#!/usr/bin/python3
"""await-images DAEMONSET SECONDS: ends when every node that should have the images has them.

A node that takes no puller pod within SECONDS (-1: for ever) is not waited for. A puller that a node has
taken and that does not become ready, on an unhealthy node say, is waited for without end: helm's own limit ends
that, as it does with the jupyterhub chart.
"""

import json
import ssl
import sys
import time
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
API = "https://kubernetes.default.svc"


def get(path: str) -> dict:
    """What the API server answers to GET `path`."""
    request = urllib.request.Request(
        API + path, headers={"Authorization": "Bearer " + (ACCOUNT / "token").read_text()}
    )
    with urllib.request.urlopen(
        request, timeout=10, context=ssl.create_default_context(cafile=ACCOUNT / "ca.crt")
    ) as answer:
        return json.load(answer)


def waited_for(status: dict, pods: list[dict], patient: bool) -> tuple[int, int]:
    """(ready pullers, pullers to wait for): past the time for scheduling, only pods that have a node count."""
    ready = status.get("numberReady", 0)
    if patient:
        return ready, status.get("desiredNumberScheduled", 0)
    return ready, sum(bool(pod["spec"].get("nodeName")) for pod in pods)


def main(name: str, seconds: int) -> None:
    namespace = (ACCOUNT / "namespace").read_text()
    began, said = time.monotonic(), None
    while True:
        patient = seconds < 0 or time.monotonic() - began < seconds
        try:
            daemonset = get(f"/apis/apps/v1/namespaces/{namespace}/daemonsets/{name}")
            status, generation = daemonset.get("status", {}), daemonset["metadata"]["generation"]
            pods = get(f"/api/v1/namespaces/{namespace}/pods?labelSelector=component%3D{name}")["items"]
        except OSError as error:
            print(f"the API server does not answer: {error}", flush=True)
        else:
            seen = status.get("observedGeneration", 0) >= generation
            ready, wanted = waited_for(status, pods, patient)
            if seen and said != (ready, wanted):
                print(f"{ready} of {wanted} nodes have the images", flush=True)
                said = ready, wanted
            if seen and ready >= wanted:
                return
        time.sleep(1)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
