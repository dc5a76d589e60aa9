"""Packages are installed, held, moved and fixed for real, from a small repository in the sandbox."""

from __future__ import annotations

import pytest

from fabfile.resources import Packages
from tests.unit.sandbox import a_sandbox

_BUILD = r"""
build() {  # NAME VERSION [POSTINST]
  d=$(mktemp -d); mkdir "$d/DEBIAN"
  printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: flock <flock@example.org>\n' "$1" "$2" \
    >"$d/DEBIAN/control"; echo 'Description: small' >>"$d/DEBIAN/control"
  if [ -n "$3" ]; then printf '#!/bin/sh\n%s\n' "$3" >"$d/DEBIAN/postinst"; chmod 755 "$d/DEBIAN/postinst"; fi
  chmod 755 "$d"; dpkg-deb --build "$d" "/srv/deb/$1_$2_all.deb" >/dev/null
}
index() {
  cd /srv/deb
  for f in *.deb; do
    dpkg-deb -f "$f"; digest=$(sha256sum <"$f")
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$f" "$(stat -c %s "$f")" "${digest%% *}"
  done >Packages
}
"""


@pytest.fixture
def machine():
    with a_sandbox() as sandbox:
        code, said = sandbox.run("set -e\n" + _BUILD + """
            mkdir -p /srv/deb /var/lib/coop
            rm -rf /etc/apt/sources.list* /etc/apt/apt.conf.d /etc/apt/preferences.d
            mkdir -p /etc/apt/sources.list.d /etc/apt/preferences.d /etc/apt/apt.conf.d
            echo 'APT::Sandbox::User "root";' >/etc/apt/apt.conf
            echo 'deb [trusted=yes] file:/srv/deb ./' >/etc/apt/sources.list.d/flock.list
            build egg 1.0-1; build egg 1.1-1; build egg 2.0-1; build nest 0.1; index""")
        assert code == 0, said
        yield sandbox


def version(machine, name: str) -> str:
    return machine.run(f"dpkg-query -W -f '${{Version}} ${{Status}}' {name}")[1]


def test_a_package_comes_at_its_version_and_stays_on_hold(machine):
    eggs = Packages({"egg": "1.0-1", "nest": None}, hold=("egg",))
    assert machine.make(eggs) == ["egg is not installed, should be 1.0-1; nest is not installed"]
    assert version(machine, "egg") == "1.0-1 hold ok installed"
    assert version(machine, "nest") == "0.1 install ok installed"
    machine.run("apt-get -y upgrade")
    assert version(machine, "egg") == "1.0-1 hold ok installed"
    machine.run("apt-mark unhold egg")
    assert machine.make(eggs) == ["egg: not on hold"]


def test_a_held_package_moves_to_another_version_and_is_held_again(machine):
    machine.make(Packages({"egg": "2.0-1"}, hold=("egg",)))
    assert machine.make(Packages({"egg": "1.*"}, hold=("egg",))) == ["egg is 2.0-1, should be 1.*"]
    assert version(machine, "egg") == "1.1-1 hold ok installed"


def test_an_install_that_fails_leaves_the_hold(machine):
    machine.make(Packages({"egg": "1.0-1"}, hold=("egg",)))
    [change] = machine.plan(Packages({"egg": "9.9"}, hold=("egg",)))
    code, said = machine.run("set -e\n" + change.commands[0].script)
    assert code != 0 and "Version '9.9' for 'egg' was not found" in said
    assert version(machine, "egg") == "1.0-1 hold ok installed"


def test_a_version_that_is_newer_than_the_lists_is_found(machine):
    machine.make(Packages({"egg": "2.0-1"}))
    machine.run(_BUILD + "build egg 3.0-1; index")
    assert machine.make(Packages({"egg": "3.0-1"})) == ["egg is 2.0-1, should be 3.0-1"]


def test_lists_are_not_fetched_again_without_need(machine):
    machine.make(Packages({"egg": "2.0-1"}))
    [change] = machine.plan(Packages({"nest": None}))
    assert "Reading package lists" in machine.run("apt-get update")[1]
    stamp = machine.run("stat -c %Y.%y /var/lib/coop/apt-lists")
    machine.apply([change])
    assert machine.run("stat -c %Y.%y /var/lib/coop/apt-lists") == stamp
    machine.run("sleep 0.01; touch /etc/apt/sources.list.d/flock.list")
    machine.make(Packages({"egg": "1.0-1"}))
    assert machine.run("stat -c %Y.%y /var/lib/coop/apt-lists") != stamp


def test_an_apt_that_was_killed_is_mended(machine):
    kill = "[ -e /srv/again ] || { touch /srv/again; kill -9 $PPID; sleep 5; }"
    machine.run(_BUILD + f"build chick 1 '{kill}'; index")
    machine.make(Packages({"egg": "1.0-1"}))
    [change] = machine.plan(Packages({"nest": None, "chick": None}, hold=("nest", "chick")))
    assert machine.run("set -e\n" + change.commands[0].script)[0] != 0
    assert version(machine, "chick").endswith("half-configured")
    [change] = machine.plan(Packages({"egg": "1.0-1"}))
    assert "dpkg was interrupted: " in change.what and "chick" in change.what
    said = machine.make(Packages({"nest": None, "chick": None}, hold=("nest", "chick")))
    assert said == ["nest 0.1 is unpacked; chick 1 is half-configured"]
    assert version(machine, "chick") == "1 hold ok installed"
    assert version(machine, "nest") == "0.1 hold ok installed"


def test_a_lock_held_by_another_is_waited_for(machine):
    machine.run("(exec 9>/var/lib/dpkg/lock-frontend; python3 -c '"
                "import fcntl,time; fcntl.lockf(9, fcntl.LOCK_EX); time.sleep(2)') >/dev/null 2>&1 & sleep 0.5")
    [change] = machine.plan(Packages({"nest": None}))
    code, said = machine.run("set -e\n" + change.commands[0].script)
    assert code == 0 and "waiting for /var/lib/dpkg/lock-frontend" in said
