"""BMCs by IPMI: an independent server (lab/bmc/ipmi) is told, and its machine is what changes."""

from __future__ import annotations

import json

import pytest
from bmcs import Watched, in_files
from ipmis import PASSWORD, Ipmi


@pytest.mark.parametrize("suite", [3, 17])
def test_every_verb_by_ipmi_with_the_password_in_nobodys_sight(operate, suite):
    operator = operate(chicks=2)
    bmc = Ipmi(operator, "chick1", on=True, suites=(suite,), serial="S1")
    in_files(operator, PASSWORD, chick1=bmc.entry(suite))
    with Watched(bmc.rooster, "ipmitool") as watched:
        assert operator.end(".venv/bin/inv", "node.power", "chick1", "status") == (0, "chick1 is on\n")
        code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "off")
        assert code == 1 and bmc.told == [], said
        code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "off", "--yes")
        assert code == 0 and bmc.told == ["soft"] and not bmc.on, said
    assert "-f /dev/stdin chassis power soft" in watched.calls and PASSWORD not in watched.seen and PASSWORD not in said
    code, said = operator.end(".venv/bin/inv", "node.boot-next", "chick1", "network")
    assert code == 0 and bmc.told[-1].startswith("boot 8004"), said
    code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "status")
    assert code == 0 and said == "chick1 is off, and boots next by Once:Pxe\n"
    code, said = operator.end(".venv/bin/inv", "node.boot-next", "chick1", "network")
    assert code == 0 and sum(one.startswith("boot") for one in bmc.told) == 1, "it is set already"
    code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "cycle")
    assert code == 0 and bmc.told[-1] == "on" and bmc.starts == ["Pxe"], said
    code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "cycle", "--yes", "--hard")
    assert code == 0 and bmc.told[-2:] == ["off", "on"] and bmc.starts == ["Pxe", ""], "once"
    for words, seconds in ((("node.identify", "chick1"), 255), (("node.identify", "chick1", "--off"), 0)):
        code, said = operator.end(".venv/bin/inv", *words)
        assert code == 0 and bmc.told[-1] == f"identify {seconds}", said
    code, said = operator.end(".venv/bin/inv", "rack.bmc", "--json")
    (found,) = json.loads(said)
    assert code == 0 and found["state"]["power"] == "on" and found["state"]["firmware"] == "1.02" and not found["wrong"], said
    assert found["state"]["serials"] == ["S1"] and found["state"]["vendor"] == "Lab"
    code, said = operator.end(".venv/bin/inv", "node.event-log", "chick1", "--json")
    assert code == 0, said
    first, second = json.loads(said)
    assert "Power Supply" in first["message"] and "Memory" in second["message"] and "00:54:20" in second["time"], said


def test_what_is_not_kept_or_not_answered_is_told(operate):
    """An old board: it knows cipher suite 3 alone, and forgets what it should boot from."""
    operator = operate(chicks=2)
    bmc = Ipmi(operator, "chick1", on=False, suites=(3,), misbehaves=("forgets",))
    in_files(operator, PASSWORD, chick1=bmc.entry())
    code, said = operator.end(".venv/bin/inv", "node.boot-next", "chick1", "network")
    assert code == 1 and "does not keep what it should boot from: it says 'Disabled:" in said, said
    in_files(operator, PASSWORD, chick1=bmc.entry(suite=17))
    code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "on")
    assert code == 1 and "no session by IPMI" in said and not bmc.on, said
    in_files(operator, "wrong-password", chick1=bmc.entry())
    code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "on")
    assert code == 1 and "no session by IPMI" in said and not bmc.on, said
