"""Machines as people have them: what Coop says of each before it writes anything, and what holds afterwards. The cases are data,
in tests/cases/field/owners.yaml; each is made for real in a copy of this computer's root, with apt, sshd, nft and ss.

    case         what somebody has done to the machine
    has          what the machine needs for that: apt (a repository of small packages), sshd
    machine      shell text: how it was done
    host         a machine of the project's own rack; `asks`: the resources of its steps that are asked, by the beginnings of their names
    edits        values of the rack's that are others in this case: network.firewall
    rejected     what ends a run with exit code 2 before anything is changed, as it is told; conflicts are named in full
    interrupts   what wants consent
    take_over    what hosts.yaml then names under conflicts: after that nothing is rejected, and `afterwards` (shell text) holds
    keep         the same for what stays as it is
    applied      with consent, all that is asked is made; then `afterwards` holds
"""

from __future__ import annotations

import re
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml

from fabfile.engine.plan import Entry, Wanted, differences
from fabfile.loading import load
from fabfile.rack.conflicts import Conflicts
from fabfile.rack.firewall import Firewall
from fabfile.tasks.service_steps import rack_steps
from tests.ssh.swarm import sshd
from tests.unit.sandbox import Sandbox, a_sandbox

PROJECT = Path(__file__).parents[2]
CASES = yaml.safe_load((PROJECT / "tests/cases/field/owners.yaml").read_text())

APT = r"""
set -e
build() {  # NAME VERSION [FIELD …]
  d=$(mktemp -d); mkdir "$d/DEBIAN"; name=$1 version=$2; shift 2
  { printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: flock <flock@example.org>\n' "$name" "$version"
    for field; do echo "$field"; done; echo 'Description: small'; } >"$d/DEBIAN/control"
  [ "$name" != docker.io ] || { mkdir -p "$d/lib/systemd/system"; : >"$d/lib/systemd/system/docker.service"; }
  chmod 755 "$d"; dpkg-deb --build "$d" "/srv/deb/${name}_${version}_all.deb" >/dev/null
}
mkdir -p /srv/deb /var/lib/coop /etc/apt/keyrings /case
rm -rf /etc/apt/sources.list* /etc/apt/apt.conf.d /etc/apt/preferences.d
! dpkg -s kubectl >/dev/null 2>&1 || dpkg --purge --force-all kubectl >/dev/null
mkdir -p /etc/apt/sources.list.d /etc/apt/preferences.d /etc/apt/apt.conf.d
echo 'APT::Sandbox::User "root";' >/etc/apt/apt.conf
echo 'deb [trusted=yes] file:/srv/deb ./' >/etc/apt/sources.list.d/flock.list
build docker.io 26.1.5 'Depends: containerd (>= 1.4), runc (>= 1.0)'; build containerd 1.7.24; build runc 1.1.15
build containerd.io 2.3.4-1 'Conflicts: containerd, runc' 'Provides: containerd, runc' 'Replaces: containerd, runc'
for name in kubeadm kubelet kubectl; do build $name 1.36.4-1.1; done
for name in chrony conntrack cri-tools ethtool iptables iputils-ping; do build $name 99; done; build nfs-common 1:99
cd /srv/deb
for f in *.deb; do
  dpkg-deb -f "$f"; digest=$(sha256sum <"$f")
  printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$f" "$(stat -c %s "$f")" "${digest%% *}"
done >Packages
apt-get -q update
"""
SSHD = r"""
set -e
mkdir -p /run/sshd /etc/ssh/sshd_config.d /case/bin
printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' LIBRARIES PROGRAM >/usr/sbin/sshd; chmod 755 /usr/sbin/sshd
printf 'Include /etc/ssh/sshd_config.d/*.conf\nKbdInteractiveAuthentication no\nUsePAM no\n' >/etc/ssh/sshd_config
ssh-keygen -qA; grep -q ^sshd: /etc/passwd || echo sshd:x:74:65534::/run/sshd:/usr/sbin/nologin >>/etc/passwd
"""
LINKS = """
ip link set lo up
for link in enp2s0 enp3s0 enp1s0 wg9; do ip link add $link type veth peer name x$link; ip link set x$link up; ip link set $link up; done
ip addr add 128.120.136.26/24 dev enp2s0; ip addr add 10.0.0.1/24 dev enp3s0; ip addr add 10.9.0.1/24 dev wg9
printf 'ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n' >/etc/coop-release; mv /etc/coop-release /etc/os-release
printf '#!/bin/sh\n' >/usr/local/sbin/systemctl; chmod 755 /usr/local/sbin/systemctl
"""


@pytest.fixture
def machine():
    with a_sandbox() as sandbox:
        yield sandbox


def wants(case: dict) -> list[Wanted]:
    """The resources that are asked, of the project's own rack."""
    rack = load(PROJECT)
    if firewall := case.get("edits", {}).get("network.firewall"):
        rack = replace(rack, network=rack.network.model_copy(update={"firewall": Firewall.model_validate(firewall)}))
    found = [Wanted(step.name, resource) for step in rack_steps(rack) for one in step.machines if one.name == case["host"]
             for resource in step.role(rack, one)]
    asked = [want for want in found if any(fnmatchcase(want.resource.name, f"{name}*") for name in case["asks"])]
    assert {name for name in case["asks"] if not any(fnmatchcase(want.resource.name, f"{name}*") for want in asked)} == set()
    return asked


def plan(machine: Sandbox, case: dict, conflicts: Conflicts) -> list[Entry]:
    facts = []
    for want in wants(case):
        code, said = machine.run(f"( set -e; {want.resource.probe()}\n) 2>/dev/null")
        assert code == 0, (want.resource.name, said)
        facts.append(said)
    return list(differences(case["host"], wants(case), facts, conflicts))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_what_is_told_and_what_holds_afterwards(case, machine):
    program, libraries = sshd()
    for needed in case.get("has", ()):
        text = {"apt": APT, "sshd": SSHD.replace("LIBRARIES", str(libraries)).replace("PROGRAM", str(program))}[needed]
        code, said = machine.run(text)
        assert code == 0, said
    code, said = machine.run(f"{LINKS}\nset -e\n{case['machine']}")
    assert code == 0, said

    entries = plan(machine, case, Conflicts())
    told = [re.sub(r"process \d+", "process PID", entry.change.what) for entry in entries if entry.change.rejected]
    assert told == case.get("rejected", [])
    assert [entry.change.interrupts for entry in entries if entry.change.interrupts] == case.get("interrupts", [])
    decided = Conflicts(take_over=case.get("take_over", []), keep=case.get("keep", []))
    if case.get("take_over") or case.get("keep"):
        entries = plan(machine, case, decided)
        assert not [entry for entry in entries if entry.change.rejected]
        machine.apply([entry.change for entry in entries if entry.change.conflict])
        again = plan(machine, case, Conflicts(keep=case.get("keep", [])))
        assert not [entry for entry in again if entry.change.rejected or entry.change.conflict]
    if case.get("applied"):
        machine.apply([entry.change for entry in entries])
    if "afterwards" in case:
        code, said = machine.run(f"set -e\n{case['afterwards']}")
        assert code == 0, said


def test_every_kind_of_conflict_has_a_case():
    """Each resource that may name a conflict is asked in one at least."""
    asked = {type(want.resource).__name__ for case in CASES for want in wants(case)}
    assert {"AptRepository", "Packages", "Sysctls", "SshSettings", "Packaged", "NoOtherFilter", "Nftables", "NoOtherCni", "FreePorts",
            "File", "NetworkInterface", "IfThere", "SupportedSystem", "KubeletFlags", "NoManifestCopies"} <= asked
