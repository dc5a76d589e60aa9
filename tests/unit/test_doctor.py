"""The doctor's rules: what machines and the cluster say, as data, becomes findings. A case is a healthy rack with a few other lines.

    case         what is wrong
    MACHINE      other lines of its answer (tests/cases/doctor/base.yaml); of a list, lines by how they begin; null: none
    cluster      the same of the cluster's answer; nodes by name; down: the API server does not answer; silent: nobody was asked
    hub, published   pairs of text that stands in the answer, and what stands there instead; silent: rooster was not asked
    exports      pairs of path and address that hen should export; it exports nothing
    unreachable  machines that could not be asked: name → kind and problem
    cut_short    machines that did not tell all in time: name → what was cut short
    gpus         what hosts.yaml says of machines' GPUs, by name
    expects_off  machines that hosts.yaml expects to be off
    finds        all findings that no other explains: rule, where, harm, fix, and which rules' findings follow
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from fabfile.facts import cluster, file_server, hub, machine, published
from fabfile.facts.file_server import Wanted
from fabfile.facts.look import Look, Unreachable
from fabfile.facts.sections import sections
from fabfile.finding import Finding, Severity, healthy
from fabfile.loading import load
from fabfile.rack.gpu import Gpu
from fabfile.rules.examine import RULES, examine, fold
from fabfile.rules.rule import Rule
from fabfile.screen.findings import as_data, as_text
from fabfile.secret import MASK, mask_keys
from fabfile.tasks import bundle, looking
from tests.unit.simulated import Ways
from tests.unit.small_rack import small_rack, with_chicks

PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "tests/cases/doctor"
BASE = yaml.safe_load((FOLDER / "base.yaml").read_text())
FILES = sorted(path for path in FOLDER.glob("*.yaml") if path.name not in ("base.yaml", "hosts.yaml"))
CASES = [pytest.param(case, id=f"{path.stem}: {case['case']}") for path in FILES for case in yaml.safe_load(path.read_text())]
CASES_OF_HUBS = PROJECT / "tests/cases/hub"
PAGE = PROJECT / "docs/doctor.md"


@pytest.fixture(scope="module")
def rack():
    return small_rack()


# -- answers from data -----------------------------------------------------------------------------------------------------


def edited(before, edit):
    if isinstance(before, list) and isinstance(edit, Mapping):
        kept = [line for line in before if not any(line.startswith(f"{key} ") for key in edit)]
        return kept + [f"{key} {value}" for key, value in edit.items() if value is not None]
    return edit


def answer_of(name: str, lines: Mapping) -> str:
    told = [f"name\t{lines.get('name', name)}"]
    for key, value in lines.items():
        if key == "containers":
            told.append(f"{key}\t" + json.dumps({"containers": [
                {"metadata": {"name": one, "attempt": 3}, "createdAt": "1795420800000000000",
                 "state": "CONTAINER_RUNNING" if state == "running" else "CONTAINER_EXITED"} for one, state in value.items()]}))
        else:
            told += [f"{key}\t{name if line == '@' else line}" for line in (value if isinstance(value, list) else [value])]
    return "\n".join(told)


def node_of(name: str, about: Mapping) -> dict:
    control_plane = {"node-role.kubernetes.io/control-plane": ""} if about.get("control_plane") else {}
    conditions = [{"type": "Ready", "status": about.get("ready", "True"), "message": about.get("why", "Kubelet stopped posting."),
                   "lastTransitionTime": "2026-11-23T08:00:00Z"}]
    conditions += [{"type": one, "status": "True", "message": "not enough"} for one in about.get("pressures", ())]
    return {"metadata": {"name": name, "labels": control_plane, "creationTimestamp": about.get("created", "2026-11-20T08:00:00Z"),
                         "annotations": {"projectcalico.org/IPv4Address": about.get("bgp", f"{about['address']}/24")}},
            "spec": {"unschedulable": about.get("cordoned", False),
                     "taints": [dict(zip(("key", "effect"), one.split(":"), strict=True)) for one in about.get("taints", ())]},
            "status": {"conditions": conditions, "addresses": [{"type": "InternalIP", "address": about["address"]}],
                       "nodeInfo": {"kubeletVersion": about.get("kubelet", "v1.36.4")}}}


def cluster_answer(edits: Mapping) -> str:
    sections = {key: edited(value, edits[key]) if key in edits and key != "nodes" else value for key, value in BASE["cluster"].items()}
    nodes = {name: {**about, **edits.get("nodes", {}).get(name, {})} for name, about in BASE["cluster"]["nodes"].items()
             if edits.get("nodes", {}).get(name, {}) is not None}
    nodes |= {name: about for name, about in (edits.get("nodes") or {}).items() if name not in nodes and about}
    if "no nodes" in edits:
        nodes = {}
    sections["nodes"] = json.dumps({"items": [node_of(name, about) for name, about in nodes.items()]})
    sections["sessions"] = "\n".join(f"{name} {about['sessions']}" for name, about in nodes.items() if about.get("sessions") is not None)
    sections["pods"] = [*BASE["cluster"]["pods"], *edits.get("pods", ())]
    sections.pop("no nodes", None)
    return "\n".join(f"#{key}\n" + ("\n".join(value) if isinstance(value, list) else str(value)) for key, value in sections.items())


def replaced(lines: list[str], pairs) -> str:
    text = "\n" + "\n".join(lines)
    for before, after in pairs:
        assert before in text, before
        text = text.replace(before, after)
    return text


def seen(rack, case: Mapping) -> Look:
    away = {name: Unreachable(about["kind"], about["problem"]) for name, about in case.get("unreachable", {}).items()}
    off = set(case.get("expects_off", ()))
    rack = with_chicks(rack.machines, off) if off else rack
    gpus = {name: rack.machines[name].model_copy(update={"gpu": Gpu(**about)}) for name, about in case.get("gpus", {}).items()}
    rack = replace(rack, machines={**rack.machines, **gpus}) if gpus else rack
    machines = {}
    for name, lines in BASE["machines"].items():
        if name not in away and name not in off:
            told = {**lines, **{key: edited(lines.get(key), edit) for key, edit in case.get(name, {}).items()}}
            machines[name] = machine.parse(name, answer_of(name, {key: value for key, value in told.items() if value is not None}))
    asked = "rooster" in machines and case.get("hub") != "silent"
    told = case.get("cluster", {})
    return Look(
        rack, BASE["now"], machines, away,
        {"down": cluster.ClusterState(api=False), "silent": None}[told] if isinstance(told, str) else cluster.parse(cluster_answer(told)),
        {"hub": hub.parse("hub", replaced(BASE["hub"], case.get("hub", ())))} if asked else {},
        published.parse(replaced(BASE["published"], case.get("published", ()))) if asked else {},
        {"hen": (Wanted({}, frozenset(map(tuple, case["exports"])), {}), file_server.parse("hen", ""))} if "exports" in case else {},
        {name: tuple(parts) for name, parts in case.get("cut_short", {}).items()})


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_what_was_ended_for_want_of_time_is_named(shell, tmp_path):
    """The others have told all, and nothing stays behind."""
    text = looking.together({"machine": "echo well", "hub hub": "echo begun; exec sleep 60", "cluster": "exit 3"}, 1, str(tmp_path))
    said = subprocess.run([shell], input=text, capture_output=True, text=True, timeout=30)
    assert dict(sections(said.stdout, "#part ")) == {
        "machine": "well\n", "hub hub": "begun\n", "cluster": "", "cut short": "hub hub\n\n"}
    assert not [*tmp_path.iterdir()]


def looked(machines: dict) -> tuple[Look, dict]:
    """At a rack with three control planes, of which these answer."""
    rack = small_rack()
    planes = {name: rack.machines[name].model_copy(update={"roles": rack.machines["chick0"].roles}) for name in ("chick1", "chick2")}
    return looking.look(replace(rack, machines={**rack.machines, **planes}), Ways(machines))


def says_nothing(verb: str, text: str) -> tuple[int, str]:
    return 0, "#part machine\n#part cut short\n"


def plane(verb: str, text: str) -> tuple[int, str]:
    """A control plane that finds the first one's API server well."""
    told = "" if "https://10.0.0.100:6443/readyz" in text else "#ready\nok\n#nodes\n\n"
    return 0, f"#part machine\ncontrol-plane\tyes\n#part cluster\n{told}\n#part cut short\n"


def test_the_cluster_is_told_of_also_when_the_first_control_plane_cannot_be_asked_and_its_api_server_is_well():
    look, said = looked({"rooster": says_nothing, "chick1": plane, "chick2": plane})
    assert look.api is not None and set(look.unreachable) == {"chick0"}
    assert said["chick1"]["cluster"].startswith("#ready") and said["chick1"]["machine"].startswith("control-plane")
    assert not said["chick2"]["cluster"].strip(), "the cluster is asked once"


def test_a_cluster_whose_control_planes_cannot_be_asked_is_unknown():
    assert looked({"rooster": says_nothing})[0].cluster is None
    assert looked({})[0].cluster is None


def test_a_machine_without_room_for_what_it_would_say_is_told_as_that():
    def full(verb: str, text: str) -> tuple[int, str]:
        return 1, "mktemp: failed to create directory: No space left on device\n"

    look, _ = looked({"rooster": full, "chick0": full})
    assert not look.machines and "No space left" in look.unreachable["chick0"].problem
    found = {one.where: one for one in examine(look)}
    assert "runs no command" in found["chick0"].what and "df -h /run" in found["chick0"].fix


# -- the rules -------------------------------------------------------------------------------------------------------------


def shown(finding: Finding) -> dict:
    told = {"rule": finding.rule, "where": finding.where, "harm": finding.harm.name.lower(), "what": finding.what, "fix": finding.fix}
    return told | ({"follows": sorted({each.rule for each in finding.follows})} if finding.follows else {})


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_found_with_its_cause_and_nothing_else(case, rack):
    found = [shown(one) for one in examine(seen(rack, case))]
    wanted = case["finds"]
    assert [one["rule"] for one in found] == [one["rule"] for one in wanted], yaml.safe_dump(found, sort_keys=False, width=200)
    for one, expected in zip(found, wanted, strict=True):
        assert {key: one.get(key) for key in expected} == expected and one.get("follows") == expected.get("follows")


def test_a_healthy_rack_is_silent(rack):
    assert examine(seen(rack, {})) == []


def test_what_was_not_asked_is_not_found(rack):
    """Status tasks ask for a part: of the rest nothing is known."""
    assert examine(Look(rack, BASE["now"])) == []
    whole = seen(rack, {})
    for part in ("machines", "cluster", "hubs", "published"):
        assert examine(Look(rack, BASE["now"], **{part: getattr(whole, part)})) == [], part


@pytest.mark.parametrize("name", BASE["machines"])
def test_a_line_that_a_machine_did_not_say_is_no_finding(name, rack):
    """A program that is missing there, or an answer that was cut off."""
    for key in BASE["machines"][name]:
        silent = {*[key], *(["member", "control-plane"] if key == "member" else [])}
        found = examine(seen(rack, {name: dict.fromkeys(silent)}))
        assert [one.rule for one in found] in ([], ["certificates_unknown"]), (key, found)


def test_every_rule_has_a_case_and_says_when_it_finds_something():
    named = {name for case in CASES for one in case.values[0]["finds"] for name in (one["rule"], *one.get("follows", ()))}
    assert {rule.name for rule in RULES} == named
    assert len({rule.name for rule in RULES}) == len(RULES) >= 60
    assert all(re.fullmatch(r"[A-Za-z/].*\.", rule.about) for rule in RULES)


def test_every_rule_names_others_that_there_are():
    names = {rule.name for rule in RULES}
    assert not {other for rule in RULES for other in rule.here | rule.everywhere} - names


def test_every_finding_has_something_to_type(rack):
    for case in CASES:
        for finding in examine(seen(rack, case.values[0])):
            if finding.severity > Severity.NOTICE:
                assert re.search(r"\b(inv|fab|kubectl|ssh-add)\b|cable|kernel|kubernetes.io|conntrack", finding.fix), finding
            for each in (finding, *finding.follows):  # node.evict asks whether the machine is really off
                assert "out-of-service" not in each.fix, each


# -- folding ---------------------------------------------------------------------------------------------------------------


def rule(name: str, here=(), everywhere=()) -> Rule:
    return Rule(name, "test", "", lambda look: iter(()), frozenset(here), frozenset(everywhere))


A, B, C = rule("a", everywhere=["b"]), rule("b", here=["c"]), rule("c", everywhere=["a"])


def finding(name: str, where: str = "x", severity: Severity = Severity.DEGRADED) -> Finding:
    return Finding(name, where, severity, rule=name)


@pytest.mark.parametrize("found, roots, follows", [
    (["a", "b"], ["a"], [["b"]]),
    (["b", "a"], ["a"], [["b"]]),
    (["a", "b", "c"], ["a"], [["b", "c"]]),
    (["c", "a", "b"], ["c"], [["a", "b"]]),
    (["b", "b"], ["b", "b"], [[], []]),
    (["c"], ["c"], [[]]),
], ids=lambda value: "".join(map(str, value)))
def test_what_follows_is_with_its_cause_also_in_a_circle(found, roots, follows):
    result = fold([finding(name) for name in found], [A, B, C])
    assert [one.rule for one in result] == roots or set(found) == {"a", "b", "c"}, result
    assert sum(1 + len(one.follows) for one in result) == len(found), "none is lost, none is told twice"
    if set(found) != {"a", "b", "c"}:
        assert [[each.rule for each in one.follows] for one in result] == follows


def test_the_same_machine_alone_explains_its_own():
    result = fold([finding("b", "x"), finding("c", "x"), finding("c", "y")], [A, B, C])
    assert [(one.rule, one.where, len(one.follows)) for one in result] == [("b", "x", 1), ("c", "y", 0)]


def test_a_cause_is_as_bad_as_the_worst_that_follows():
    [cause] = fold([finding("a", severity=Severity.NOTICE), finding("b", severity=Severity.DOWN)], [A, B, C])
    assert cause.harm == Severity.DOWN and not healthy([cause])
    assert as_data([cause])[0]["harm"] == "down" and as_data([cause])[0]["follows"][0]["rule"] == "b"
    assert as_text([cause]).splitlines() == ["!! a", "   so: b"]


# -- the bundle ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text, kept, gone", [
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\nabc\n-----END RSA PRIVATE KEY-----\nbehind", "behind", "MIIEow"),
    ("    client-key-data: LS0tLS1CRUdJTg==\n    user: me", "user: me", "LS0tLS1"),
    ("curl -H 'Authorization: Bearer abc.def-123' https://x", "https://x", "abc.def"),
    ("token eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2ln end", "end", "eyJ"),
    ("kubeadm join --token abcdef.0123456789abcdef kubeapi:6443", "kubeapi:6443", "0123456789abcdef"),
    ("db:\n  password: hunter2hunter2\n  host: x", "host: x", "hunter2"),
    ('{"client_secret": "s3cr3t-oauth", "client_id": "public"}', '"client_id": "public"', "s3cr3t"),
    ("HUB_API_TOKEN=0f3a9c77", "HUB_API_TOKEN=", "0f3a9c77"),
    ("cert\t/etc/kubernetes/pki/apiserver.crt 1827396000 0A", "/etc/kubernetes/pki/apiserver.crt 1827396000 0A", MASK),
    ("kube-system/bootstrap-token-cleaner: {}", "bootstrap-token-cleaner: {}", MASK),
], ids=range(10))
def test_what_looks_like_a_secret_is_masked_and_other_text_stays(text, kept, gone):
    assert kept in mask_keys(text) and gone not in mask_keys(text)


def test_a_bundle_has_answers_files_and_findings_and_no_secrets(tmp_path, monkeypatch):
    rack = load(shutil.copytree(CASES_OF_HUBS / "base", tmp_path / "rack"))
    (tmp_path / "rack/configs/secrets.yaml").write_text("hub: {proxy: {secretToken: 0123456789}}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "state/coop/flock/runs").mkdir(parents=True)
    (tmp_path / "state/coop/flock/runs/20261123-200000-aaaa.jsonl").write_text('{"event": "began"}\n')
    path = bundle.write(rack, {"chick1": {"machine": "name\tchick1", "hub hub": "password: hunter2hunter2"}}, "[]", BASE["now"])
    assert path.name == "coop-flock-20261123-200000.tar.gz" and path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as packed:
        held = {name.partition("/")[2]: packed.extractfile(name).read().decode() for name in packed.getnames()}
    assert held["findings.json"] == "[]" and held["chick1/machine.txt"] == "name\tchick1"
    assert held["rack/hosts.yaml"] == (tmp_path / "rack/hosts.yaml").read_text()
    assert held["runs/20261123-200000-aaaa.jsonl"] == '{"event": "began"}\n' and "rack/configs/hub.yaml" in held
    assert not [name for name, text in held.items() if "secrets.yaml" in name or "hunter2" in text or "0123456789" in text]


# -- the page --------------------------------------------------------------------------------------------------------------


def table(rack) -> str:
    """Every rule by subject: when it finds something, and what is typed then, as its first case has it."""
    fixes: dict[str, str] = {}
    for case in CASES:
        for one in examine(seen(rack, case.values[0])):
            for each in (one, *one.follows):
                fixes.setdefault(each.rule, each.fix)
    lines, subject = [], ""
    for each in RULES:
        if each.subject != subject:
            subject = each.subject
            lines += ["", f"### {subject.replace('_', ' ').capitalize()}", "", "| rule | finds | type |", "|---|---|---|"]
        fix = fixes[each.name].replace("|", "\\|")
        lines.append(f"| `{each.name}` | {each.about.replace('|', chr(92) + '|')} | {fix or '-'} |")
    return "\n".join(lines).strip()


def test_the_page_has_every_rule(rack):
    """COOP_WRITE=1 writes it."""
    wanted = table(rack)
    before, mark, _ = PAGE.read_text().partition("\n## Rules\n")
    if os.environ.get("COOP_WRITE"):
        PAGE.write_text(f"{before}{mark}\n{wanted}\n")
    assert PAGE.read_text() == f"{before}{mark}\n{wanted}\n", "docs/doctor.md is not in step: COOP_WRITE=1 bin/test unit -k test_doctor"
