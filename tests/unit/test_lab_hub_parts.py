"""What surrounds the lab's hub: chart repository, git host, certificate authority, its small images."""

import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path

import yaml

from lab.forge import charts, git_host
from lab.forge.jupyter import marimo
from lab.hub import acme, pages
from lab.hub.images import await_images, keep_certificates

PROJECT = Path(__file__).parents[2]


def test_a_chart_packs_to_the_same_bytes():
    assert charts.pack(charts.CHART) == charts.pack(charts.CHART)


def test_a_packed_chart_has_its_schema_as_json():
    about, archive = charts.pack(charts.CHART)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        names = tar.getnames()
        schema = json.load(tar.extractfile(f"{about['name']}/values.schema.json"))
    assert all(name.startswith(f"{about['name']}/") for name in names)
    assert f"{about['name']}/values.schema.yaml" not in names
    assert schema["additionalProperties"] is False


def test_every_value_has_its_place_in_the_schema():
    """And every place its value: what the schema alone names would be an option that does nothing."""
    values = yaml.safe_load((charts.CHART / "values.yaml").read_text())
    schema = yaml.safe_load((charts.CHART / "values.schema.yaml").read_text())

    def resolve(node: dict) -> dict:
        return schema["definitions"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node

    def compare(value: dict, node: dict, path: str) -> None:
        node = resolve(node)
        if "properties" not in node:
            return
        absent = set(node["properties"]) - set(value) - {"rollingUpdate", "postStart", "preStop"}
        unknown = set(value) - set(node["properties"])
        assert not absent and not unknown, f"{path}: {absent or ''} {unknown or ''}"
        for key, inner in value.items():
            if isinstance(inner, dict):
                compare(inner, node["properties"][key], f"{path}.{key}")

    compare(values, schema, "")


def test_the_index_names_the_archive_by_its_digest():
    packed = [charts.pack(folder) for folder in charts.CHARTS]
    entries = yaml.safe_load(charts.index(packed, charts.HOST))["entries"]
    for about, archive in packed:
        [entry] = entries[about["name"]]
        assert entry["urls"] == [f"https://{charts.HOST}/{about['name']}-{about['version']}.tgz"]
        assert entry["digest"] == hashlib.sha256(archive).hexdigest() and entry["version"] == about["version"]


def test_the_same_pages_make_the_same_commit(tmp_path):
    first = git_host.commit(git_host.SAMPLE, tmp_path / "a.git", "Pages")
    assert git_host.commit(git_host.SAMPLE, tmp_path / "b.git", "Pages") == first


def test_a_repository_is_cloned_as_plain_files(tmp_path):
    """Over HTTP git asks for info/refs and objects/info/packs when no program answers."""
    repository = tmp_path / "pages.git"
    first = git_host.commit(git_host.SAMPLE, repository, "Pages")
    assert first in (repository / "info/refs").read_text()
    assert (repository / "objects/info/packs").read_text().startswith("P pack-")
    changed = tmp_path / "changed"
    changed.mkdir()
    (changed / "new.html").write_text("new")
    second = git_host.commit(changed, repository, "Other pages")
    log = subprocess.run(
        ["git", "--git-dir", repository, "log", "--format=%H %s", "main"], text=True, capture_output=True
    ).stdout
    assert log.splitlines() == [f"{second} Other pages", f"{first} Pages"]


def test_a_lab_serves_what_is_pushed_to_its_own_copy(tmp_path):
    git_host.commit(git_host.SAMPLE, tmp_path / "www" / git_host.HOST / git_host.REPOSITORY, "Pages")
    [place] = pages.own_copy(tmp_path / "www", tmp_path / "git").values()
    repository = place / git_host.REPOSITORY

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], check=True, text=True, capture_output=True, cwd=tmp_path,
                              env={**os.environ, **git_host.SETTINGS}).stdout.strip()

    git("clone", "--quiet", str(repository), "clone")
    git("-C", "clone", "commit", "--quiet", "--allow-empty", "--message", "Other pages")
    git("-C", "clone", "push", "--quiet")
    assert git("-C", "clone", "rev-parse", "HEAD") in (repository / "info/refs").read_text()


def test_the_ide_is_the_one_that_the_forge_makes():
    text = (PROJECT / "lab/rack/configs/hub.yaml").read_text()
    assert re.findall(r"images\.flock\.example/marimo:[\d.]+", text) == [marimo.REFERENCE]


def test_pebble_asks_the_ports_that_the_world_asks():
    pebble = json.loads(acme.settings("203.0.113.80"))["pebble"]
    assert (pebble["httpPort"], pebble["listenAddress"]) == (80, "203.0.113.80:14000")
    assert "location = /directory" in acme.server_block("203.0.113.80", "203.0.113.80")


def test_an_awaiter_waits_for_nodes_that_may_still_take_a_puller():
    status = {"desiredNumberScheduled": 3, "numberReady": 2}
    pods = [{"spec": {"nodeName": "chick1"}}, {"spec": {"nodeName": "chick2"}}, {"spec": {}}]
    assert await_images.waited_for(status, pods, patient=True) == (2, 3)
    assert await_images.waited_for(status, pods, patient=False) == (2, 2)


def test_an_awaiter_does_not_give_up_a_node_that_has_taken_one():
    status = {"desiredNumberScheduled": 2, "numberReady": 1}
    pods = [{"spec": {"nodeName": "chick1"}}, {"spec": {"nodeName": "sick"}}]
    assert await_images.waited_for(status, pods, patient=False) == (1, 2)


def test_certificates_survive_their_pod(tmp_path):
    (tmp_path / "old/acme").mkdir(parents=True)
    (tmp_path / "old/acme/name.crt").write_text("certificate")
    (tmp_path / "old/acme/name.lock").write_text("")
    packed = keep_certificates.pack(tmp_path / "old")
    keep_certificates.unpack(packed, tmp_path / "new")
    assert (tmp_path / "new/acme/name.crt").read_text() == "certificate"
    assert not (tmp_path / "new/acme/name.lock").exists()
    assert keep_certificates.pack(tmp_path / "new") == packed
