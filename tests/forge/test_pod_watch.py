"""KubeSpawner itself, while the API is away for longer than it has patience for."""

import subprocess
from contextlib import contextmanager

from fabfile.upstream.pod_watch import POD_WATCH
from tests.forge.api_server import api_server
from tests.forge.test_hub_config import hub_python

# Each line from stdin is answered by the names of the pods that are known then.
WATCHING = """
import asyncio, sys
from kubespawner.clients import load_config
from kubespawner.spawner import PodReflector

async def main():
    load_config()
    pods = PodReflector(namespace="default", labels={"component": "singleuser-server"})
    await pods.start()
    while await asyncio.to_thread(sys.stdin.readline):
        print(*sorted(pods.pods), flush=True)

asyncio.run(main())
"""
POD = "kubectl run {name} --labels component=singleuser-server --image none --restart Never"
AWAY = "table inet away { chain out { type filter hook output priority 0; tcp dport 6443 reject with tcp reset; }; }"
SILENT = 75  # seconds: KubeSpawner 7.1 asks again every 10 s, and gives up after 51 more


@contextmanager
def watching(api, code: str):
    """A watch, as a function that gives the pods that it knows now."""
    python, environment = hub_python()
    process = subprocess.Popen(["nsenter", "--net", "--target", api.namespace, *python, "-c", code],
                               env=environment | {"KUBECONFIG": api.kubeconfig}, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def known() -> list[str]:
        process.stdin.write("\n")
        process.stdin.flush()
        return [name.rpartition("/")[2] for name in process.stdout.readline().split()]
    try:
        yield known
    finally:
        process.kill()
        process.wait()


def test_pods_are_seen_after_the_api_was_away(tmp_path):
    """With Coop's part; without it they are not, or the part is needed no more."""
    with api_server(tmp_path) as api:
        api.shell(f"kubectl create serviceaccount default; {POD.format(name='before')}")
        with watching(api, WATCHING) as as_it_is, watching(api, POD_WATCH + WATCHING) as with_the_part:
            assert as_it_is() == with_the_part() == ["before"]
            api.shell(f"nft '{AWAY}'; sleep {SILENT}; nft delete table inet away")
            api.shell(f"{POD.format(name='after')}; sleep 15")
            assert with_the_part() == ["after", "before"]
            assert as_it_is() == ["before"]
