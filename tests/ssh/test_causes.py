"""While something is waited for, its cause is looked for: told within seconds, and a wait that cannot end is ended."""

from __future__ import annotations

import time

from toys import Text, always

from fabfile.engine import events
from fabfile.engine.step import Step
from fabfile.resources import Check


def waiting(script: str, about: tuple[str, ...] = (), machine: str = "chick0", limit: float = 150):
    """A step that changes something, and what is then waited for."""
    def scenario(rack) -> list[Step]:
        check = Check("the machine works", machine, script, limit=limit, about=about)
        return [Step("work", rack.chicks, always(Text("/etc/one", "1")), verify=lambda rack, machines: [check])]
    return scenario


def test_a_rule_set_of_somebody_else_is_named_by_its_chain(operate):
    operator = operate(chicks=2)
    operator.swarm.hosts["chick1"].run(
        "nft add table inet site; nft 'add chain inet site in { type filter hook input priority 0; policy drop; }'\n"
        "nft add rule inet site in ct state established,related accept; nft add rule inet site in tcp dport 22 accept\n"
        "nft add rule inet site in iifname lo accept")
    began = time.monotonic()
    result = operator.run(waiting("echo 'chick1 has 0 sessions of 1'; exit 1", about=("chick0", "chick1")))
    took = time.monotonic() - began
    [error] = result.errors
    named = "a rule set that is not Coop's drops what it does not name: table inet site, chain in, hook input (policy drop)"
    assert f"chick1: {named}" in str(error)
    assert "nft list ruleset" in error.hint and took < 60
    notes = [event.text for event in operator.heard(events.Noticed)]
    assert any("is waited for: a rule set that is not Coop's" in note for note in notes)


def test_a_chain_that_lets_in_what_is_wanted_is_no_cause(operate):
    operator = operate(chicks=2)
    operator.swarm.hosts["chick1"].run(
        "nft add table inet site; nft 'add chain inet site in { type filter hook input priority 0; policy drop; }'\n"
        "nft add rule inet site in ip saddr 10.0.0.0/24 accept; nft add rule inet site in iifname lo accept")
    [error] = operator.run(waiting("echo 'chick1 is not Ready'; exit 1", about=("chick0", "chick1"), limit=25)).errors
    assert "rule set" not in str(error) and "after 2" in str(error)


def test_what_waiting_does_not_help_ends_the_wait(operate):
    operator = operate()
    said = 'Failed to pull image "registry.k8s.io/paus:3.10": failed to resolve reference: registry.k8s.io/paus:3.10: not found'
    began = time.monotonic()
    [error] = operator.run(waiting(f"echo '{said}'; exit 1")).errors
    assert "there is no image registry.k8s.io/paus:3.10" in str(error) and 15 < time.monotonic() - began < 45


def test_what_passes_is_waited_for(operate):
    """Its cause is there once, and then no more: nothing is ended."""
    operator = operate()
    said = 'Failed to pull image "registry.k8s.io/paus:3.10": failed to resolve reference: registry.k8s.io/paus:3.10: not found'
    script = f"[ -e /run/since ] || date +%s >/run/since; [ $(($(date +%s) - $(cat /run/since))) -gt 13 ] || {{ echo '{said}'; exit 1; }}"
    result = operator.run(waiting(script))
    assert not result.errors and result.changes == 1
