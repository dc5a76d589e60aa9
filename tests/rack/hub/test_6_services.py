"""Beside the hub: any other chart, and one more hub, each by an entry in configs/services.yaml."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import yaml

from lab.forge import helm3
from lab.forge.order import make
from lab.places import forge_cache
from tests.rack.hub.conftest import NAME, PUBLIC

NOTICE, STAGING, STAGINGS_PUBLIC = "notice.flock.example", "staging.flock.example", "128.120.136.55"
# one name more at the hub's public address, and one at an address of its own
ROWS = f"""
  {NOTICE}: {{address: 10.0.1.55, public: {PUBLIC}, ports: [80]}}
  {STAGING}: {{address: 10.0.1.32, public: {STAGINGS_PUBLIC}, ports: [443]}}
"""
SERVICES = f"""
services:
  notice:
    chart: {{name: lab-notice, version: 1.0.0, repository: "https://charts.flock.example/"}}
    publish: {NOTICE}
    service: service
    values: {{text: Open until ten.}}
  staging:
    hub: true
    chart: {{name: lab-hub, version: 4.4.0-lab.1, repository: "https://charts.flock.example/"}}
    publish: {STAGING}
    values:
      hub:
        db: {{pvc: {{storageClassName: local}}}}    # as it was made: no claim changes its class
        config:
          JupyterHub: {{authenticator_class: dummy}}
          Authenticator: {{allowed_users: [tester]}}
        resources: {{requests: {{cpu: 10m, memory: 128Mi}}}}
        templateVars: {{announcement: This is staging.}}
      proxy:
        https: {{enabled: true, type: manual}}
        chp: {{resources: {{requests: {{cpu: 10m, memory: 64Mi}}}}}}
      singleuser:
        memory: {{guarantee: 128M, limit: 1G}}
        storage: {{type: none}}
      prePuller: {{hook: {{enabled: false}}, continuous: {{enabled: false}}}}
"""


@pytest.fixture(scope="module")
def services(hub, operator, inside, tmp_path_factory):
    """The rack with two services more, published; services.yaml's path. Nothing of it is left afterwards."""
    configs = hub.rack / "configs"
    files = {name: (configs / name).read_text() for name in ("network.yaml", "secrets.yaml")}
    (configs / "network.yaml").write_text(files["network.yaml"].rstrip("\n") + ROWS)
    (configs / "services.yaml").write_text(SERVICES)
    secrets = yaml.safe_load(files["secrets.yaml"])
    secrets["staging"] = {"proxy": {"https": {"manual": certificate(tmp_path_factory.mktemp("certificate"))}}}
    (configs / "secrets.yaml").write_text(yaml.safe_dump(secrets))
    operator.inv("gateway.publish", code=3)  # nobody answers to the new names yet
    yield configs / "services.yaml"
    (configs / "services.yaml").unlink()
    for name, text in files.items():
        (configs / name).write_text(text)
    for name in ("notice", "staging"):
        inside("rooster", f"export KUBECONFIG=/home/spicy/.kube/config; helm uninstall {name} -n {name}; "
               f"kubectl delete namespace {name} --ignore-not-found", check=False)
    operator.inv("gateway.publish", "--yes")


def certificate(folder) -> dict[str, str]:
    """A key and a certificate, as somebody's own authority would give them."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                    "-nodes", "-keyout", folder / "key", "-out", folder / "cert", "-days", "30",
                    "-subj", "/CN=Given by hand", "-addext", f"subjectAltName=DNS:{STAGING}"],
                   check=True, capture_output=True)
    return {"key": (folder / "key").read_text(), "cert": (folder / "cert").read_text()}


def change(file, old: str, new: str) -> None:
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))


def test_any_chart_is_brought_out(services, operator, page):
    assert "release notice" in operator.inv("service.upgrade", "notice", "--dry", code=3).said
    operator.inv("service.upgrade", "notice")
    assert page("/", port=80, name=NOTICE) == "Open until ten."
    assert operator.inv("service.upgrade", "notice", "--json").data["changes"] == 0
    change(services, "Open until ten.", "Open until nine.")
    operator.inv("service.upgrade", "notice")
    assert page("/", port=80, name=NOTICE) == "Open until nine."
    assert "notice/notice" in operator.inv("service.list").said


def test_its_values_are_checked_and_what_breaks_is_rolled_back(services, operator, page):
    good = services.read_text()
    try:
        change(services, "{text: Open until nine.}", "{text: Closed., replicas: two}")
        said = operator.inv("service.upgrade", "notice", code=2).said
        assert said.startswith("configs/services.yaml:7: services.notice.values.replicas: a string found where")
        change(services, "replicas: two", 'image: "registry.k8s.io/pause:3.10.2"')
        assert "is back, and ready" in operator.inv("service.upgrade", "notice", code=1).said
    finally:
        services.write_text(good)
    assert page("/", port=80, name=NOTICE) == "Open until nine."


@pytest.fixture
def helm_3(hub) -> str:
    """Where rooster finds a program that no rack is given: helm 3, built for this alone."""
    store = make(helm3.programs, forge_cache(), lambda event: print(event.part, event.state))
    folder = hub.places.shared / "helm-3"    # what it makes bears the program's name: helm
    folder.mkdir(exist_ok=True)
    shutil.copy(store.folder(helm3.programs) / "bin/helm", folder)
    return "/srv/shared/helm-3/helm"


def test_one_more_hub_that_somebody_made_with_helm_3(services, helm_3, operator, inside, page, world):
    """It is taken over with its secrets, so that nobody is logged out; then it is as any: verified, exact."""
    values = yaml.safe_load(SERVICES)["services"]["staging"]["values"]
    values["proxy"] |= {"https": {"enabled": False}, "service": {"type": "ClusterIP"}}
    kubectl = "kubectl --kubeconfig /home/spicy/.kube/config -n staging"
    cookie = f"{kubectl} get secret hub -o jsonpath='{{.data.hub\\.config\\.JupyterHub\\.cookie_secret}}'"
    inside("rooster", f"{helm_3} --kubeconfig /home/spicy/.kube/config install staging lab-hub -n staging "
           "--repo https://charts.flock.example/ --version 4.4.0-lab.1 --create-namespace --wait "
           f"--timeout 240s -f - <<'VALUES'\n{yaml.safe_dump(values)}\nVALUES")
    before = inside("rooster", cookie)

    operator.inv("service.upgrade", "staging")
    assert len(before) > 40 and inside("rooster", cookie) == before
    assert "This is staging." in page("/hub/login", name=STAGING, public=STAGINGS_PUBLIC)
    _, said = world("sh", "-c", f"openssl s_client -connect {STAGINGS_PUBLIC}:443 -servername {STAGING} "
                    "</dev/null 2>/dev/null | openssl x509 -noout -subject")
    assert "Given by hand" in said
    assert "Flock" in page("/hub/login") and "This is staging." not in page("/hub/login")
    assert world("curl", "-ksS", "--max-time", "10", "--resolve", f"{NAME}:443:{STAGINGS_PUBLIC}",
                 f"https://{NAME}/")[0] == 35, "the first hub's name leads nowhere at the second's address"
    operator.inv("hub.status", "--hub", "staging")
    assert "tester" in operator.inv("hub.user.list", "--hub", "staging").said
    assert operator.inv("service.upgrade", "staging", "--json").data["changes"] == 0
    assert operator.inv("gateway.publish").said.count(" 10.0.1.") == 3
