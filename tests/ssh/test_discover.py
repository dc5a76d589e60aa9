"""Machines that are in no hosts.yaml are shown when they ask rooster for an address; its journal is a file here."""

from __future__ import annotations

import re

import pytest

ASKED = "rooster dnsmasq-dhcp[2553]: DHCPDISCOVER(enp3s0)"


@pytest.fixture
def operator(operate):
    operator = operate()
    operator.swarm.hosts["rooster"].run(
        f"echo '1795466529.1 {ASKED} de:ad:be:ef:00:02 ignored' >/run/asked\n"
        f"echo '1795466529.2 {ASKED} {operator.swarm.mac('chick0')} ignored' >>/run/asked\n"
        "printf '#!/bin/sh\\ncat /run/asked\\n' >/usr/local/bin/journalctl; chmod 755 /usr/local/bin/journalctl")
    return operator


def test_who_has_asked_is_shown_as_an_entry(operator):
    code, said = operator.end(".venv/bin/inv", "rack.discover")
    assert code == 0 and said == (
        "  chick1:  # asked for an address 1 times, last 2026-11-23 20:42 UTC\n    roles: [worker]\n    interfaces:\n"
        '      enp1s0: {mac: "de:ad:be:ef:00:02", address: 10.0.0.101/24}\n')


def test_who_asks_while_it_is_watched_is_shown_at_once_and_only_once(operator):
    watching = operator.start(".venv/bin/inv", "rack.discover", "--for", "20s")
    assert "watching rooster" in watching.stdout.readline()
    operator.swarm.hosts["rooster"].run(f"echo '1795466530.0 {ASKED} de:ad:be:ef:00:04 ignored' >>/run/asked")
    assert watching.stdout.readline().startswith("  chick1:  # asked")
    operator.swarm.hosts["rooster"].run("\n".join(f"echo '{1795466531 + number}.0 {ASKED} de:ad:be:ef:00:0{number} ignored' >>/run/asked"
                                                  for number in (2, 4)))
    said = watching.stdout.read()
    assert watching.wait(timeout=60) == 0
    assert re.findall(r"chick\d|de:ad:be:ef:00:0\d|10\.0\.0\.\d+", said) == [
        "de:ad:be:ef:00:04", "10.0.0.101", "chick2", "de:ad:be:ef:00:02", "10.0.0.102"]


def test_what_is_no_duration_is_told(operator):
    code, said = operator.end(".venv/bin/inv", "rack.discover", "--for", "half an hour")
    assert code == 2 and "--for: 'half an hour' is not a duration" in said, said
