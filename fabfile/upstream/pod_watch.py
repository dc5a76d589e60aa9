"""The hub's watch of its users' pods, which KubeSpawner gives up: a piece of JupyterHub's configuration."""

from __future__ import annotations

NAME = "00-pod-watch"  # in hub.extraConfig

# KubeSpawner 7.1 ends its watch when the API was away for some fifty seconds, and goes on reading what it saw last: no
# server becomes ready from then on (jupyterhub/kubespawner, pull request 938). A reboot of the only control plane is enough.
POD_WATCH = """\
def coop_pod_watch():
    from kubespawner.reflector import ResourceReflector
    until_given_up = getattr(ResourceReflector, "_watch_and_update", None)

    async def watch(self):
        await until_given_up(self)  # it begins with a whole list
        while not getattr(self, "_stopping", True):
            await until_given_up(self)

    if until_given_up:
        ResourceReflector._watch_and_update = watch

coop_pod_watch()
"""
