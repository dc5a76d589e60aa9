"""BMCs by Redfish as an operator uses them: what a service was told, and that nobody else could read the password."""

from __future__ import annotations

import json

import pytest
from bmcs import PASSWORD, Bmc, Watched, in_files

OTHER_KEY = "sha256//" + "A" * 43 + "="


@pytest.fixture
def operator(operate):
    return operate(chicks=2)


def test_power_off_and_on_with_consent_and_no_password_in_sight(operator):
    bmc = Bmc(operator, "chick1", "idrac", "On")
    in_files(operator, chick1=bmc.entry())
    with Watched(bmc.rooster, "curl") as watched:
        assert operator.end(".venv/bin/inv", "node.power", "chick1", "status") == (0, "chick1 is on\n")
        code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "off", "--dry")
        assert code == 3 and "chick1 is on, should be off" in said
        code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "off")
        assert "that this is chick1's BMC cannot be told: hosts.yaml has neither UUID nor serial number" in " ".join(said.split()), said
        assert code == 1 and "chick1 goes off" in said and bmc.changes == [], "nobody agreed"
        code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "off", "--yes")
        assert code == 0, said
    assert bmc.changes == [("ComputerSystem.Reset", {"ResetType": "GracefulShutdown"})]
    assert "curl -q --config - " in watched.calls and "battery" not in watched.seen
    assert "battery" not in said and all(one["right"] for one in bmc.heard if "right" in one)
    code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "off", "--yes")
    assert code == 0 and len(bmc.changes) == 1, "it is off already"
    code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "on")
    assert code == 0 and bmc.changes[-1] == ("ComputerSystem.Reset", {"ResetType": "On"}) and bmc.starts == [""], said
    code, said = operator.end(".venv/bin/inv", "node.event-log", "chick1", "--json")
    assert code == 0 and [one["severity"] for one in json.loads(said)] == ["Critical", "OK"], said
    code, said = operator.end(".venv/bin/inv", "rack.bmc", "--json")
    assert code == 0 and json.loads(said)[0]["state"]["firmware"] == "6.10.30.00", said
    assert "inv rack.scan chick1" in json.loads(said)[0]["doubt"]
    code, said = operator.end(".venv/bin/inv", "run.list")
    assert "node.power chick1 on" in said and "node.power chick1 off" in said
    left = bmc.rooster.run("grep -rl battery /run/coop /var/lib/coop /tmp 2>/dev/null; ls /run/coop", check=False)
    assert "bmc." not in left and "/" not in left
    assert "battery" not in "".join(path.read_text() for path in operator.state.rglob("*") if path.is_file())


def test_another_key_is_never_spoken_to_and_a_password_is_tried_once(operator):
    bmc = Bmc(operator, "chick1", "supermicro", "On")
    in_files(operator, chick1=bmc.entry(public_key=OTHER_KEY))
    for words in (("node.power", "chick1", "off", "--yes"), ("node.boot-next", "chick1", "network"), ("node.identify", "chick1")):
        code, said = operator.end(".venv/bin/inv", *words)
        assert code == 1 and "shows another key than hosts.yaml has, and nothing was said to it" in said, said
    assert bmc.heard == []
    entry = json.loads(bmc.entry())
    entry.pop("public_key")
    in_files(operator, chick1=json.dumps(entry))
    code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "on")
    assert code == 2 and "machines.chick1.bmc.public_key: is missing: nothing is said" in said and "hosts.yaml:" in said
    code, said = operator.end(".venv/bin/inv", "rack.bmc", "--json")
    assert code == 3 and f"shows {bmc.public_key}" in json.loads(said)[0]["wrong"][0] and bmc.heard == []
    in_files(operator, password="wrong-password", chick1=bmc.entry())
    code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "off", "--yes")
    assert code == 1 and "refuses the user or the password; neither is tried again" in said and len(bmc.heard) == 1


def test_rooster_and_another_machines_bmc_are_refused(operator):
    bmc = Bmc(operator, "chick1", "openbmc", "On", uuid="4c4c4544-0042-3510-8056-b4c04f4e3799")
    in_files(operator, chick1=bmc.entry())
    hosts = operator.folder / "hosts.yaml"
    hosts.write_text(hosts.read_text().replace("  chick1:\n", "  chick1:\n    hardware: {uuid: 4c4c4544-0042-3510-8056-b4c04f4e3732}\n"))
    code, said = operator.end(".venv/bin/inv", "node.power", "rooster", "off", "--yes")
    assert code == 2 and "rooster is not a node" in said
    for words in (("node.power", "chick0", "off"), ("node.power", "chick1", "of"), ("node.boot-next", "chick1", "cd")):
        code, said = operator.end(".venv/bin/inv", *words)
        assert code == 2, said
    assert bmc.heard == []
    code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "off", "--yes")
    assert code == 2 and "it is of another machine: its UUID is 4c4c4544-0042-3510-8056-b4c04f4e3799" in said and bmc.changes == []


@pytest.mark.parametrize("maker, misbehaves, changes", [
    ("idrac", (), [{"BootSourceOverrideMode": "UEFI"}]),
    ("ilo", ("401-once",), []),
    ("supermicro", ("needs-mode",), [{}, {"BootSourceOverrideMode": "Legacy"}]),
    ("openbmc", ("refuses-mode",), [{"BootSourceOverrideMode": "UEFI"}, {"BootSourceOverrideMode": "UEFI"}, {}]),
    ("ami", ("etag",), [{}]),
])
def test_boot_next_is_kept_by_every_maker(operator, maker, misbehaves, changes):
    bmc = Bmc(operator, "chick1", maker, "Off", misbehaves)
    in_files(operator, chick1=bmc.entry())
    code, said = operator.end(".venv/bin/inv", "node.boot-next", "chick1", "network")
    assert code == 0, said
    plain = {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"}
    assert [body["Boot"] for _, body in bmc.changes] == [{**plain, **more} for more in changes]
    code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "cycle")
    assert code == 0 and bmc.starts == ["Pxe"], said
    code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "status")
    assert said == "chick1 is on\n"


def test_what_a_bmc_accepts_and_does_not_do_is_noticed(operator):
    forgets = Bmc(operator, "chick0", "idrac", "On", ("forgets", "stays-on", "never-shuts-down"))
    refuses = Bmc(operator, "chick1", "supermicro", "Off", ("unlicensed",))
    in_files(operator, chick0=forgets.entry(), chick1=refuses.entry())
    code, said = operator.end(".venv/bin/inv", "node.boot-next", "chick0", "network")
    assert code == 1 and "does not keep what it should boot from (an iDRAC ignores it while jobs are in its queue" in said, said
    code, said = operator.end(".venv/bin/inv", "node.power", "chick0", "off", "--hard", "--yes")
    assert code == 1 and "accepted to switch it off, and it is still on" in said, said
    assert forgets.changes[-1] == ("ComputerSystem.Reset", {"ResetType": "ForceOff"})
    code, said = operator.end(".venv/bin/inv", "node.boot-next", "chick1", "network")
    assert code == 1 and "without a licence" in said and "403" in said, said
    code, said = operator.end(".venv/bin/inv", "rack.bmc")
    assert code == 3 and "chick1: says that the machine's health is Critical" in said, said
    assert "chick1: the machine is off, and hosts.yaml expects it to be on" in said and "PowerEdge" in said


def test_the_second_time_on_is_said_it_starts_and_the_light_blinks(operator):
    bmc = Bmc(operator, "chick1", "ilo", "Off", ("slow-start",))
    in_files(operator, chick1=bmc.entry())
    code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "on")
    assert code == 0 and [body for _, body in bmc.changes] == [{"ResetType": "On"}] * 2 and bmc.starts == ["Pxe"], said
    for words, lit in ((("node.identify", "chick1"), "Blinking"), (("node.identify", "chick1", "--off"), "Off")):
        code, said = operator.end(".venv/bin/inv", *words)
        assert code == 0 and bmc.changes[-1][1] == {"IndicatorLED": lit}, said


def test_the_password_is_no_part_of_what_is_shown(operator):
    """Nor of what a failing run says, nor of the journal."""
    bmc = Bmc(operator, "chick1", "idrac", "On", ("unlicensed",))
    in_files(operator, chick1=bmc.entry())
    for words in (("node.power", "chick1", "off", "--yes", "--json"), ("--debug", "node.boot-next", "chick1", "disk"),
                  ("rack.show", "--json")):
        _, said = operator.end(".venv/bin/inv", *words)
        assert "battery" not in said and "horse" not in said and PASSWORD not in said
    _, said = operator.end(".venv/bin/inv", "run.show", "last", "--json")
    assert "battery" not in said
