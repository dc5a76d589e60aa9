"""What the cache changes for the sample rack's machines, and for nobody where network.yaml has no `cache`.

The cases lie in tests/cases/cache/MACHINE/, laid out as on the machine; after a wanted change `python -m tests.unit.test_cache`
writes them again.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from fabfile.loading import load
from fabfile.rack.cache import Cache
from fabfile.resources import AptRepository, Packages
from fabfile.roles.cache import cache, cache_nginx, debian_mirrors
from fabfile.tasks.steps import bootstrap_steps
from tests.unit.case_files import changed, given, keep, kept

PROJECT = Path(__file__).parents[2]
CASES = PROJECT / "tests/cases/cache"
MACHINES = ("rooster", "chick1")
SECURITY = {"/debian-security": "http://security.debian.org"}


def with_cache(rack, **said):
    return replace(rack, network=rack.network.model_copy(update={"cache": Cache(**said)}))


def changed_by_it(name: str) -> dict[str, str]:
    rack = load(PROJECT)
    return changed(rack, with_cache(rack), name)


@pytest.mark.parametrize("name", MACHINES)
def test_the_cache_changes_what_its_case_says_and_nothing_else(name):
    assert changed_by_it(name) == kept(CASES / name)


@pytest.mark.parametrize("installed, said, mirrors", [
    (True, {}, {"ftp.us.debian.org": {"/debian": "http://ftp.us.debian.org"}, "security.debian.org": SECURITY}),
    (False, {}, {"ftp.us.debian.org": {"/debian": "http://ftp.us.debian.org"}, "security.debian.org": SECURITY}),
    (True, {"debian": ["http://mirror.example.org:8000/debian/"]}, {"mirror.example.org": {"/debian": "http://mirror.example.org:8000"}}),
    (True, {"debian": []}, {}),
])
def test_mirrors_are_those_that_are_named_or_that_machines_were_installed_from(installed, said, mirrors):
    rack = load(PROJECT)
    assert debian_mirrors(with_cache(rack if installed else replace(rack, install=None), **said)) == mirrors


def test_only_rooster_fetches_keys_over_the_internet():
    rack = with_cache(load(PROJECT))
    keys = {(machine.name, one.key_by) for step in bootstrap_steps(rack) for machine in step.machines
            for one in step.role(rack, machine) if isinstance(one, AptRepository)}
    assert dict(keys) == {"rooster": ""} | {machine.name: "rooster" for machine in rack.chicks}


def test_without_registries_there_is_no_image_and_no_lua():
    rack = with_cache(load(PROJECT), registries=[])
    assert [name for one in cache(rack) if isinstance(one, Packages) for name in one.packages] == ["ca-certificates", "nginx"]
    assert not re.search("load_module|_lua_|/v2/|_by_token|@tags|@blobs", cache_nginx(rack))
    assert not any(path.startswith("etc/containerd/certs.d") for path in given(rack, "chick1"))


def write() -> None:
    """The cases again, from the rack as it is."""
    keep(CASES, {f"{name}/{path}": text for name in MACHINES for path, text in changed_by_it(name).items()})


if __name__ == "__main__":
    write()
