"""The lab's hub chart, rendered and refused by the Helm that the lab's forge has built."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from lab.forge import charts, helm
from lab.forge.store import Store
from lab.places import forge_cache

SECRETS = {
    "proxy": {"secretToken": "token"},
    "hub": {"config": {"JupyterHub": {"cookie_secret": "aa" * 32}, "CryptKeeper": {"keys": ["bb" * 32]}}},
}
HTTPS = {
    "hosts": ["jupyter.flock.example"],
    "letsencrypt": {"contactEmail": "root@flock.example"},
    "secret": {"name": "certificate"},
    "manual": {"key": "key", "cert": "cert"},
}


@pytest.fixture(scope="module")
def program() -> Path:
    return Store(forge_cache()).folder(helm.programs) / "bin/helm"


@pytest.fixture(scope="module")
def chart(tmp_path_factory) -> Path:
    """The chart as it is published."""
    about, archive = charts.pack(charts.CHART)
    path = tmp_path_factory.mktemp("charts") / f"{about['name']}.tgz"
    path.write_bytes(archive)
    return path


@pytest.fixture
def render(program, chart, tmp_path):
    """Values in, objects out by (kind, name); CalledProcessError if Helm refuses."""

    def run(*layers: dict) -> dict[tuple[str, str], dict]:
        files = []
        for number, values in enumerate(layers):
            file = tmp_path / f"{number}.yaml"
            file.write_text(json.dumps(values))
            files += ["--values", str(file)]
        said = subprocess.run(
            [program, "template", "hub", chart, "--namespace", "jhub", *files],
            check=True,
            text=True,
            capture_output=True,
            env={"HOME": str(tmp_path), "PATH": ""},
        ).stdout
        return {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(said) if each}

    return run


def pod(objects: dict, name: str) -> dict:
    return objects["Deployment", name]["spec"]["template"]


def test_helm_finds_nothing_amiss(program, chart, tmp_path):
    done = subprocess.run(
        [program, "lint", "--strict", chart],
        text=True,
        capture_output=True,
        env={"HOME": str(tmp_path), "PATH": ""},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hub": {"templatePath": ["/x"]}}, "at '/hub': additional properties 'templatePath' not allowed"),
        ({"hubb": {}}, "additional properties 'hubb' not allowed"),
        (
            {"singleuser": {"storage": {"homeMountPath": 5}}},
            "at '/singleuser/storage/homeMountPath': got number, want string",
        ),
        (
            {"singleuser": {"memory": {"limits": "1G"}}},
            "at '/singleuser/memory': additional properties 'limits' not allowed",
        ),
        ({"singleuser": {"profileList": "big"}}, "at '/singleuser/profileList': got string, want array"),
        (
            {"hub": {"config": {"jupyterHub": {}}}},
            "at '/hub/config': additional properties 'jupyterHub' not allowed",
        ),
        ({"hub": {"concurrentSpawnLimit": "many"}}, "at '/hub/concurrentSpawnLimit': got string"),
        ({"hub": {"extraFiles": {"a": {"mountPath": "/a"}}}}, "at '/hub/extraFiles/a'"),
        ({"proxy": {"https": {"type": "acme"}}}, "at '/proxy/https/type': value must be one of"),
        ({"proxy": {"https": {"enabled": True}}}, "proxy.https.hosts names nothing"),
        ({"proxy": {"https": {"enabled": True, "type": "secret"}}}, "proxy.https.secret.name is missing"),
    ],
)
def test_what_is_wrong_is_refused_by_its_place(render, values, message):
    with pytest.raises(subprocess.CalledProcessError) as refused:
        render(values)
    assert message in refused.value.stderr


def test_maps_that_belong_to_others_stay_open(render):
    render(
        {
            "hub": {
                "config": {"AnyClass": {"any_trait": 1}},
                "extraEnv": {"ANY": "x"},
                "extraPodSpec": {"any": {}},
                "services": {"any": {"url": "http://any"}},
                "loadRoles": {"any": {"scopes": []}},
            },
            "singleuser": {"extraPodConfig": {"any": 1}, "nodeSelector": {"any/label": "x"}},
            "custom": {"any": {"thing": 1}},
        }
    )


def test_the_same_values_make_the_same_objects(render):
    assert render(SECRETS) == render(SECRETS)


def test_without_secrets_the_next_upgrade_would_restart_hub_and_proxy(render):
    """As with the jupyterhub chart: that is why they are given."""
    first, second = render({}), render({})
    assert pod(first, "hub")["metadata"]["annotations"] != pod(second, "hub")["metadata"]["annotations"]
    assert pod(first, "proxy")["metadata"]["annotations"] != pod(second, "proxy")["metadata"]["annotations"]


@pytest.mark.parametrize(
    ("change", "restarted"),
    [
        ({"proxy": {"service": {"annotations": {"metallb.io/loadBalancerIPs": "10.0.1.54"}}}}, set()),
        ({"hub": {"networkPolicy": {"allowedIngressPorts": [8081]}}}, set()),
        ({"singleuser": {"defaultUrl": "/lab"}}, {"hub"}),
        ({"hub": {"extraFiles": {"logo": {"mountPath": "/logo", "stringData": "new"}}}}, {"hub"}),
        ({"hub": {"services": {"grader": {"apiToken": "new"}}}}, {"hub"}),
        ({"proxy": {"secretToken": "new"}}, {"hub", "proxy"}),
    ],
)
def test_a_change_restarts_whom_it_concerns(render, change, restarted):
    before, after = render(SECRETS), render(SECRETS, change)
    assert {name for name in ("hub", "proxy") if pod(before, name) != pod(after, name)} == restarted


def test_the_hub_may_not_be_root(render):
    spec = pod(
        render({"hub": {"initContainers": [{"name": "pages", "image": "docker.io/alpine/git:2.47.3"}]}}),
        "hub",
    )["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert "securityContext" not in spec["initContainers"][0], (
        "an init container that is root is refused by the kubelet"
    )
    assert spec["containers"][0]["securityContext"]["runAsUser"] == 1000


@pytest.mark.parametrize(
    ("https", "selected", "ports", "certificate"),
    [
        ({"enabled": False}, "proxy", {"http": "http"}, None),
        ({"enabled": True, "type": "offload"}, "proxy", {"http": "http", "https": "http"}, None),
        ({"enabled": True, "type": "secret"}, "proxy", {"http": "http", "https": "https"}, "certificate"),
        (
            {"enabled": True, "type": "manual"},
            "proxy",
            {"http": "http", "https": "https"},
            "proxy-public-manual-tls",
        ),
        ({"enabled": True, "type": "letsencrypt"}, "autohttps", {"http": "http", "https": "https"}, None),
    ],
)
def test_the_certificate_has_exactly_one_owner(render, https, selected, ports, certificate):
    objects = render({"proxy": {"https": {**HTTPS, **https}}})
    service = objects["Service", "proxy-public"]["spec"]
    assert service["selector"]["component"] == selected
    assert {port["name"]: port["targetPort"] for port in service["ports"]} == ports
    volumes = pod(objects, "proxy")["spec"].get("volumes", [])
    assert [volume["secret"]["secretName"] for volume in volumes] == ([certificate] if certificate else [])
    assert (("Deployment", "autohttps") in objects) == (selected == "autohttps")


def test_a_users_pod_reaches_hub_proxy_names_and_the_internet_alone(render):
    egress = render({})["NetworkPolicy", "singleuser"]["spec"]["egress"]
    private = [{"ipBlock": {"cidr": cidr}} for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
    inside = [rule for rule in egress if rule["to"] == private]
    assert [port["port"] for rule in inside for port in rule["ports"]] == [53, 53]
    pods = {
        to["podSelector"]["matchLabels"]["component"]
        for rule in egress
        for to in rule["to"]
        if "podSelector" in to
    }
    assert pods == {"hub", "proxy", "autohttps"}
    outside = [
        to["ipBlock"] for rule in egress if "ports" not in rule for to in rule["to"] if "ipBlock" in to
    ]
    assert outside == [
        {
            "cidr": "0.0.0.0/0",
            "except": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.169.254/32"],
        }
    ]


def test_pullers_fetch_every_image_once(render):
    profiles = [
        {"display_name": "Big", "kubespawner_override": {"mem_limit": "2G"}},
        {"display_name": "marimo", "kubespawner_override": {"image": "images.flock.example/marimo:1"}},
        {
            "display_name": "Choice",
            "profile_options": {
                "image": {
                    "choices": {
                        "one": {"display_name": "1", "kubespawner_override": {"image": "a:1"}},
                        "same": {
                            "display_name": "2",
                            "kubespawner_override": {"image": "images.flock.example/marimo:1"},
                        },
                    }
                }
            },
        },
    ]
    objects = render({"singleuser": {"profileList": profiles, "cloudMetadata": {"blockWithIptables": False}}})
    for name in ("hook-image-puller", "continuous-image-puller"):
        spec = objects["DaemonSet", name]["spec"]["template"]["spec"]
        assert [each["image"] for each in spec["initContainers"]] == [
            "quay.io/jupyterhub/k8s-singleuser-sample:4.4.0",
            "images.flock.example/marimo:1",
            "a:1",
        ]


def test_pullers_can_be_left_out(render):
    objects = render({"prePuller": {"hook": {"enabled": False}, "continuous": {"enabled": False}}})
    assert not [name for kind, name in objects if kind in ("DaemonSet", "Job")]
