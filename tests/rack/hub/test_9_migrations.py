"""A hub whose upgrade migrates its database, and fails: what comes back, and how soon.

Two JupyterHubs of the package index whose schemas differ: 4.1.6, whose image is built for this alone, and that of the
lab's own hub. The hub is one of services.yaml, so that the lab's own is not touched.
"""

from __future__ import annotations

import json
import shlex
import shutil
import time
from itertools import pairwise

import pytest
import yaml

from lab.forge.jupyter import former as former_image
from lab.forge.jupyter.images import CHART
from lab.forge.order import make
from lab.places import forge_cache
from tests.rack.conftest import wait_until

NAME, ADDRESS, PUBLIC = "former.flock.example", "10.0.1.32", "128.120.136.55"
OLD_IMAGE, NEW_IMAGE = f'tag: "{former_image.REFERENCE.rpartition(":")[2]}"', f'tag: "{CHART}"'
KUBECTL = "KUBECONFIG=/home/spicy/.kube/config kubectl -n former"
ROW = f"\n  {NAME}: {{address: {ADDRESS}, public: {PUBLIC}, ports: [80]}}\n"
SERVICES = f"""
services:
  former:
    hub: true
    chart: {{name: lab-hub, version: 4.4.0-lab.1, repository: "https://charts.flock.example/"}}
    publish: {NAME}
    canary: {{seconds: 120}}
    values:
      hub:
        image: {{{OLD_IMAGE}}}
        config:
          JupyterHub: {{authenticator_class: dummy}}
          Authenticator: {{allowed_users: [student]}}
        resources: {{requests: {{cpu: 10m, memory: 128Mi}}}}
      proxy:
        chp: {{resources: {{requests: {{cpu: 10m, memory: 64Mi}}}}}}
      singleuser:
        memory: {{guarantee: 128M, limit: 1G}}
        storage: {{type: none}}
      prePuller: {{hook: {{enabled: false}}, continuous: {{enabled: false}}}}
"""


class Hub:
    """The hub of this chapter: its file, and its API."""

    def __init__(self, file, secrets, inside):
        self.file, self._secrets, self._inside = file, secrets, inside

    def change(self, *pairs: tuple[str, str]) -> None:
        for old, new in pairs:
            assert old in self.file.read_text()
            self.file.write_text(self.file.read_text().replace(old, new, 1))

    def api(self, method: str, path: str, token: str = "", body: str = "{}"):
        """What the hub answers, as JSON; what it says where it is none."""
        token = token or yaml.safe_load(self._secrets.read_text())["former"]["hub"]["services"]["coop"]["apiToken"]
        said = self._inside("rooster", f"curl -sS --max-time 10 -H 'Authorization: token {token}' -H 'Host: {NAME}' "
                            f"-X {method} -d {shlex.quote(body)} http://{ADDRESS}/hub/api/{path}", check=False)
        try:
            return json.loads(said)
        except ValueError:
            return said

    @property
    def version(self) -> str:
        found = self.api("GET", "")
        return found["version"] if isinstance(found, dict) and "version" in found else ""

    @property
    def users(self) -> set[str]:
        return {user["name"] for user in self.api("GET", "users")} - {"coop-canary"}

    def server(self) -> str:
        """The uid of the student's pod."""
        return self._inside("rooster", f"{KUBECTL} get pod jupyter-student -o jsonpath='{{.metadata.uid}}'", check=False)

    @property
    def schema(self) -> str:
        code = "import sqlite3; print(*sqlite3.connect('jupyterhub.sqlite').execute('select * from alembic_version'))"
        return self._inside("rooster", f"{KUBECTL} exec deployment/hub -c hub -- python3 -c {shlex.quote(code)}").strip()


@pytest.fixture(scope="module")
def former(hub, operator, inside):
    """A hub of JupyterHub 4 with a user of its own, a token, and a server that runs. Nothing of it is left afterwards."""
    archive = make(former_image.image, forge_cache(), lambda event: print(event.part, event.state)).folder(
        former_image.image) / "image.tar"
    shutil.copy(archive, hub.places.shared / "former-hub.tar")
    for machine in ("chick1", "chick2"):
        inside(machine, "ctr -n k8s.io images import /srv/shared/former-hub.tar")
    configs = hub.rack / "configs"
    network = (configs / "network.yaml").read_text()
    try:
        (configs / "network.yaml").write_text(network.rstrip("\n") + ROW)
        (configs / "services.yaml").write_text(SERVICES)
        operator.inv("gateway.publish", "--yes", code=3)  # nobody answers to the new name yet
        operator.inv("hub.upgrade", "--hub", "former")
        one = Hub(configs / "services.yaml", configs / "secrets.yaml", inside)
        operator.inv("hub.user.add", "anna", "--hub", "former")
        one.token = one.api("POST", "users/student/tokens")["token"]
        one.api("POST", "users/student/server")
        wait_until("the student's server runs",
                   lambda: one.api("GET", "users/student")["servers"].get("", {}).get("ready"))
        yield one
    finally:
        (configs / "services.yaml").unlink()
        (configs / "network.yaml").write_text(network)
        (hub.places.shared / "former-hub.tar").unlink()
        inside("rooster", "export KUBECONFIG=/home/spicy/.kube/config; helm uninstall former -n former; "
               "kubectl delete namespace former --ignore-not-found; rm -rf /var/lib/coop/databases/former", check=False)
        for machine in ("chick1", "chick2"):  # a claim that is made again finds its files
            inside(machine, "rm -rf /var/lib/containerd/volumes/former")
        operator.inv("gateway.publish", "--yes")


def whole(hub: Hub, uid: str) -> None:
    """Everything that was there before is there: version, schema, users, a token, a server that runs."""
    assert hub.version == "4.1.6" and hub.schema == "('0eee8c825d24',)"
    assert hub.users >= {"student", "anna"}
    assert hub.api("GET", "user", hub.token)["name"] == "student", "a token of before is one no longer"
    assert hub.server() == uid, "the student's server went with it"
    assert hub.api("GET", "users/student")["servers"][""]["ready"], "the hub does not know the server that runs"


def test_a_migration_that_fails_goes_back_with_the_database(former, operator):
    uid = former.server()
    former.change((OLD_IMAGE, NEW_IMAGE), ("guarantee: 128M, limit: 1G", "guarantee: 500G, limit: 500G"))
    process, began, lines = operator.start("inv", "hub.upgrade", "--hub", "former"), time.monotonic(), []
    for line in process.stdout:
        lines.append((time.monotonic() - began, line.rstrip("\n")))
    said = "\n".join(f"{at:6.1f} {line}" for at, line in lines)
    print(said)
    assert process.wait() == 1
    assert "Insufficient memory" in said, "the scheduler's reason"
    turned = next(at for at, line in lines if "goes back from schema 4621fec11365 to 0eee8c825d24" in line)
    assert "is back, and ready" in said and lines[-1][0] - turned < 180
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(lines)]
    assert max(gaps) < 20, "nothing was said for long"
    whole(former, uid)


def test_a_rollback_after_it_brings_what_was_verified(former, operator):
    uid = former.server()
    said = operator.inv("hub.rollback", "--hub", "former").said
    assert "reads its schema, 0eee8c825d24" in said
    whole(former, uid)
    operator.inv("hub.status", "--hub", "former")


def test_a_rollback_over_a_migration_reports_what_is_lost_and_wants_consent(former, operator):
    uid = former.server()
    former.change(("guarantee: 500G, limit: 500G", "guarantee: 128M, limit: 1G"))
    operator.inv("hub.upgrade", "--hub", "former")
    assert former.version.startswith("5.") and former.users >= {"student", "anna"} and former.server() == uid
    operator.inv("hub.user.add", "later", "--hub", "former")
    refused = operator.inv("hub.rollback", "--hub", "former", code=1).said
    assert "1 users (later)" in refused and "not approved" in refused and former.version.startswith("5.")
    began = time.monotonic()
    operator.inv("hub.rollback", "--hub", "former", "--yes")
    print(f"back after {time.monotonic() - began:.0f} s")
    whole(former, uid)
    assert "later" not in former.users


def test_a_hub_that_crashes_for_its_database_is_copied_past_it_and_brought_back(former, operator, inside):
    uid = former.server()
    code = ("import sqlite3; b = sqlite3.connect('jupyterhub.sqlite'); "
            "b.execute(\\\"update alembic_version set version_num = 'ffff'\\\"); b.commit()")
    inside("rooster", f"{KUBECTL} exec deployment/hub -c hub -- python3 -c \"{code}\"")
    inside("rooster", f"{KUBECTL} delete pod -l component=hub")
    wait_until("the hub crashes", lambda: "CrashLoopBackOff" in inside("rooster", f"{KUBECTL} get pods -l component=hub"), 180)
    former.change(("allowed_users: [student]", "allowed_users: [student, anna]"))
    said = operator.inv("hub.upgrade", "--hub", "former", code=1).said
    assert "the hub does not run; its database is copied past it" in said
    assert "goes back from schema ffff to 0eee8c825d24" in said and "is back, and ready" in said
    whole(former, uid)
