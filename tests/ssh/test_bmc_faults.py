"""What BMCs do wrong is told, or fixed: data, in tests/cases/bmc_faults.yaml."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import bmcs
import ipmis
import pytest
import yaml
from bmcs import Bmc, in_files
from ipmis import Ipmi

FAULTS = yaml.safe_load((Path(__file__).parents[1] / "cases/bmc_faults.yaml").read_text())
RAKP_3 = 0x14  # the message of IPMI 2.0 by which a user proves the password
COUNTS = f"""
import socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind(("lo", 0))
print("ready", flush=True)
while True:
    packet, about = wire.recvfrom(4096)
    udp = packet[14 + (packet[14] & 15) * 4:]
    if about[2] != socket.PACKET_OUTGOING and packet[23] == 17 and udp[2:4] == (623).to_bytes(2, "big") and udp[13] == {RAKP_3}:
        print("login", flush=True)
"""


def named(fault: dict) -> str:
    (protocol,) = fault["by"]
    return f"{fault['fault']}, {protocol}"


@pytest.mark.parametrize("fault", FAULTS, ids=named)
def test_a_fault_is_told_or_fixed(operate, fault):
    operator = operate(chicks=2)
    hosts = operator.folder / "hosts.yaml"
    if "serial" in fault:
        hosts.write_text(hosts.read_text().replace("  chick1:\n", f"  chick1:\n    hardware: {{serial: {fault['serial']}}}\n"))
    does = tuple(fault.get("does", ()))
    if maker := fault["by"].get("redfish"):
        bmc = Bmc(operator, "chick1", maker, "Off", does)
        entry, password = bmc.entry(), bmcs.PASSWORD
    else:
        suites = tuple(fault["by"]["ipmi"])
        bmc = Ipmi(operator, "chick1", on=False, suites=suites, misbehaves=does, serial="S1")
        entry, password = bmc.entry(fault.get("suite", suites[0])), ipmis.PASSWORD
    in_files(operator, fault.get("password", password), chick1=entry)
    for words in fault.get("before", ()):
        code, said = operator.end(".venv/bin/inv", *words.split())
        assert code == 0, said
    with Logins(bmc) as logins:
        code, said = operator.end(".venv/bin/inv", *fault["types"].split())
    assert code == fault["code"] and fault.get("says", "") in said, said
    assert password not in said
    if "logins" in fault:
        assert logins.wrong <= fault["logins"], "BMCs lock accounts"
    if "then" in fault:
        assert operator.end(".venv/bin/inv", *fault["then"].split()) == (0, fault["shows"])
    if code:
        assert bmc.starts == []


class Logins:
    """How often a BMC was shown a wrong password."""

    def __init__(self, bmc):
        self.bmc, self.wrong = bmc, 0

    def __enter__(self):
        if isinstance(self.bmc, Ipmi):
            inside = [word for word in self.bmc.rooster.network() if word != "-p"]  # which would fork: what is ended is what counts
            self._counts = subprocess.Popen([*inside, sys.executable, "-c", COUNTS], stdout=subprocess.PIPE, text=True)
            assert self._counts.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_):
        if isinstance(self.bmc, Bmc):
            self.wrong = sum(not one["right"] for one in self.bmc.heard)
        else:
            time.sleep(0.5)
            self._counts.terminate()
            self.wrong = self._counts.stdout.read().count("login")
