"""After the story of a rack whose chicks were as their installers leave them: what brought a machine's link up still does."""

from __future__ import annotations

import pytest
from as_installed import SAID, WAYS, way_of


@pytest.fixture(autouse=True, scope="module")
def installed(kind, bootstrapped):
    if not kind.installed:
        pytest.skip("the chicks of this rack were as the lab makes them")


@pytest.mark.parametrize("name", WAYS)
def test_a_link_is_brought_up_by_what_the_installer_chose(lab, name):
    assert way_of(lab, name) == SAID[WAYS[name]]


@pytest.mark.parametrize("name", WAYS)
def test_names_clock_and_swap_are_as_coop_wants_them(inside, name):
    assert "nameserver 10.0.0.1\n" in inside(name, "cat /etc/resolv.conf")
    assert inside(name, "systemctl is-active chrony systemd-timesyncd", check=False).split() == ["active", "inactive"]
    assert not inside(name, "grep -E '^[^#].*[[:space:]]swap[[:space:]]' /etc/fstab", check=False)


def test_updates_by_themselves_never_move_what_is_held(inside):
    held = set(inside("chick2", "apt-mark showhold").split())
    assert {"kubeadm", "kubelet", "containerd.io"} <= held
    assert inside("chick2", "systemctl is-enabled unattended-upgrades") == "enabled\n"
