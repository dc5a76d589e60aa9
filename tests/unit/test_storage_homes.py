"""What homes take, and which version of a file a time means."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from invoke import Exit

from fabfile.facts.homes import Home, at, parse_usage, parse_versions, quota_changes, restoring, stamp
from fabfile.loading import load
from fabfile.rack.pools import Homes
from fabfile.resources import File, HomesClaim, Nftables, Packages, Unit
from fabfile.roles.homes_quota import homes_claims, quota_of, quotas
from fabfile.roles.node import node
from fabfile.tasks.homes_of import a_home, a_path
from fabfile.upstream.home_folders import folder_of
from fabfile.upstream.release import release_values

PROJECT = Path(__file__).parents[2]
VERSIONS = parse_versions("""autosnap_1 1762600000 1762590000 120
autosnap_2 1762700000 1762690000 150
autosnap_3 1762800000 absent
now 1764000000 absent
""")


def test_the_fullest_home_comes_first_and_one_without_a_project_last():
    assert parse_usage("home 12 hub/anna\nhome 13 hub/jdoe\nhome 14 hub/new\nused 12 100 1000 7\nused 13 900 1000 9\nused 0 5 0 1\n") == [
        Home("hub/jdoe", 900, 1000, 9), Home("hub/anna", 100, 1000, 7), Home("hub/new", 0, 0, 0)]


@pytest.mark.parametrize("moment, snapshot", [
    ("", "autosnap_2"), ("2025-11-08T12:00", "autosnap_1"), ("2025-11-09T20:00", "autosnap_2"), ("autosnap_1", "autosnap_1"),
    ("2025-11-08T12:00+00:00", "autosnap_1"), ("2025-11-01", None), ("2025-11-20", None)])
def test_a_time_means_the_version_that_was_there_then(moment, snapshot):
    version = at(VERSIONS, moment)
    assert (version and version.snapshot) == snapshot


@pytest.mark.parametrize("path, name", [("a/b.txt", "b.txt.2025-11-09T1453"), (".", "home.2025-11-09T1453")])
def test_a_copy_is_named_by_its_time(path, name):
    assert f"name={name}\n" in restoring("nest/homes", VERSIONS[1], "hub/jdoe", path)


@pytest.mark.parametrize("path", [".", "a", "a/b"])
def test_a_path_of_a_home(path):
    assert a_path(path) == path


@pytest.mark.parametrize("path", ["", "/a", "a/./b", "./a", "..", "a//b"])
def test_no_path_of_a_home(path):
    with pytest.raises(Exit, match="is no path within a home"):
        a_path(path)


def test_what_is_no_time_is_refused():
    with pytest.raises(ValueError, match="yesterday"):
        at(VERSIONS, "yesterday")


def test_a_stamp_is_part_of_a_name():
    assert stamp(1762600000) == "2025-11-08T1106"


@pytest.mark.parametrize("words, said", [
    (["storage.versions", "hub/jdoe", "/etc/passwd"], "is no path within a home"),
    (["storage.versions", "hub/jdoe", "a/../b"], "is no path within a home"),
    (["storage.versions", "../jdoe", "a"], "is no home"), (["storage.versions", "jdoe", "a"], "jdoe of which hub? hub/jdoe, staging/jdoe"),
    (["storage.scrub", "nets"], "there is no pool 'nets' in configs/storage.yaml, but nest"),
    (["storage.quota", "hub/jdoe", "50"], "'50' is no size: in Mi, Gi or Ti"), (["storage.quota", "jdoe", "50Gi"], "jdoe of which hub?"),
    (["storage.quota", "hib/jdoe", "50Gi"], "no hub is in the namespace of hib/jdoe, but in hub, staging"),
    (["storage.snapshot", "--name", "a b"], "is no name for a snapshot"), (["storage.snapshot", "--name", "autosnap_x"], "is no name"),
    (["storage.apply", "--create", "nets"], "--create: there is no pool nets")])
def test_a_wrong_word_is_one_sentence(words, said):
    done = subprocess.run([sys.executable, "-m", "invoke", *words], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


def test_homes_that_are_folders_of_one_volume():
    rack = load(PROJECT)
    singleuser = release_values(rack, rack.services["hub"])["singleuser"]
    assert singleuser["storage"] == {"capacity": "10Gi", "type": "static", "static": {"pvcName": "homes", "subPath": "{username}"}}
    assert singleuser["extraEnv"]["JUPYTER_RUNTIME_DIR"].startswith("/tmp/")
    [file] = singleuser["extraFiles"].values()
    assert file["mountPath"] == "/usr/local/etc/jupyter/jupyter_server_config.py"  # images of docker-stacks have one in /etc/jupyter
    raised = "import resource\nhard = resource.getrlimit(resource.RLIMIT_CORE)[1]\nresource.setrlimit(resource.RLIMIT_CORE, (hard, hard))\n"
    told = "print(resource.getrlimit(resource.RLIMIT_CORE) == (0, hard))"
    assert subprocess.run([sys.executable, "-c", raised + file["stringData"] + told], capture_output=True, text=True).stdout == "True\n"
    volumes = [one for one in homes_claims(rack, rack.leader) if isinstance(one, File) and one.path.endswith("objects.yaml")]
    objects = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(volumes[0].content)}
    assert objects["PersistentVolume", "homes-hub"]["spec"]["nfs"] == {"server": "10.0.0.200", "path": "/nest/homes/hub"}
    claims = [one for one in homes_claims(rack, rack.leader) if isinstance(one, HomesClaim)]
    assert [(one.namespace, one.claim, one.volume) for one in claims] == [
        ("hub", "homes", "homes-hub"), ("staging", "homes", "homes-staging")]


# as kubespawner's own safe_slug(user, max_length=48) gives them
FOLDERS = {"jdoe": "jdoe", "jane-doe2": "jane-doe2", "Jane.Doe@uni.edu": "jane-doe-uni-edu---a234f1d0", "1234567": "x-1234567---8bb0cf6e",
           "a--b": "a-b---90827a2e", "Ünal": "nal---d48b25c6", "x" * 60: f"{'x' * 37}---42f2d973"}


@pytest.mark.parametrize("user, folder", FOLDERS.items())
def test_the_folder_of_a_user_is_the_one_that_the_hub_mounts(user, folder):
    assert folder_of(user) == folder_of(folder) == folder
    rack = load(PROJECT)
    assert a_home(rack, f"hub/{user}") == f"hub/{folder}"
    homes = Homes.model_validate({"path": "/nest/homes", "quota": "1Gi", "users": {user: "2Gi", f"hub/{user}": "3Gi"}})
    assert [quota_of(rack, homes, f"{hub}/{folder}") >> 30 for hub in ("hub", "staging")] == [3, 2]


@pytest.mark.parametrize("users, hubs, size, changed", [
    ({"Jane.Doe@uni.edu": "9Gi"}, ["hub"], "50Gi", {"Jane.Doe@uni.edu": "50Gi"}),
    ({"hub/Jane.Doe@uni.edu": "9Gi"}, ["hub", "other"], "", {"hub/Jane.Doe@uni.edu": None}),
    ({}, ["hub"], "9Gi", {FOLDERS["1234567"]: "9Gi"})])
def test_a_quota_is_changed_where_the_file_has_it_by_the_users_name(users, hubs, size, changed):
    home = f"hub/{FOLDERS['Jane.Doe@uni.edu' if users else '1234567']}"
    assert quota_changes(users, hubs, home, size) == {("homes", "users", name): value for name, value in changed.items()}


@pytest.mark.parametrize("users, hubs, size, changed", [
    ({}, ["hub"], "50Gi", {"jdoe": "50Gi"}), ({}, ["hub", "other"], "50Gi", {"hub/jdoe": "50Gi"}),
    ({"jdoe": "9Gi"}, ["hub"], "50Gi", {"jdoe": "50Gi"}), ({"hub/jdoe": "9Gi"}, ["hub"], "50Gi", {"hub/jdoe": "50Gi"}),
    ({"jdoe": "9Gi"}, ["hub", "other"], "50Gi", {"hub/jdoe": "50Gi"}),
    ({"jdoe": "9Gi", "hub/jdoe": "8Gi"}, ["hub"], "", {"jdoe": None, "hub/jdoe": None}), ({"anna": "9Gi"}, ["hub"], "", {})])
def test_a_quota_is_written_where_the_files_have_the_home(users, hubs, size, changed):
    assert quota_changes(users, hubs, "hub/jdoe", size) == {("homes", "users", name): value for name, value in changed.items()}


def test_a_home_that_is_named_with_its_hub_has_that_quota_of_two():
    rack = load(PROJECT)
    homes = Homes.model_validate({"path": "/nest/homes", "quota": "1Gi", "users": {"jdoe": "2Gi", "hub/jdoe": "3Gi"}})
    assert [quota_of(rack, homes, name) >> 30 for name in ("hub/jdoe", "staging/jdoe", "hub/anna")] == [3, 2, 1]
    assert quotas(rack, homes).splitlines()[-1] == f"* {1 << 30} 0"


@pytest.mark.parametrize("left_out, packages, rule", [
    ((), {"nfs-common", "nftables"}, True), (("homes",), {"nftables"}, True), (("homes", "exports"), set(), False)])
def test_pods_speak_no_nfs_wherever_something_is_exported(left_out, packages, rule):
    rack = load(PROJECT)
    storage = rack.storage_classes.model_copy(update={key: {} if key == "exports" else None for key in left_out})
    made = list(node(replace(rack, storage_classes=storage), rack.machine("chick1")))
    there = {name for one in made if isinstance(one, Packages) for name in one.packages}
    assert there & {"nfs-common", "nftables"} == packages
    assert any(isinstance(one, Nftables) and "10.0.0.200" in one.ruleset and "2049" in one.ruleset for one in made) == rule
    assert any(isinstance(one, Unit) and one.unit == "coop-nfs" for one in made) == rule
