"""The hub's own pages, from a repository that may be away."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

from lab.forge.git_host import REPOSITORY, SETTINGS
from tests.rack.hub.conftest import KUBECTL


def test_the_hub_starts_without_its_template_repository(hub, operator, inside, page):
    def commit() -> str:
        return re.search(r'id="template-commit"[^>]*>([0-9a-f]*)<', page("/hub/about"))[1]

    before = commit()
    inside(
        "rooster",
        "nft 'table inet away { chain f { type filter hook forward priority -10; tcp dport 80 drop; }; }'")
    try:
        operator.inv("hub.restart")
        assert commit() == before
        assert "the last good copy" in operator.inv("hub.status").said
        inside("rooster", f"{KUBECTL} exec deployment/hub -c hub -- rm -rf /srv/jupyterhub/pages")
        operator.inv("hub.restart")
        assert "JupyterHub's own" in operator.inv("hub.status", code=3).said
        assert "Sign in" in page("/hub/login")
    finally:
        inside("rooster", "nft delete table inet away")
    operator.inv("hub.restart")
    assert commit() == before


def test_a_new_commit_is_brought_by_an_upgrade(hub, operator, page, tmp_path):
    """As who writes the pages does it: clone, edit, commit, push; then the operator's upgrade."""
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], check=True, text=True, capture_output=True, cwd=tmp_path,
                              env=os.environ | SETTINGS).stdout.strip()

    git("clone", "--quiet", str(hub.places.git / REPOSITORY), ".")
    about = tmp_path / "templates/about.html"
    about.write_text(about.read_text().replace("Where it runs", "In which barn it runs"))
    git("commit", "--quiet", "--all", "--allow-empty", "--message", "Say where it runs")
    git("push", "--quiet")
    commit = git("rev-parse", "HEAD")
    assert commit[:12] not in page("/hub/about")
    assert operator.inv("hub.upgrade", "--json").data["changes"] == 1
    assert commit[:12] in page("/hub/about") and "In which barn it runs" in page("/hub/about")
    assert commit in operator.inv("hub.status", "--json").said


def test_pages_from_a_folder_beside_the_values(hub, hub_yaml, operator, page):
    folder = hub.rack / "configs/templates"
    (folder / "static").mkdir(parents=True)
    try:
        (folder / "login.html").write_text('{% extends "templates/login.html" %}\n{% block login_container %}'
                                           "<h2>Out of the folder</h2>{{ super() }}{% endblock %}\n")
        (folder / "static/word.txt").write_text("cluck\n")
        text = (hub.rack / "configs/hub.yaml").read_text()
        block = text[text.index("templates:\n"):text.index("\nvalues:")]
        hub_yaml(block, "")
        operator.inv("hub.upgrade")
        assert "Out of the folder" in page("/hub/login")
        assert page("/hub/static/external/word.txt") == "cluck\n"
    finally:
        shutil.rmtree(folder)


def test_the_repository_serves_again_when_it_is_asked_for_again(hub, operator, page):
    operator.inv("hub.upgrade")
    assert "Out of the folder" not in page("/hub/login") and "template-commit" in page("/hub/login")
