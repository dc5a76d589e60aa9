"""Hubs and other services as values: what is released with, what the chart's schema says, secrets, lint,
answers."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml

from fabfile.engine.errors import CoopError, NoAnswer
from fabfile.facts import hub as hub_facts
from fabfile.facts import published as published_facts
from fabfile.facts import services as service_facts
from fabfile.facts.look import Look
from fabfile.finding import Severity, healthy
from fabfile.loading import load
from fabfile.rack import RackProblems
from fabfile.rack.secrets import hidden, revealed
from fabfile.rules.examine import examine
from fabfile.screen import hub as screen
from fabfile.secret import Secret
from fabfile.tasks.preparing import be_sure, hub_secrets, lacking, with_secrets
from fabfile.upstream.chart_schema import values_problems
from fabfile.upstream.release import release_values
from fabfile.upstream.template_lint import lint, value_faults
from tests.unit.small_rack import small_rack

PROJECT = Path(__file__).parents[2]
CASES = PROJECT / "tests/cases/hub"


@pytest.fixture
def folder(tmp_path) -> Path:
    """The folder of a rack with a hub: the sample, held still so that lines keep their numbers."""
    return shutil.copytree(CASES / "base", tmp_path / "rack")


@pytest.fixture(scope="module")
def rack():
    return load(CASES / "base")


@pytest.mark.parametrize("case", yaml.safe_load((CASES / "rack.yaml").read_text()),
                         ids=lambda case: case["case"])
def test_what_is_wrong_is_reported(folder, case):
    for one in case["edits"]:
        file = folder / one["in"]
        assert one["replace"] in file.read_text()
        file.write_text(file.read_text().replace(one["replace"], one["by"], 1))
    with pytest.raises(RackProblems) as told:
        load(folder)
    assert [str(problem) for problem in told.value.problems] == case["problems"]


@pytest.mark.parametrize("case", yaml.safe_load((CASES / "template_lint.yaml").read_text()),
                         ids=lambda case: case["case"])
def test_what_a_previous_hub_had_is_reported(case):
    if "files" in case:
        assert [str(problem) for problem in lint(case["files"])] == case["problems"]
    else:
        found = [[".".join(map(str, path)), line, message]
                 for path, line, message, _ in value_faults(case["values"])]
        assert found == case["faults"]


def test_the_sample_pages_are_right():
    pages = PROJECT / "docs/examples/template-repository"
    assert not lint({
        str(file.relative_to(pages)): file.read_text()
        for file in pages.rglob("*")
        if file.suffix in (".html", ".py")
    })


SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "additionalProperties": False,
    "required": ["hub"], "properties": {
        "hub": {
            "type": "object", "additionalProperties": False, "required": ["image"], "properties": {
                "image": {"type": "object"}, "config": {"type": "object"}, "extraConfig": {"type": "object"}, "templatePaths": {
                    "type": "array", "items": {"type": "string"}
                }, "services": {"type": "object"}, "tolerations": {"type": "array"},
                "db": {"type": "object", "properties": {"type": {"enum": ["sqlite-pvc", "postgres"]}}}
            }
        }, "proxy": {"type": "object", "properties": {"secretToken": {"type": ["string", "null"]}}},
        "singleuser": {"type": "object"}, "scheduling": {"type": "object"}, "cull": {"type": "object"}
    }
}
DEFAULTS = {"hub": {"image": {"name": "x"}, "db": {"type": "sqlite-pvc"}}, "proxy": {"secretToken": None}}


@pytest.mark.parametrize(
    "before, after, told",
    [("", "", []),
     ("  hub:\n", "  hub:\n    templatePath: [/x]\n",
      ["configs/hub.yaml:11: values.hub.templatePath: unknown key (did you mean templatePaths?)"]),
     ("  hub:\n", "  hub:\n    templatePaths: /x\n",
      ["configs/hub.yaml:11: values.hub.templatePaths: a string found where a list is expected"]),
     ("  hub:\n", "  hub:\n    templatePaths: [1]\n", [
         "configs/hub.yaml:11: values.hub.templatePaths[0]: a number found where a string is expected "
         "(put it in quotes)"
     ]),
     ("  hub:\n", "  hub:\n    db: {type: postgresql}\n", [
         "configs/hub.yaml:11: values.hub.db.type: is none of those that the chart knows "
         "(did you mean postgres?)"
     ]), ("  hub:\n", "  hub:\n    image: null\n", ["configs/hub.yaml:10: values.hub: image is missing"]),
     ("  cull:", "  hull:", ["configs/hub.yaml:40: values.hull: unknown key (did you mean cull?)"]), ])
def test_values_are_held_to_the_charts_schema(folder, before, after, told):
    hub = folder / "configs/hub.yaml"
    assert before in hub.read_text()
    hub.write_text(hub.read_text().replace(before, after, 1))
    rack = load(folder)
    problems = values_problems(rack, rack.services["hub"], release_values(rack, rack.services["hub"]),
                               DEFAULTS, SCHEMA)
    assert [str(problem) for problem in problems] == told


def test_a_wrong_secret_is_reported_without_being_shown(folder):
    secrets = folder / "configs/secrets.yaml"
    secrets.write_text("hub:\n  proxy:\n    secretToken: 12345678\n")
    secrets.chmod(0o600)
    rack = load(folder)
    problems = values_problems(rack, rack.services["hub"], release_values(rack, rack.services["hub"]),
                               DEFAULTS, SCHEMA)
    assert [str(problem) for problem in problems] == [
        "configs/secrets.yaml:3: hub.proxy.secretToken: a number found where a string or nothing is expected "
        "(put it in quotes)"
    ]


def test_secrets_that_others_may_read_are_refused(folder):
    secrets = folder / "configs/secrets.yaml"
    secrets.write_text("hub: {proxy: {secretToken: abcdefgh}}\n")
    secrets.chmod(0o644)
    with pytest.raises(RackProblems) as told:
        load(folder)
    assert str(
        told.value) == "configs/secrets.yaml: others may read it (mode 0644) (chmod 600 configs/secrets.yaml)"


def test_a_value_among_the_secrets_and_in_the_open_is_reported(folder):
    secrets = folder / "configs/secrets.yaml"
    secrets.write_text("hub:\n  singleuser: {memory: {limit: 2G}}\n")
    secrets.chmod(0o600)
    with pytest.raises(RackProblems) as told:
        load(folder)
    assert str(
        told.value) == ("configs/secrets.yaml:2: hub.singleuser.memory.limit: stands in configs/hub.yaml too "
                        "(once is enough: leave it there or here)")


def test_no_secret_is_in_a_repr(folder):
    secrets = folder / "configs/secrets.yaml"
    secrets.write_text("hub: {proxy: {secretToken: topsecrettoken}}\n")
    secrets.chmod(0o600)
    rack = load(folder)
    assert "topsecrettoken" not in repr(rack) + repr(rack.documents) + repr(rack.secrets) + str(rack.secrets)
    assert revealed(rack.secrets)["hub"]["proxy"]["secretToken"] == "topsecrettoken"


NOTHING_KNOWN = service_facts.ServiceFacts({}, {}, {}, {})


def test_no_secret_is_drawn_for_a_hub_that_may_have_one(folder):
    rack = load(folder)
    hubs = [rack.services["hub"]]
    silent = NoAnswer("chick0", "it does not answer")
    for error, why in ((None, "its API server does not answer"), (silent, "chick0: it does not answer")):
        with pytest.raises(CoopError, match=f"lacks secrets of hub.*cannot be queried for them: {why}. Restore a copy"):
            be_sure(rack, hubs, NOTHING_KNOWN, error)
    be_sure(rack, hubs, dataclasses.replace(NOTHING_KNOWN, secrets={"hub": {}}), None)  # it is known to have none
    whole = with_secrets(rack, lacking(rack, hubs, NOTHING_KNOWN))
    be_sure(whole, hubs, NOTHING_KNOWN, silent)  # all are written


def test_a_running_hubs_secrets_are_taken_over(folder):
    rack = load(folder)
    running = {"hub.config.JupyterHub.cookie_secret": "c" * 64, "hub.config.CryptKeeper.keys": "k1;k2",
               "hub.config.ConfigurableHTTPProxy.auth_token": "p" * 64}
    facts = dataclasses.replace(NOTHING_KNOWN, secrets={"hub": running})
    taken = with_secrets(rack, lacking(rack, [rack.services["hub"]], facts))
    hub = revealed(taken.secrets)["hub"]
    assert hub["proxy"]["secretToken"] == "p" * 64 and hub["hub"]["config"]["JupyterHub"][
        "cookie_secret"] == "c" * 64
    assert hub["hub"]["config"]["CryptKeeper"]["keys"] == ["k1", "k2"] and len(
        hub["hub"]["services"]["coop"]["apiToken"]) == 64


def test_every_secret_of_a_hub_is_drawn_again_for_another():
    one, other = hub_secrets({}), hub_secrets({})
    assert one.keys() == other.keys() and not [path for path in one if one[path] == other[path]]


def test_a_service_of_its_own_address(rack):
    values = release_values(rack, rack.services["hub"])
    assert values["proxy"]["service"] == {
        "type": "LoadBalancer", "annotations": {"metallb.io/loadBalancerIPs": "10.0.1.54"}
    }
    assert values["singleuser"]["storage"]["dynamic"]["storageClass"] == "homes"
    assert values["hub"]["db"]["pvc"]["storageClassName"] == "local"
    assert values["scheduling"]["userScheduler"]["enabled"] is False


def test_what_is_written_stands_against_what_is_proposed(folder):
    hub = folder / "configs/hub.yaml"
    hub.write_text(hub.read_text() + "  scheduling: {userScheduler: {enabled: true, replicas: 1}}\n")
    rack = load(folder)
    assert release_values(
        rack, rack.services["hub"])["scheduling"]["userScheduler"] == {"enabled": True, "replicas": 1}


def test_pages_of_a_folder_and_of_a_repository_together(folder):
    pages = folder / "configs/templates/static"
    pages.mkdir(parents=True)
    (pages.parent / "login.html").write_text("{% extends 'templates/login.html' %}")
    (pages / "logo.png").write_bytes(b"\x89PNG\xff")
    hub = folder / "configs/hub.yaml"
    hub.write_text(hub.read_text().replace(
        "values:\n", "templates: {repository: https://git.example.org/t.git, ref: main}\nvalues:\n", 1))
    rack = load(folder)
    values = release_values(rack, rack.services["hub"], "0123456789" * 4)["hub"]
    assert values["templatePaths"] == ["/etc/jupyterhub/own-templates", "/etc/jupyterhub/templates"]
    assert values["extraFiles"]["login.html"] == {"mountPath": "/etc/jupyterhub/own-templates/login.html",
                                                  "stringData": "{% extends 'templates/login.html' %}"}
    assert values["extraFiles"]["static.logo.png"][
        "binaryData"] == "iVBORw/"[:5] + values["extraFiles"]["static.logo.png"]["binaryData"][5:]
    [container] = values["initContainers"]
    assert {"name": "COMMIT", "value": "0123456789" * 4} in container["env"]
    assert container["securityContext"]["runAsUser"] == 1000 and container["securityContext"][
        "readOnlyRootFilesystem"]
    assert "pages-kept" in [volume["name"] for volume in values["extraVolumes"]]


def test_what_rooster_knows_of_services():
    answer = (
        "noise\n== schema jupyterhub-4.4.0\n{\"type\": \"object\"}\n"
        "== defaults jupyterhub-4.4.0\nhub: {db: {type: sqlite-pvc}}\n"
        "\n== schema plain-1.0\n\n== defaults plain-1.0\n\n"
        "== ref hub\n0123456789012345678901234567890123456789\trefs/heads/main\n"
        "== secret hub\nhub.config.JupyterHub.cookie_secret YWJj\nhub.config.CryptKeeper.keys azE7azI=\n"
        "== deployed hub\nfedcba9876543210fedcba9876543210fedcba98\n== end .\n")
    facts = service_facts.parse(answer)
    assert facts.charts["jupyterhub-4.4.0"].schema == {"type": "object"}
    assert facts.charts["plain-1.0"].schema is None
    assert facts.secrets["hub"] == {
        "hub.config.JupyterHub.cookie_secret": "abc", "hub.config.CryptKeeper.keys": "k1;k2"
    }
    assert facts.refs == {"hub": "0123456789" * 4} and facts.deployed["hub"].startswith("fedcba")


def test_rooster_that_knows_nothing_yet():
    assert service_facts.parse("") == NOTHING_KNOWN


HEALTHY = """
== release
[{"name":"hub","namespace":"hub","revision":"3","updated":"2026-11-23 21:00:00 +0000 UTC","status":"deployed",
  "chart":"jupyterhub-4.4.0"}]
== pods
hub-1 chick1 Running ready
proxy-1 chick2 Running ready
jupyter-student chick2 Running ready
hook-image-awaiter chick1 Succeeded
== pages
{"wanted": "0123", "commit": "0123", "from": "repository"}
== api
{"version": "5.5.4", "users": 2, "servers": ["student"]}
"""


def wrong_with(state):
    """What hub.status finds."""
    return examine(Look(small_rack(), 0.0, hubs={"hub": state}))


def test_a_healthy_hub():
    state = hub_facts.parse("hub", HEALTHY)
    assert not wrong_with(state) and state.release["revision"] == "3" and state.api["servers"] == ["student"]


@pytest.mark.parametrize(
    "before, after",
    [('"deployed"', '"failed"'), ("hub-1 chick1 Running ready", "hub-1 chick1 Running CrashLoopBackOff"),
     ('"commit": "0123", "from": "repository"', '"commit": "0007", "from": "kept"'),
     ('{"version": "5.5.4", "users": 2, "servers": ["student"]}', "hub at 10.0.1.54:80: timed out"),
     ("hub-1 chick1 Running ready\nproxy-1 chick2 Running ready", ""),
     ("proxy-1 chick2 Running ready", "proxy-1  Pending "), ])
def test_a_hub_that_is_not_well(before, after):
    assert before in HEALTHY
    assert not healthy(wrong_with(hub_facts.parse("hub", HEALTHY.replace(before, after))))


NODES = """
== nodes
chick0 True 2026-11-28T10:00:00Z KubeletReady
chick1 True 2026-11-28T10:00:00Z KubeletReady
chick2 True 2026-11-28T10:00:00Z KubeletReady
== leases
chick0 2026-11-28T16:00:40.123456Z
chick1 2026-11-28T16:00:36.123456Z
chick2 2026-11-28T16:00:38.123456Z
== home
chick1
"""
SILENT = ("chick1 2026-11-28T16:00:36.123456Z", "chick1 2026-11-28T16:00:02.123456Z")
NOT_READY = ("chick1 True 2026-11-28T10:00:00Z KubeletReady", "chick1 Unknown 2026-11-28T16:00:52Z NodeStatusUnknown")
BROKEN = ("chick1 True 2026-11-28T10:00:00Z KubeletReady", "chick1 False 2026-11-28T16:00:30Z KubeletNotReady")


def test_a_hub_on_nodes_that_live_has_no_unhealthy_ones():
    state = hub_facts.parse("hub", HEALTHY + NODES)
    assert not wrong_with(state) and state.sick == ()


@pytest.mark.parametrize("changes, state_of_pod, told, fix", [
    ([SILENT], "node silent", "!! chick1 is silent since 2026-11-28 16:00:02 UTC", "inv node.remove chick1 --dead"),
    ([SILENT, NOT_READY], "node silent", "!! chick1 is silent since 2026-11-28 16:00:02 UTC", "inv node.evict chick1 --dead"),
    ([BROKEN], "node not Ready", "!! chick1 is not Ready (KubeletNotReady) since 2026-11-28 16:00:30 UTC",
     "inv node.status chick1"),
], ids=["before Kubernetes notices", "after it has", "a node that speaks and is not Ready"])
def test_pods_on_an_unhealthy_node_are_not_ready_whatever_they_said_last(changes, state_of_pod, told, fix):
    answer = HEALTHY + NODES
    for before, after in changes:
        assert before in answer
        answer = answer.replace(before, after)
    state = hub_facts.parse("hub", answer)
    [found] = wrong_with(state)
    assert found.harm == Severity.DOWN and ("hub-1", "chick1", state_of_pod) in state.pods
    assert state.blocked == state.sick and fix in found.fix
    shown = screen.state_as_text(state, [found])
    assert told in shown and "| on it: hub-1; the hub's database is on its disk" in shown
    assert not found.follows, "the node is the reason; its pods are not told again"


def test_a_silent_node_with_students_alone_is_reported_and_keeps_nobody_else_out():
    answer = (HEALTHY + NODES).replace("chick2 2026-11-28T16:00:38", "chick2 2026-11-28T15:58:38").replace(
        "proxy-1 chick2", "proxy-1 chick1")
    state = hub_facts.parse("hub", answer)
    [sick] = state.sick
    assert not state.blocked and sick.pods == ("jupyter-student",) and "all of it" in wrong_with(state)[0].fix
    assert not healthy(wrong_with(state)), "a student's server is gone"


def test_a_cluster_that_does_not_answer_is_not_a_hub_that_is_not_released():
    state = hub_facts.parse("hub", "\n== cluster\nits API server does not answer\n== api\n"
                            '{"version": "5.5.4", "users": 2, "servers": []}\n')
    assert [finding.what for finding in wrong_with(state)] == ["the API server does not answer"]
    assert screen.state_as_text(state, wrong_with(state)).startswith("hub: its API server does not answer\nJupyterHub 5.5.4: 2 users")


def test_a_user_whose_server_is_ill_is_no_fault_of_the_hub():
    assert not wrong_with(hub_facts.parse(
        "hub", HEALTHY.replace("jupyter-student chick2 Running ready", "jupyter-student  Pending ")))


def test_what_a_shutdown_of_its_machine_has_ended_is_no_fault_of_the_hub():
    ended = "proxy-0 chick2 Failed not-ready \nhub-0 chick1 Succeeded not-ready \nhub-1 chick1 Running ready"
    state = hub_facts.parse("hub", HEALTHY.replace("hub-1 chick1 Running ready", ended))
    assert not wrong_with(state) and "proxy-0" not in {name for name, _, _ in state.pods}


def test_what_became_of_a_call():
    answer = ("\nrow jupyter.libretexts.org\nmac 00:25:90:51:cf:1e\n"
              "answer 80 302 https://jupyter.libretexts.org/\nanswer 443 200 \n"
              "trusted no\nissuer=C=US, O=Let's Encrypt, CN=R11\nnotAfter=Feb 21 21:00:00 2027 GMT\n"
              "\nrow wrong.libretexts.org\nanswer 80 000 \nwrong 443\n")
    found = published_facts.parse(answer)
    assert found["jupyter.libretexts.org"].refused and found["jupyter.libretexts.org"].answers == {
        80: "302 https://jupyter.libretexts.org/", 443: "200"
    }
    assert found["jupyter.libretexts.org"].issuer.endswith(
        "CN=R11") and found["jupyter.libretexts.org"].trusted == "no"
    assert found["wrong.libretexts.org"].answers == {80: ""} and not found["wrong.libretexts.org"].refused


def test_a_secret_tree_cannot_be_changed():
    tree = hidden({"a": {"b": ["some secret"]}})
    assert isinstance(tree, MappingProxyType) and tree["a"]["b"] == (Secret("some secret"),)


def test_no_service_has_the_name_of_a_step():
    """Where bootstrap's steps have a name that a service could have, it is one that services may not have."""
    from fabfile.rack.services import STEPS
    from fabfile.tasks.service_steps import whole_rack_steps

    rack = load(Path(__file__).parents[2])
    names = {step.name for step in whole_rack_steps(rack)} - set(rack.services)
    assert {name for name in names if " " not in name} <= STEPS
