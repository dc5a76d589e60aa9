"""The same tasks from rooster itself, with the project checked out there; Debian 13 has all its Python packages."""

import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PACKAGES = "fabric invoke jinja2 jsonschema pydantic rich tomli-w yaml"


@pytest.fixture(scope="module")
def from_rooster(bootstrapped, lab, inside):
    """Types a command on rooster, in the project's folder there."""
    inside("rooster", "DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "
           + " ".join(f"python3-{package}" for package in PACKAGES.split()))
    inside("rooster", "mkdir -p /opt/coop/rack")
    files = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, check=True).stdout
    copy = subprocess.run(["tar", "-c", "-T", "-"], cwd=PROJECT, input=files, capture_output=True, check=True).stdout
    box = Path(f"/proc/{lab.status()['rooster'].pid}/root")
    subprocess.run(["tar", "-x", "-C", str(box / "opt/coop")], input=copy, check=True)
    subprocess.run(["cp", "-a", f"{lab.rack}/.", str(box / "opt/coop/rack")], check=True)
    subprocess.run(["cp", "-a", str(lab.places.key), str(box / "root/operator_key")], check=True)
    # what `pip install --editable` would leave there, which rooster has no pip for
    inside("rooster", "cd /opt/coop && python3 -m venv --system-site-packages --without-pip .venv && cd .venv/lib/python3*/site-packages"
           " && echo /opt/coop >_coop_rack.pth && cp /opt/coop/coop_guard.pth .")
    inside("rooster", "sed -i '/proxy_command/d; s#identity_file:.*#identity_file: /root/operator_key#' /opt/coop/rack/hosts.yaml")
    module = {"inv": "invoke", "fab": "fabric"}

    def types(command: str) -> str:
        program, _, words = command.partition(" ")
        return inside("rooster", f"cd /opt/coop && COOP_RACK=/opt/coop/rack .venv/bin/python -m {module[program]} {words} 2>&1")

    yield types
    inside("rooster", "rm -rf /opt/coop /root/operator_key")


def test_nothing_differs_seen_from_rooster(from_rooster):
    assert "no changes" in from_rooster("inv cluster.bootstrap")


def test_a_drift_is_mended_from_rooster(from_rooster, inside):
    inside("chick1", "rm /etc/crictl.yaml")
    assert "The plan made afterwards is empty." in from_rooster("inv cluster.bootstrap")
    assert "runtime-endpoint" in inside("chick1", "cat /etc/crictl.yaml")


def test_fab_from_rooster(from_rooster):
    assert "load average" in from_rooster("fab -H chick2 -- uptime")
