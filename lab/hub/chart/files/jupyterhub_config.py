"""From the chart's values to JupyterHub's own configuration. The hub's pod runs this file at each start.

It reads /usr/local/etc/jupyterhub/secret/: values.yaml, and one file a secret.
"""

import sys
from pathlib import Path

import yaml
from jupyterhub.utils import url_path_join
from tornado.httpclient import AsyncHTTPClient

c = get_config()  # noqa: F821  JupyterHub gives it to this file

SECRET = Path(__file__).resolve().parent / "secret"
values = yaml.safe_load((SECRET / "values.yaml").read_text())
hub, user, cull = values["hub"], values["singleuser"], values["cull"]


def secret(name: str) -> str | None:
    """A secret of the Secret "hub", or None where the values give none."""
    file = SECRET / name
    return file.read_text() if file.exists() else None


def give(traits, **settings) -> None:
    """Sets what the values say, and leaves alone what they leave to the program (null)."""
    for name, value in settings.items():
        if value is not None:
            setattr(traits, name, value)


def as_list(items) -> list:
    """Volumes and their like come as a list, or as a map, so that one file of values can add to another's."""
    return list(items.values()) if isinstance(items, dict) else list(items or [])


# -- the hub -----------------------------------------------------------------------------------------------
# libcurl carries many requests to the proxy at once; it is there only if the image has pycurl
AsyncHTTPClient.configure("tornado.curl_httpclient.CurlAsyncHTTPClient")
c.JupyterHub.hub_bind_url = "http://:8081"
c.JupyterHub.hub_connect_url = "http://hub:8081"
c.JupyterHub.cleanup_servers = False  # servers outlive the hub: an upgrade stops nobody's work
c.JupyterHub.last_activity_interval = 60
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}  # a spawn is answered at once, by the page that waits
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = "http://proxy-api:8001"
give(
    c.JupyterHub,
    base_url=hub["baseUrl"],
    template_paths=hub.get("templatePaths"),
    template_vars=hub.get("templateVars"),
    allow_named_servers=hub.get("allowNamedServers"),
    named_server_limit_per_user=hub.get("namedServerLimitPerUser"),
    active_server_limit=hub.get("activeServerLimit"),
    concurrent_spawn_limit=hub.get("concurrentSpawnLimit"),
    authenticate_prometheus=hub.get("authenticatePrometheus"),
    redirect_to_server=hub.get("redirectToServer"),
    shutdown_on_logout=hub.get("shutdownOnLogout"),
)
database = {"sqlite-pvc": "sqlite:///jupyterhub.sqlite", "sqlite-memory": "sqlite://"}
give(c.JupyterHub, db_url=database.get(hub["db"]["type"], hub["db"].get("url")))
if password := secret("hub.db.password"):
    import os

    os.environ["PGPASSWORD"] = password

# -- the users' servers ------------------------------------------------------------------------------------
c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
spawner = c.KubeSpawner
spawner.namespace = values["Release"]["Namespace"]
spawner.common_labels = {
    "app": "jupyterhub",
    "release": values["Release"]["Name"],
    "app.kubernetes.io/name": "jupyterhub",
    "app.kubernetes.io/managed-by": "kubespawner",
}
spawner.image = "{name}:{tag}".format(**user["image"])
spawner.allow_privilege_escalation = user.get("allowPrivilegeEscalation")
give(
    c.Spawner,
    default_url=user.get("defaultUrl"),
    consecutive_failure_limit=hub.get("consecutiveFailureLimit"),
)
if "cmd" in user:
    c.Spawner.cmd = user["cmd"]
give(
    spawner,
    image_pull_policy=user["image"].get("pullPolicy"),
    image_pull_secrets=[
        item["name"] for item in (values.get("imagePullSecrets") or {}).get("imagePullSecrets", [])
    ]
    or None,
    pod_name_template=user.get("podNameTemplate"),
    start_timeout=user.get("startTimeout"),
    uid=user.get("uid"),
    fs_gid=user.get("fsGid"),
    service_account=user.get("serviceAccountName"),
    events_enabled=user.get("events"),
    extra_labels=user.get("extraLabels"),
    extra_annotations=user.get("extraAnnotations"),
    environment=user.get("extraEnv"),
    lifecycle_hooks=user.get("lifecycleHooks"),
    extra_containers=user.get("extraContainers"),
    extra_pod_config=user.get("extraPodConfig"),
    node_selector=user.get("nodeSelector"),
    cpu_limit=user["cpu"].get("limit"),
    cpu_guarantee=user["cpu"].get("guarantee"),
    mem_limit=user["memory"].get("limit"),
    mem_guarantee=user["memory"].get("guarantee"),
    extra_resource_limits=user["extraResource"].get("limits"),
    extra_resource_guarantees=user["extraResource"].get("guarantees"),
    profile_list=user.get("profileList") or None,
)
spawner.init_containers = list(user.get("initContainers") or [])
if user["cloudMetadata"]["blockWithIptables"]:
    spawner.init_containers.append(
        {
            "name": "block-cloud-metadata",
            "image": "{name}:{tag}".format(**user["networkTools"]["image"]),
            "command": [
                "iptables",
                "-A",
                "OUTPUT",
                "-p",
                "tcp",
                "-d",
                user["cloudMetadata"]["ip"],
                "--dport",
                "80",
                "-j",
                "DROP",
            ],
            "securityContext": {"privileged": True, "runAsUser": 0, "runAsNonRoot": False},
        }
    )

# where they run
placement = values["scheduling"]["userPods"]
spawner.tolerations = as_list(placement.get("tolerations")) + as_list(user.get("extraTolerations"))
required = list(user["extraNodeAffinity"].get("required") or [])
preferred = list(user["extraNodeAffinity"].get("preferred") or [])
user_nodes = {
    "matchExpressions": [{"key": "hub.jupyter.org/node-purpose", "operator": "In", "values": ["user"]}]
}
match placement["nodeAffinity"]["matchNodePurpose"]:
    case "require":
        required.append(user_nodes)
    case "prefer":
        preferred.append({"weight": 100, "preference": user_nodes})
spawner.node_affinity_required, spawner.node_affinity_preferred = required, preferred
if values["scheduling"]["userScheduler"]["enabled"]:
    spawner.scheduler_name = "user-scheduler"

# where their files are
storage = user["storage"]
volumes, mounts = [], []
if storage["type"] == "dynamic":
    dynamic = storage["dynamic"]
    spawner.storage_pvc_ensure = True
    give(
        spawner,
        storage_class=dynamic.get("storageClass"),
        storage_access_modes=dynamic.get("storageAccessModes"),
        storage_capacity=storage.get("capacity"),
        storage_extra_labels=storage.get("extraLabels"),
        pvc_name_template=dynamic.get("pvcNameTemplate"),
    )
    name = dynamic["volumeNameTemplate"]
    volumes.append({"name": name, "persistentVolumeClaim": {"claimName": "{pvc_name}"}})
    mounts.append({"name": name, "mountPath": storage["homeMountPath"], "subPath": dynamic.get("subPath")})
elif storage["type"] == "static":
    volumes.append({"name": "home", "persistentVolumeClaim": {"claimName": storage["static"]["pvcName"]}})
    mounts.append(
        {"name": "home", "mountPath": storage["homeMountPath"], "subPath": storage["static"].get("subPath")}
    )
if files := user.get("extraFiles"):
    modes = {key: {"mode": file["mode"]} if "mode" in file else {} for key, file in files.items()}
    items = [{"key": key, "path": key} | mode for key, mode in modes.items()]
    volumes.append({"name": "files", "secret": {"secretName": "singleuser", "items": items}})
    mounts += [{"name": "files", "mountPath": file["mountPath"], "subPath": key} for key, file in files.items()]
spawner.volumes = volumes + as_list(storage.get("extraVolumes"))
spawner.volume_mounts = [
    {key: value for key, value in mount.items() if value is not None} for mount in mounts
]
spawner.volume_mounts += as_list(storage.get("extraVolumeMounts"))

# -- services and roles ------------------------------------------------------------------------------------
c.JupyterHub.services, c.JupyterHub.load_roles = [], []
if cull["enabled"]:
    flags = {
        "--timeout": cull.get("timeout"),
        "--cull-every": cull.get("every"),
        "--concurrency": cull.get("concurrency"),
        "--max-age": cull.get("maxAge"),
        "--cull-users": cull.get("users"),
        "--cull-admin-users": str(cull.get("adminUsers") is not False).lower(),
        "--remove-named-servers": cull.get("removeNamedServers"),
    }
    c.JupyterHub.services.append(
        {
            "name": "jupyterhub-idle-culler",
            "command": [
                "python3",
                "-m",
                "jupyterhub_idle_culler",
                "--url=" + "http://localhost:8081" + url_path_join(hub["baseUrl"], "hub/api"),
                *(flag if value is True else f"{flag}={value}" for flag, value in flags.items() if value),
            ],
        }
    )
    c.JupyterHub.load_roles.append(
        {
            "name": "jupyterhub-idle-culler",
            "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"]
            + ["admin:users"] * bool(cull.get("users")),
            "services": ["jupyterhub-idle-culler"],
        }
    )
for name, service in (hub.get("services") or {}).items():
    c.JupyterHub.services.append(
        {"name": name, **service, "api_token": secret(f"hub.services.{name}.apiToken")}
    )
for name, role in (hub.get("loadRoles") or {}).items():
    c.JupyterHub.load_roles.append({"name": name, **role})

# -- secrets, and what the operator wrote ------------------------------------------------------------------
c.JupyterHub.cookie_secret = secret("hub.config.JupyterHub.cookie_secret")
c.CryptKeeper.keys = secret("hub.config.CryptKeeper.keys").split(";")
if values["debug"]["enabled"]:
    c.JupyterHub.log_level, c.Spawner.debug = "DEBUG", True
for traits, settings in (hub.get("config") or {}).items():
    if not traits[:1].isupper():
        sys.exit(f"hub.config.{traits}: a class of JupyterHub begins with a capital letter")
    c[traits].update(settings or {})
for name, code in sorted((hub.get("extraConfig") or {}).items()):
    exec(compile(code, f"hub.extraConfig.{name}", "exec"))
