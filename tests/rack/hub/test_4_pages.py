"""The hub's own pages, from a repository that may be away."""

from __future__ import annotations

import re

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
        assert "the last good copy" in operator.inv("hub.status", code=3).said
        inside("rooster", f"{KUBECTL} exec deployment/hub -c hub -- rm -rf /srv/jupyterhub/pages")
        operator.inv("hub.restart")
        assert "JupyterHub's own" in operator.inv("hub.status", code=3).said
        assert "Sign in" in page("/hub/login")
    finally:
        inside("rooster", "nft delete table inet away")
    operator.inv("hub.restart")
    assert commit() == before
