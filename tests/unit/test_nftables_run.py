"""The packet filter is loaded, flushed, edited and brought back for real, in the sandbox's own network."""

from __future__ import annotations

import pytest

from fabfile.resources import Nftables
from tests.unit.sandbox import a_sandbox

RULES = """table inet coop
delete table inet coop
# what the rack lets in
table inet coop {
	set seen { type ipv4_addr; flags dynamic,timeout; timeout 1m; }
	chain input {
		type filter hook input priority filter; policy drop;
		ct state vmap { established : accept, related : accept, invalid : drop }
		iifname "lo" counter accept
		udp dport { 53, 67, 123 } accept comment "dns, dhcp, ntp"
		ip saddr 10.0.0.0/8 add @seen { ip saddr }
	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr 10.0.0.0/24 oifname "enp2s0" masquerade comment "pods"
	}
}
"""
SECOND = "table ip second\ndelete table ip second\ntable ip second { chain x { }; }\n"


@pytest.fixture
def machine():
    with a_sandbox() as sandbox:
        if sandbox.run("command -v nft && nft list ruleset")[0]:
            pytest.skip("no nft on this computer")
        yield sandbox


def test_rules_are_loaded_and_then_left_alone(machine):
    machine.make(Nftables(RULES))
    assert 'oifname "enp2s0" masquerade' in machine.run("nft list ruleset")[1]


def test_what_the_traffic_and_other_programs_add_is_theirs(machine):
    machine.make(Nftables(RULES))
    machine.run("nft add element inet coop seen '{ 10.1.1.1 }'; nft add table inet f2b-table")
    assert not machine.plan(Nftables(RULES))
    machine.run("nft flush chain inet coop input")
    machine.make(Nftables(RULES))
    assert "f2b-table" in machine.run("nft list tables")[1]


@pytest.mark.parametrize("drift", [
    "nft flush ruleset", "nft flush chain inet coop input", "nft delete table inet coop",
    "nft add rule inet coop input tcp dport 8080 accept", "nft chain inet coop input '{ policy accept; }'"])
def test_what_is_done_by_hand_is_undone(machine, drift):
    machine.make(Nftables(RULES))
    assert machine.run(drift)[0] == 0
    assert machine.make(Nftables(RULES)) == ["the live rules are not those of /etc/nftables.conf"]


def test_a_table_that_is_no_longer_in_the_file_goes(machine):
    machine.make(Nftables(RULES + SECOND))
    machine.make(Nftables(RULES))
    assert machine.run("nft list tables")[1] == "table inet coop\n"


def test_going_back_brings_file_and_rules(machine):
    machine.make(Nftables(RULES))
    before = machine.run("cat /etc/nftables.conf; nft -s list ruleset")
    changes = machine.plan(Nftables(RULES.replace("53, 67, 123", "53") + SECOND))
    machine.apply(changes)
    assert machine.run("cat /etc/nftables.conf; nft -s list ruleset") != before
    assert machine.run("set -e\n" + changes[0].undo) == (0, "")
    assert machine.run("cat /etc/nftables.conf; nft -s list ruleset") == before


def test_rules_that_nft_refuses_never_go_live(machine):
    machine.make(Nftables(RULES))
    [change] = machine.plan(Nftables("table inet coop { nonsense }\n"))
    assert machine.run("set -e\n" + change.commands[0].script)[0] != 0
    assert not machine.plan(Nftables(RULES))
