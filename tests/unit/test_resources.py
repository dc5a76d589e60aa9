"""What each resource makes of what it finds: cases are data, in tests/cases/resources."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from bench.role import line
from fabfile import resources
from fabfile.resources import Change, Resource
from fabfile.resources.pool_plan import WantedVdev
from fabfile.secret import Secret

# each with: case, resource, facts, altered, changes
CASES = [pytest.param(case, id=f"{path.stem}: {case['case']}")
         for path in sorted((Path(__file__).parents[1] / "cases" / "resources").glob("*.yaml"))
         for case in yaml.safe_load(path.read_text())]

WANT_AN_ANSWER = {"Drained", "NodeDeleted", "Rebooted", "Cordoned"}
KINDS = {name: getattr(module, name) for module, names in (
    (resources, resources.__all__), (line, ("FileLine",))) for name in names}


def build(described: dict) -> Resource:
    """{Sysctls: {group: rack, settings: {…}}} as the resource; {secret: text} is a Secret, {bytes: text} bytes, a list a tuple."""
    [(kind, fields)] = described.items()
    return KINDS[kind](**{key: value_of(value) for key, value in (fields or {}).items()})


def value_of(value):
    if isinstance(value, list):
        return tuple(map(value_of, value))
    if isinstance(value, dict):
        if set(value) == {"secret"}:
            return Secret(value["secret"])
        if set(value) == {"bytes"}:
            return value["bytes"].encode()
        if set(value) == {"vdev"}:
            return WantedVdev(**value["vdev"])
        if len(value) == 1 and set(value) <= set(KINDS):
            return build(value)
        return {key: value_of(inner) for key, inner in value.items()}
    return value


def facts_of(case: dict, resource: Resource) -> str:
    """The facts; `<right>` in them is the resource's own file as it should lie there."""
    facts = case.get("facts", "")
    if "<right>" not in facts:
        return facts
    file = resource if isinstance(resource, resources.File) else \
        resource.source() if isinstance(resource, resources.AptRepository) else resource.file()
    mode = f"{file.permissions():o}"
    return facts.replace("<right>", f"file {mode} root 0 root 0\nsha256 {sha256(file.data()).hexdigest()}")


def scripts(change: Change) -> str:
    return "\n".join(command.script for command in change.commands)


@pytest.mark.parametrize("case", CASES)
def test_what_differs(case):
    resource = build(case["resource"])
    found = list(resource.changes(facts_of(case, resource), frozenset(case.get("altered", ()))))
    expected = [{"what": one} if isinstance(one, str) else one for one in case["changes"]]
    assert [change.what for change in found] == [one["what"] for one in expected]
    for change, one in zip(found, expected, strict=True):
        rest = scripts(change)
        for piece in one.get("runs", ()):  # these pieces, in this order
            assert piece in rest
            rest = rest[rest.index(piece) + len(piece):]
        for piece in one.get("never", ()):
            assert piece not in scripts(change)
        for diff in one.get("diff", ()):
            assert diff in change.diff.split("\n")
        if "undo" in one:
            assert one["undo"] in change.undo
        if "alters" in one:
            assert change.alters == set(one["alters"])
        if "interrupts" in one:
            assert change.interrupts == one["interrupts"]
        assert change.rejected == one.get("rejected", False)
        if "long" in one:
            assert any(command.long for command in change.commands) == one["long"]
        if "shown" in one:
            assert one["shown"] in [command.shown for command in change.commands]
        if "typed" in one:
            assert change.typed == one["typed"]
        if "remote_files" in one:
            assert [f"{file.machine} {file.path} {file.target}" for file in change.remote_files] == one["remote_files"]
        if "remote_values" in one:
            assert [borrowed.shown for borrowed in change.remote_values] == one["remote_values"]


@pytest.mark.parametrize("case", CASES)
def test_what_is_said_to_the_shell_is_shell(case):
    resource = build(case["resource"])
    found = list(resource.changes(facts_of(case, resource), frozenset(case.get("altered", ()))))
    texts = [resource.probe()]
    for change in found:
        texts += [*(command.script for command in change.commands), change.undo]
        texts += [text for borrowed in change.remote_values for text in (borrowed.obtain, borrowed.revoke)]
    for text in texts:
        parsed = subprocess.run(["dash", "-n"], input=text.encode(), capture_output=True)
        assert parsed.returncode == 0, (parsed.stderr, text)


@pytest.mark.parametrize("config, etcd, members, code, removed", [
    ("@CERTIFICATE_KEY@", "/var/lib/etcd", "9e05, started, chick2, u, u, false\\n91bc, started, chick1, u, u, false", 0, "91bc"),
    ("@CERTIFICATE_KEY@", "/var/lib/etcd", "9e05, started, chick2, u, u, false", 0, ""),
    ("@CERTIFICATE_KEY@", "/var/lib/etcd", "", 1, ""),  # etcd does not answer
    ("@CERTIFICATE_KEY@", "", "91bc, started, chick1, u, u, false", 0, ""),  # it is elsewhere
    ("", "/var/lib/etcd", "91bc, started, chick1, u, u, false", 0, ""),  # a worker
])
def test_what_joins_is_no_former_member_of_etcd(tmp_path, config, etcd, members, code, removed):
    """And nothing but the token is printed before it is made."""
    (tmp_path / "kubectl").write_text(f"""#!/bin/sh
case $* in
*'member list') printf '{members}\\n'; exit {code} ;;
*'member remove '*) echo "${{*##* }}" >{tmp_path}/removed; echo removed ;;
esac
""")
    (tmp_path / "kubectl").chmod(0o755)
    (change,) = resources.Member(config, "chick1", "chick0", etcd=etcd).changes("", frozenset())
    before, *_ = change.remote_values[0].obtain.partition("said=$(kubeadm")
    ran = subprocess.run(["dash", "-c", f"set -e\n{before}"], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (code, "\n" if code else "")
    assert (tmp_path / "removed").read_text().strip() == removed if removed else not (tmp_path / "removed").exists()


@pytest.fixture(scope="module")
def essential(tmp_path_factory) -> Path:
    """A folder with the programs that every Debian has, and no other."""
    folder = tmp_path_factory.mktemp("essential")
    for program in ("awk", "base64", "cat", "cut", "getent", "grep", "head", "id", "readlink", "sed",
                    "sha256sum", "stat", "tail"):
        (folder / program).symlink_to(shutil.which(program))
    return folder


@pytest.mark.parametrize("case", CASES)
def test_probes_need_nothing_and_fail_only_for_want_of_an_answer(case, essential):
    """As on a machine where nothing is installed yet, not even systemd. Where no answer would read like a node that is
    not there, or one that was restarted, there is none."""
    resource = build(case["resource"])
    wants = type(resource).__name__ in WANT_AN_ANSWER
    ran = subprocess.run(["/bin/dash", "-c", resource.probe() if wants else f"set -e\n{resource.probe()}"], env={"PATH": str(essential)},
                         stdin=subprocess.DEVNULL, capture_output=True, timeout=10)
    assert (ran.returncode != 0) == wants, (ran.stderr, resource.probe())


def kinds_of_resources() -> dict[str, Path]:
    """The name of each kind, and the file that makes it; those of a private base are shown with what they are given."""
    folder = Path(resources.__file__).parent
    return {node.name: path for path in sorted(folder.glob("*.py")) for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
            and any(getattr(base, "id", "") == "Resource" for base in node.bases)}


def test_every_kind_has_cases():
    told = {kind for case in CASES for kind in case.values[0]["resource"]}
    assert set(kinds_of_resources()) <= set(resources.__all__)
    assert set(kinds_of_resources()) - told == set()


@pytest.mark.parametrize("kind,made_in", kinds_of_resources().items())
def test_no_kind_is_there_that_the_product_does_not_use(kind, made_in):
    """Roles, tasks, the engine, or another kind."""
    others = (path for path in Path(resources.__file__).parents[1].rglob("*.py") if path != made_in and path.name != "__init__.py")
    assert any(re.search(rf"\b{kind}\(", path.read_text()) for path in others)


def test_a_secret_is_in_no_repr_and_no_plan():
    file = resources.File("/etc/key", Secret("correct horse battery"))
    [change] = file.changes("absent\n", frozenset())
    assert "horse" not in repr(file) + change.what + change.diff + change.commands[0].shown
