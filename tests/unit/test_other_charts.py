"""Charts that are no hubs, as the documentation shows them."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from fabfile.loading import load
from fabfile.upstream.release import release_values

PROJECT = Path(__file__).parents[2]


def test_the_documented_binderhub_is_read_and_gets_its_address(tmp_path):
    """All of BinderHub that was tried."""
    folder = shutil.copytree(PROJECT / "tests/cases/hub/base", tmp_path / "rack")
    (folder / "configs/services.yaml").write_text(binderhub())
    network = folder / "configs/network.yaml"
    network.write_text(f"{network.read_text()}  binder.example.org: {{address: 10.0.1.56, public: 128.120.136.56, ports: [80]}}\n"
                       "  hub.binder.example.org: {address: 10.0.1.55, public: 128.120.136.55, ports: [80]}\n")
    rack = load(folder)
    binder = rack.services["binder"]
    values = release_values(rack, binder)
    assert values["service"] == {"type": "LoadBalancer", "annotations": {"metallb.io/loadBalancerIPs": "10.0.1.56"}}
    assert values["jupyterhub"]["proxy"]["service"]["annotations"] == {"metallb.io/loadBalancerIPs": "10.0.1.55"}
    assert not binder.is_hub and set(values) == {"service", "imageBuilderType", "registry", "config", "jupyterhub"}


def test_the_documented_binderhub_builds_without_docker_on_nodes():
    """What is built reaches a node's containerd through a registry alone."""
    values = yaml.safe_load(binderhub())["services"]["binder"]["values"]
    assert values["imageBuilderType"] == "dind" and values["config"]["BinderHub"]["use_registry"]
    assert values["config"]["BinderHub"]["image_prefix"].startswith(f"{values['registry']['url'].removeprefix('https://')}/")


def binderhub() -> str:
    return (PROJECT / "docs/hub.md").read_text().partition("### BinderHub")[2].partition("```yaml\n")[2].partition("```")[0]
