"""The claim of a hub's homes on a real API server, which refuses another size for it."""

from dataclasses import replace
from pathlib import Path

import pytest
from api_server import api_server

from fabfile.loading import load
from fabfile.resources import File, HomesClaim, KubernetesObjects
from fabfile.roles.homes_quota import homes_claims

PROJECT = Path(__file__).parents[2]
BOUND = '{"status": {"phase": "Bound", "capacity": {"storage": "10Gi"}}}'  # as a controller would: none runs here


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with api_server(tmp_path_factory.mktemp("api")) as api:
        yield api


def test_another_quota_of_homes_is_applied_to_a_cluster_that_has_their_claim(api, tmp_path):
    for size in ("10Gi", "20Gi", "5Gi"):
        rack = load(PROJECT)
        storage = rack.storage_classes
        rack = replace(rack, storage_classes=storage.model_copy(update={"homes": storage.homes.model_copy(update={"quota": size})}))
        made = list(homes_claims(rack, rack.leader))
        for file in (one for one in made if isinstance(one, File)):
            (tmp_path / Path(file.path).name).write_text(file.content)
        for one in made:
            if isinstance(one, KubernetesObjects):
                api.apply(replace(one, directory=str(tmp_path), files=(), kubeconfig=api.kubeconfig))
            elif isinstance(one, HomesClaim):
                api.apply(replace(one, kubeconfig=api.kubeconfig))
                api.shell(f"kubectl -n {one.namespace} patch persistentvolumeclaim homes --subresource status --type merge -p '{BOUND}'")
    claims = api.shell("kubectl get persistentvolumeclaims -A -o 'jsonpath={range .items[*]}{.metadata.namespace} {.spec.volumeName} "
                       "{.spec.resources.requests.storage}{\"\\n\"}{end}'")
    assert claims.splitlines() == ["hub homes-hub 10Gi", "staging homes-staging 10Gi"]
    volumes = api.shell("kubectl get persistentvolumes -o 'jsonpath={.items[*].spec.capacity.storage}'")
    assert volumes == "5Gi 5Gi"
