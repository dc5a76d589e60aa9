"""What operators may do, on a real API server: each by a certificate of no group and a binding of their own, which is taken back."""

import pytest
from api_server import api_server

from fabfile.resources import OperatorRights


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with api_server(tmp_path_factory.mktemp("api")) as api:
        yield api


def may(api, user: str) -> bool:
    """Whether whoever shows a certificate of this name, and of no group, may do everything."""
    api.shell(f"cd; [ -e {user}.crt ] || {{ openssl req -newkey rsa:2048 -nodes -keyout {user}.key -out {user}.csr -subj /CN={user}\n"
              f"openssl x509 -req -in {user}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out {user}.crt -days 2; }} 2>/dev/null")
    said = api.shell(f"cd; kubectl --kubeconfig /dev/null --server https://127.0.0.1:6443 --insecure-skip-tls-verify "
                     f"--client-certificate {user}.crt --client-key {user}.key auth can-i '*' '*' --all-namespaces 2>&1 || :")
    return said.strip().splitlines()[-1] == "yes"


def rights(api, *users: str) -> OperatorRights:
    return OperatorRights(users, api.kubeconfig)


def test_rights_come_with_the_file_and_go_with_it(api):
    assert not may(api, "spicy") and not may(api, "thyme")
    [change] = api.apply(rights(api, "spicy", "thyme"))
    assert change.interrupts == "" and may(api, "spicy") and may(api, "thyme")
    [change] = api.apply(rights(api, "spicy"))
    assert change.interrupts == "thyme can do nothing in the cluster any more"
    assert may(api, "spicy") and not may(api, "thyme"), "the certificate is good, and good for nothing"


def test_a_binding_of_somebody_else_stays(api):
    api.shell("kubectl create clusterrolebinding site-admins --clusterrole cluster-admin --user sage")
    api.apply(rights(api, "spicy"))
    assert may(api, "sage")


def test_one_that_was_turned_to_another_role_is_as_it_should_be(api):
    api.apply(rights(api, "spicy"))
    api.shell("kubectl delete clusterrolebinding coop-operator-spicy\n"
              "kubectl create clusterrolebinding coop-operator-spicy --clusterrole cluster-admin --user sage_2\n"
              "kubectl label clusterrolebinding coop-operator-spicy coop/operator=yes")
    assert not may(api, "spicy")
    api.apply(rights(api, "spicy"))
    assert may(api, "spicy")
