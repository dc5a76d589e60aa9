"""A BMC by IPMI: OpenIPMI's simulator is told, and its own words say what it heard."""

from __future__ import annotations

import json

from bmcs import Watched, in_files
from ipmis import PASSWORD, Ipmi


def test_power_by_ipmi_with_the_password_in_nobodys_sight(operate):
    operator = operate(chicks=2)
    bmc = Ipmi(operator, "chick1", on=True)
    in_files(operator, PASSWORD, chick1=bmc.entry())
    with Watched(bmc.rooster, "ipmitool") as watched:
        assert operator.end(".venv/bin/inv", "node.power", "chick1", "status") == (0, "chick1 is on\n")
        code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "off")
        assert code == 1 and bmc.told == [], said
        code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "off", "--yes")
        assert code == 0 and bmc.told == ["set shutdown 1"] and not bmc.on, said
    assert "-f /dev/stdin chassis power soft" in watched.calls and PASSWORD not in watched.seen and PASSWORD not in said
    code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "cycle")
    assert code == 0 and bmc.told[1:] == ["set power 1"] and bmc.on, said
    code, said = operator.end(".venv/bin/inv", "rack.bmc", "--json")
    (found,) = json.loads(said)
    assert code == 0 and found["state"]["power"] == "on" and found["state"]["firmware"] == "9.08" and not found["wrong"], said


def test_what_is_not_kept_or_not_answered_is_told(operate):
    """The simulator keeps the device, and never says that it counts: so do boards that forget it after a minute."""
    operator = operate(chicks=2)
    bmc = Ipmi(operator, "chick1", on=False)
    in_files(operator, PASSWORD, chick1=bmc.entry())
    code, said = operator.end(".venv/bin/inv", "node.boot-next", "chick1", "network")
    assert code == 1 and "does not keep what it should boot from once: it says 'Disabled:Pxe'" in said, said
    assert bmc.told == ["set boot pxe"]
    in_files(operator, PASSWORD, chick1=bmc.entry(suite=17))
    code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "on")
    assert code == 1 and "no session by IPMI" in said and not bmc.on, said
    in_files(operator, "wrong-password", chick1=bmc.entry())
    code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "on")
    assert code == 1 and "no session by IPMI" in said and not bmc.on, said
