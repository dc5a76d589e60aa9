"""What JupyterHub makes of the chart's values: the real one, of the forge's images, reads what Helm renders."""

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from fabfile.upstream.profiles import profile_values
from lab.forge import charts, helm
from lab.forge.jupyter import packages as jupyter
from lab.forge.jupyter.wheels import PACKAGES
from lab.forge.root import machine_root
from lab.forge.store import Store
from lab.places import forge_cache

STORE = Store(forge_cache())


def hub_python() -> tuple[list[str], dict[str, str]]:
    """The hub image's Python as a command of this computer, and the environment in which it finds the hub."""
    roots = [STORE.folder(part) / "root" for part in (machine_root, jupyter.layer)]
    libraries = [root / "usr/lib/x86_64-linux-gnu" for root in roots]
    loader = libraries[0] / "ld-linux-x86-64.so.2"
    python = next(root / "usr/bin/python3.13" for root in roots if (root / "usr/bin/python3.13").exists())
    trees = STORE.folder(jupyter.packages)
    path = [trees / "python" / jupyter.STDLIB, trees / "python" / jupyter.STDLIB / "lib-dynload"]
    path += [trees / name / PACKAGES for name in ("shared", "hub")]
    return [str(loader), "--library-path", ":".join(map(str, libraries)), str(python)], {
        "PYTHONHOME": "/nonexistent",
        "PYTHONPATH": ":".join(map(str, path)),
        "CONFIGPROXY_AUTH_TOKEN": "token",
        "PATH": os.environ["PATH"],
    }


@pytest.fixture
def read(tmp_path):
    """Values in; JupyterHub's configuration out, by class; Refused if it refuses."""

    def run(values: dict) -> dict[str, dict]:
        _, archive = charts.pack(charts.CHART)
        (tmp_path / "chart.tgz").write_bytes(archive)
        (tmp_path / "values.yaml").write_text(json.dumps(values))
        rendered = subprocess.run(
            [
                STORE.folder(helm.programs) / "bin/helm",
                "template",
                "hub",
                "chart.tgz",
                "-n",
                "jhub",
                "-f",
                "values.yaml",
            ],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
            env={"HOME": str(tmp_path), "PATH": ""},
        ).stdout
        objects = {
            (each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(rendered) if each
        }
        (tmp_path / "secret").mkdir()
        for name, content in objects["Secret", "hub"]["data"].items():
            (tmp_path / "secret" / name).write_bytes(base64.b64decode(content))
        for name, content in objects["ConfigMap", "hub"]["data"].items():
            (tmp_path / name).write_text(content)
        return show_config(tmp_path)

    return run


class Refused(Exception):
    """What JupyterHub said."""


def show_config(folder: Path) -> dict[str, dict]:
    python, environment = hub_python()
    done = subprocess.run(
        [*python, "-m", "jupyterhub", "--config", folder / "jupyterhub_config.py", "--show-config-json"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise Refused(done.stderr)
    return json.loads(done.stdout[done.stdout.index("{") :])


def test_what_holds_when_nothing_is_said(read):
    config = read({})
    assert config["JupyterHub"]["tornado_settings"] == {"slow_spawn_timeout": 0}
    assert config["JupyterHub"]["cleanup_servers"] is False
    assert config["KubeSpawner"]["image"] == "quay.io/jupyterhub/k8s-singleuser-sample:4.4.0"
    assert config["KubeSpawner"]["mem_guarantee"] == "1G"
    assert [each["name"] for each in config["JupyterHub"]["services"]] == ["jupyterhub-idle-culler"]
    assert config["KubeSpawner"]["init_containers"][0]["name"] == "block-cloud-metadata"


def test_what_the_rack_says_comes_through(read):
    config = read(
        {
            "hub": {
                "config": {
                    "JupyterHub": {"authenticator_class": "nativeauthenticator.NativeAuthenticator"},
                    "Authenticator": {"admin_users": ["gale"], "allowed_users": ["ada"]},
                    "CryptKeeper": {"keys": ["aa" * 32, "bb" * 32]},
                    "KubeSpawner": {"slug_scheme": "escape"},
                },
                "extraConfig": {
                    "20-second": "c.JupyterHub.template_vars['order'] += ' then this'",
                    "10-first": "c.JupyterHub.template_vars['order'] = 'this'",
                },
                "templatePaths": ["/etc/jupyterhub/templates"],
                "templateVars": {"hub_name": "Flock"},
                "services": {"coop": {"apiToken": "token-of-coop", "display": False}},
                "loadRoles": {"coop": {"services": ["coop"], "scopes": ["admin:users"]}},
                "db": {"type": "other", "url": "sqlite:///other.sqlite"},
            },
            "singleuser": {
                "defaultUrl": "/lab",
                "cpu": {"limit": 2, "guarantee": 0.1},
                "storage": {
                    "capacity": "100Mi",
                    "dynamic": {"storageClass": "homes", "storageAccessModes": ["ReadWriteMany"]},
                    "extraVolumes": [{"name": "data", "emptyDir": {}}],
                    "extraVolumeMounts": [{"name": "data", "mountPath": "/data"}],
                },
                "cloudMetadata": {"blockWithIptables": False},
                "profileList": [
                    {"display_name": "Big", "slug": "big", "kubespawner_override": {"mem_limit": "2G"}}
                ],
            },
            "scheduling": {"userPods": {"nodeAffinity": {"matchNodePurpose": "require"}}},
            "imagePullSecrets": [{"name": "registry"}],
            "cull": {"timeout": 1800, "users": True},
        }
    )
    hub, spawner = config["JupyterHub"], config["KubeSpawner"]
    assert hub["authenticator_class"] == "nativeauthenticator.NativeAuthenticator"
    assert hub["template_vars"] == {"hub_name": "Flock", "order": "this then this"}
    assert hub["db_url"] == "sqlite:///other.sqlite"
    culler, service = hub["services"]
    assert {"--timeout=1800", "--cull-users"} <= set(culler["command"])
    assert service == {"name": "coop", "api_token": "token-of-coop", "display": False}
    assert [role["name"] for role in hub["load_roles"]] == ["jupyterhub-idle-culler", "coop"]
    assert config["CryptKeeper"]["keys"] == ["aa" * 32, "bb" * 32]
    assert spawner["slug_scheme"] == "escape"
    assert spawner["storage_class"] == "homes"
    assert [volume["name"] for volume in spawner["volumes"]] == ["volume-{user_server}", "data"]
    assert spawner["volume_mounts"][0] == {"name": "volume-{user_server}", "mountPath": "/home/jovyan"}
    assert spawner["image_pull_secrets"] == ["registry"]
    assert spawner["profile_list"][0]["slug"] == "big"
    assert spawner["node_affinity_required"][0]["matchExpressions"][0]["values"] == ["user"]
    assert spawner["init_containers"] == []
    assert config["Spawner"]["default_url"] == "/lab"


ASKED = """
import asyncio, json, sys
from types import SimpleNamespace
from kubespawner import KubeSpawner
from traitlets.config.loader import PyFileConfigLoader

async def asked(groups, profile):
    config = PyFileConfigLoader("jupyterhub_config.py", path=".").load_config()
    user = SimpleNamespace(name="ada", id=1, url="/user/ada", groups=[SimpleNamespace(name=one) for one in groups])
    spawner = KubeSpawner(config=config, _mock=True, user=user)
    page = await spawner.get_options_form()
    spawner.user_options = {"profile": profile} if profile else {}
    try:
        await spawner.load_user_options()
        started = spawner.extra_resource_limits
    except ValueError as refused:
        started = str(refused)
    return "With a GPU" in page, started

print(json.dumps([asyncio.run(asked(*one)) for one in json.loads(sys.argv[1])]))
"""


def test_a_profile_of_a_group_is_seen_and_started_by_its_members_alone(read, tmp_path):
    values = profile_values({"gpu": ("gpu-users", "staff")})
    values["singleuser"] = {"profileList": [
        {"display_name": "Default", "slug": "default", "default": True},
        {"display_name": "With a GPU", "slug": "gpu", "kubespawner_override": {"extra_resource_limits": {"nvidia.com/gpu": "1"}}},
    ]}
    read(values)
    (tmp_path / "asked.py").write_text(ASKED)
    (tmp_path / "kubeconfig").write_text(json.dumps({
        "current-context": "none", "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
        "clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:9"}}], "users": [{"name": "none", "user": {}}]}))
    python, environment = hub_python()
    users = [(["gpu-users"], "gpu"), (["staff", "students"], None), (["students"], "gpu"), ([], None)]
    said = subprocess.run([*python, tmp_path / "asked.py", json.dumps(users)], cwd=tmp_path, check=True, capture_output=True, text=True,
                          env=environment | {"KUBECONFIG": str(tmp_path / "kubeconfig")}).stdout
    assert json.loads(said) == [[True, {"nvidia.com/gpu": "1"}], [True, {}], [False, "No such profile: gpu. Options include: default"],
                                [False, {}]]


def test_code_that_fails_is_named(read):
    with pytest.raises(Refused, match=r"hub\.extraConfig\.handlers"):
        read({"hub": {"extraConfig": {"handlers": "c.JupyterHub.no_such_trait.append(undefined)"}}})
