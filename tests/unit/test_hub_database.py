"""A hub's database copied, looked at and brought back: the real programs and SQLite, with a kubectl that runs in a
folder of this computer what it would run in a pod."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from fabfile.programs import HERE

OLD, NEW = "0eee8c825d24", "4621fec11365"  # JupyterHub 4's schema, and 5's

KUBECTL = r'''
import json, os, subprocess, sys
from pathlib import Path
top, words = Path(os.environ["TOP"]), [w for w in sys.argv[1:] if not w.startswith("--request-timeout")]
words = words[2:] if words[0] == "-n" else words
with open(top / "asked", "a") as file:
    print(" ".join(word for word in words if "\n" not in word), file=file)
verb = words[0]
if verb == "exec":
    if (top / "exec-fails").exists():
        sys.exit("Error from server: no answer from chick1")
    place = os.environ | {"COOP_DATABASE_FOLDER": str(top / "claim"), "PYTHONPATH": str(top / "image")}
    sys.exit(subprocess.run([sys.executable, *words[words.index("python3") + 1:]], env=place).returncode)
elif verb == "create" and "--dry-run=client" in words:
    sys.stdout.write((top / "deployment").read_text())
elif verb == "create":
    (top / "pod").write_text(sys.stdin.read())
elif verb == "delete":
    (top / "pod").unlink(missing_ok=True)
elif verb == "scale":
    (top / "hub-pods").write_text("[]")
elif verb == "get":
    if words[1] == "secrets":
        print(json.dumps({"items": [{"metadata": {"labels": {"version": "3"}}}]}))
    elif words[1] == "deployment":
        print((top / "deployment").read_text())
    elif words[1] == "pvc":
        print(json.dumps({"metadata": {"uid": "the-claim"}}))
    elif words[1] == "pod":
        phase = (top / "phase").read_text() if (top / "phase").exists() else "Running"
        print(json.dumps({"status": {"phase": phase, "conditions": [
            {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]}}))
    elif words[1] == "pods":
        print(json.dumps({"items": json.loads((top / "hub-pods").read_text())}))
'''
HELM = "print('---\\nkind: Service\\nmetadata:\\n  name: hub\\n---\\nkind: Deployment\\nmetadata:\\n  name: hub\\n')"


def deployment(ready: int = 1) -> dict:
    return {
        "spec": {"selector": {"matchLabels": {"component": "hub"}}, "template": {"spec": {
            "securityContext": {"fsGroup": 1000}, "nodeSelector": {"purpose": "core"},
            "containers": [{"name": "hub", "image": "k8s-hub:3.3.8", "securityContext": {"runAsUser": 1000},
                            "volumeMounts": [{"name": "config", "mountPath": "/etc/c"},
                                             {"name": "pvc", "mountPath": "/srv/jupyterhub", "subPath": "x"}]}],
            "volumes": [{"name": "config", "configMap": {"name": "hub"}},
                        {"name": "pvc", "persistentVolumeClaim": {"claimName": "hub-db-dir"}}]}}},
        "status": {"readyReplicas": ready}}


def database(path: Path, schema: str, *users: str, taken: float = 0.0, more: str = "") -> Path:
    """A hub's database with these users, each with a token; the first has a server."""
    path.unlink(missing_ok=True)
    base = sqlite3.connect(path)
    base.executescript(f"""
create table alembic_version (version_num); insert into alembic_version values ('{schema}');
create table users (id integer primary key, name {more}); create table api_tokens (id integer primary key, user_id);
create table spawners (id integer primary key, user_id, server_id);""")
    for number, name in enumerate(users, 1):
        base.execute("insert into users (id, name) values (?, ?)", (number, name))
        base.execute("insert into api_tokens values (?, ?)", (number, number))
    base.execute("insert into spawners values (1, 1, 7)")
    base.commit()
    base.close()
    if taken:
        os.utime(path, (taken, taken))
    return path


class Place:
    """The gateway, the claim, and an image whose JupyterHub goes on from OLD alone."""

    def __init__(self, top: Path):
        self.top, self.claim, self.copies = top, top / "claim", top / "copies"
        self.file = self.claim / "jupyterhub.sqlite"
        for folder in (self.claim, self.copies, top / "bin", top / "image/jupyterhub", top / "image/alembic"):
            folder.mkdir(parents=True)
        for name, text in (("kubectl", KUBECTL), ("helm", HELM)):
            (top / "bin" / name).write_text(f"#!{sys.executable}\n{text}")
            (top / "bin" / name).chmod(0o755)
        (top / "image/jupyterhub/__init__.py").touch()
        (top / "image/alembic/__init__.py").touch()
        (top / "image/alembic/script.py").write_text(
            "from types import SimpleNamespace\nclass ScriptDirectory:\n  def __init__(self, folder): pass\n"
            f"  def walk_revisions(self): return [SimpleNamespace(revision='{OLD}'), SimpleNamespace(revision='base')]\n")
        self.hub_runs(True)

    def hub_runs(self, runs: bool) -> None:
        (self.top / "deployment").write_text(json.dumps(deployment(ready=int(runs))))
        (self.top / "hub-pods").write_text(json.dumps([{"spec": {"nodeName": "chick1"}}]))

    def run(self, *words: str) -> tuple[int, list[str]]:
        settings = json.dumps({"namespace": "hub", "release": "hub", "claim": "hub-db-dir", "copies": str(self.copies),
                               "canary": "coop-canary"})
        done = subprocess.run([sys.executable, HERE / "database.py", settings, *words], text=True, capture_output=True,
                              env=os.environ | {"TOP": str(self.top), "PATH": f"{self.top}/bin:{os.environ['PATH']}"})
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout.splitlines()

    @property
    def asked(self) -> str:
        return (self.top / "asked").read_text()

    def users(self, path: Path | None = None) -> list[str]:
        base = sqlite3.connect(path or self.file)
        try:
            return [name for name, in base.execute("select name from users order by name")]
        finally:
            base.close()


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_a_copy_is_tied_to_its_revision_its_claim_and_its_content(place):
    database(place.file, OLD, "anna", "ben")
    code, said = place.run("copy")
    [file] = place.copies.glob("*.sqlite")
    notes = json.loads(Path(f"{file}.json").read_text())
    assert (code, said) == (0, [f"the database of revision 3 is in {file}: schema {OLD}, 2 users"])
    assert {key: notes[key] for key in ("revision", "claim", "schema", "users")} == {
        "revision": 3, "claim": "the-claim", "schema": OLD, "users": 2}
    assert place.users(file) == ["anna", "ben"] and file.stat().st_mode & 0o077 == 0


def test_ten_copies_are_kept(place):
    database(place.file, OLD, "anna")
    for number in range(12):
        database(place.copies / f"20200101-0000{number:02}.sqlite", OLD, "anna")
        Path(f"{place.copies}/20200101-0000{number:02}.sqlite.json").write_text("{}")
    place.run("copy")
    assert len(list(place.copies.glob("*.sqlite"))) == len(list(place.copies.glob("*.json"))) == 10


def test_a_hub_that_is_down_is_copied_past_it(place):
    database(place.file, OLD, "anna")
    place.hub_runs(False)
    code, said = place.run("copy")
    assert code == 0 and said[0] == "note: the hub does not run; its database is copied past it"
    assert len(list(place.copies.glob("*.sqlite"))) == 1 and not (place.top / "pod").exists()


def test_where_no_copy_can_be_made_it_is_reported_with_the_latest_there_is(place, monkeypatch):
    database(place.file, OLD, "anna")
    place.run("copy")
    [file] = place.copies.glob("*.sqlite")
    place.hub_runs(False)
    (place.top / "exec-fails").touch()
    code, [said] = place.run("copy")
    assert code == 0 and said.startswith(
        "note: the hub does not run and its database cannot be read: no copy of it is made now (Error from server: no "
        f"answer from chick1); the latest copy is {file}, of ")


def test_a_hub_that_runs_and_gives_no_copy_stops_the_upgrade(place):
    (place.top / "exec-fails").touch()
    code, [said] = place.run("copy")
    assert code == 1 and said.startswith("the hub's database cannot be copied from chick1: nothing was touched")


def test_the_pod_that_looks_has_the_hubs_rights_and_its_claim_alone(place):
    database(place.file, OLD, "anna")
    place.hub_runs(False)
    program = (HERE / "database.py").read_text()
    assert place.run("copy")[0] == 0
    sys.path.insert(0, str(HERE))
    try:
        scope: dict = {"__name__": "database"}
        exec(compile(program, "database.py", "exec"), scope)
    finally:
        sys.path.remove(str(HERE))
    pod = scope["helper_of"](scope["Hub"]("hub", "hub", "hub-db-dir", "", ""), deployment())
    [container] = pod["spec"]["containers"]
    assert container["image"] == "k8s-hub:3.3.8" and container["securityContext"] == {"runAsUser": 1000}
    assert container["volumeMounts"] == [{"name": "pvc", "mountPath": "/srv/jupyterhub", "subPath": "x"}]
    assert [volume["name"] for volume in pod["spec"]["volumes"]] == ["pvc"]
    assert pod["spec"]["securityContext"] == {"fsGroup": 1000} and pod["spec"]["nodeSelector"] == {"purpose": "core"}


# -- the way back --------------------------------------------------------------------------------------------------

def test_a_database_that_the_revision_reads_stays_with_all_that_came_since(place):
    database(place.file, OLD, "anna")
    place.run("copy")
    database(place.file, OLD, "anna", "ben")
    assert place.run("fit", "3") == (0, [f"the hub's database stays as it is: revision 3 reads its schema, {OLD}"])
    assert place.users() == ["anna", "ben"] and "scale" not in place.asked


def test_a_migrated_one_goes_back_to_the_copy_that_the_hub_made_just_before(place):
    database(place.file, OLD, "anna")
    place.run("copy")
    database(place.claim / "jupyterhub.sqlite.2020-01-01-000000", OLD, taken=1_577_836_800)
    later = Path(next(place.copies.glob("*.sqlite"))).stat().st_mtime + 60
    database(place.claim / "jupyterhub.sqlite.2026-11-28-160000", OLD, "anna", "ben", taken=later)
    database(place.file, NEW, "anna", "ben", "coop-canary", "later", more=", since")
    code, said = place.run("fit", "3")
    assert code == 0 and f"from schema {NEW} to {OLD}" in said[0] and "the hub's own copy" in said[0]
    assert said[0].endswith("since then came, and is lost: 1 users (later), 1 tokens"), "nobody misses the canary"
    assert place.users() == ["anna", "ben"]
    [kept] = place.claim.glob("*.migrated-*")
    assert place.users(kept) == ["anna", "ben", "coop-canary", "later"] and kept.name in said[1]
    order = place.asked
    assert order.index("scale deployment/hub --replicas=0") < order.index("get pods -l component=hub") < \
        order.rindex("exec"), "the hub is stopped before its file is changed"
    assert not (place.top / "pod").exists()


def test_without_the_hubs_own_the_copy_on_the_gateway_is_taken(place):
    database(place.file, OLD, "anna")
    place.run("copy")
    database(place.file, NEW, "anna", "ben", more=", since")
    code, said = place.run("fit", "3")
    assert code == 0 and "the copy on the gateway" in said[0] and place.users() == ["anna"]


@pytest.mark.parametrize("harm", ["another content", "another claim", "no notes"])
def test_a_copy_that_is_not_what_it_was_is_none(place, harm):
    database(place.file, OLD, "anna")
    place.run("copy")
    [file] = place.copies.glob("*.sqlite")
    notes = Path(f"{file}.json")
    if harm == "another content":
        database(file, OLD, "mallory")
    elif harm == "another claim":
        notes.write_text(notes.read_text().replace("the-claim", "one-before"))
    else:
        notes.unlink()
    database(place.file, NEW, "anna", "ben", more=", since")
    code, said = place.run("fit", "3")
    assert code == 3 and said == [f"revision 3 cannot read the database, whose schema is {NEW}, and no copy that it can "
                                  "read is left"]
    assert place.users() == ["anna", "ben"] and "scale" not in place.asked


def test_a_migration_that_stopped_half_way_is_undone(place):
    database(place.file, OLD, "anna")
    place.run("copy")
    database(place.file, OLD, "anna", more=", since")  # altered, and its number not yet
    assert place.run("fit", "3")[0] == 0 and place.users() == ["anna"]
    assert sqlite3.connect(place.file).execute("pragma table_info(users)").fetchall()[-1][1] == "name"


def test_tables_that_a_newer_hub_has_added_beside_do_not_send_it_back(place):
    database(place.file, OLD, "anna")
    place.run("copy")
    database(place.file, OLD, "anna", "ben")
    with sqlite3.connect(place.file) as base:
        base.execute("create table shares (id)")
    assert place.run("fit", "3")[0] == 0 and place.users() == ["anna", "ben"]


def test_a_file_that_is_no_database_is_never_put_in_place(place):
    database(place.file, NEW, "anna", more=", since")
    database(place.claim / "jupyterhub.sqlite.2026-11-28-160000", OLD)  # without a single user
    code, said = place.run("fit", "3")
    assert code == 1 and said[-1] == "what was to be put back is not a sound database of a hub"
    assert place.users() == ["anna"] and not list(place.claim.glob("*.new"))


def test_what_a_killed_hub_left_in_its_journal_does_not_reach_the_other_file(place):
    database(place.file, NEW, "anna", more=", since")
    database(place.claim / "jupyterhub.sqlite.2026-11-28-160000", OLD, "anna", "ben")
    kill = ("import sqlite3, os; b = sqlite3.connect('jupyterhub.sqlite'); b.execute('pragma cache_size = 1'); "
            "b.executemany('insert into users (name) values (?)', [('x' * 3000,)] * 50); os._exit(0)")
    subprocess.run([sys.executable, "-c", kill], cwd=place.claim)
    assert (place.claim / "jupyterhub.sqlite-journal").exists()
    assert place.run("fit", "3")[0] == 0 and place.users() == ["anna", "ben"]


def test_the_plan_changes_nothing(place):
    database(place.file, NEW, "anna", "ben", more=", since")
    database(place.claim / "jupyterhub.sqlite.2026-11-28-160000", OLD, "anna")
    code, [said] = place.run("plan", "3")
    plan = json.loads(said)
    assert code == 0 and plan["restore"] and "1 users (ben), 1 tokens" in plan["text"]
    assert place.users() == ["anna", "ben"] and "scale" not in place.asked


def test_a_pod_that_cannot_look_says_why(place):
    (place.top / "phase").write_text("Pending")
    program = (HERE / "database.py").read_text().replace("POD_LIMIT, STOP_LIMIT = 60", "POD_LIMIT, STOP_LIMIT = 0")
    for name, text in (("database.py", program), ("inside.py", (HERE / "inside.py").read_text())):
        (place.top / name).write_text(text)
    settings = json.dumps({"namespace": "hub", "release": "hub", "claim": "hub-db-dir", "copies": str(place.copies),
                           "canary": "coop-canary"})
    done = subprocess.run([sys.executable, place.top / "database.py", settings, "fit", "3"], text=True, capture_output=True,
                          env=os.environ | {"TOP": str(place.top), "PATH": f"{place.top}/bin:{os.environ['PATH']}"})
    assert (done.returncode, done.stdout) == (
        1, "the pod that looks at the hub's database does not run after 0 s: 0/3 nodes are available\n")
    assert not (place.top / "pod").exists()
