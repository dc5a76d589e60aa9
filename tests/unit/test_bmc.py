"""What BMCs of several makers are asked, what their answers mean, and what they are told; the answers are data, in tests/cases/bmc."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from fabfile.bmc import curl, ipmi, quirks, redfish, redfish_log, several
from fabfile.bmc.asking import asking
from fabfile.bmc.board import BmcProblem, Board, Event, State, board, doubt, lacking, other_machine
from fabfile.bmc.by_redfish import ByRedfish
from fabfile.bmc.redfish import SYSTEMS, Answer
from fabfile.bmc.report import report
from fabfile.loading import load
from fabfile.resources import Packages
from fabfile.roles.gateway import gateway
from fabfile.secret import Secret
from fabfile.tasks.starting import Starter

PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "tests/cases/bmc"
CASES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}
BOARD = Board("chick1", "192.168.0.101", "ADMIN", Secret('pa"ss\\word'), "sha256//" + "A" * 43 + "=")


def answers_of(case: dict) -> dict[str, Answer]:
    return {path: Answer(200, "", body) for path, body in case["answers"].items()}


@pytest.mark.parametrize("maker", CASES)
def test_a_makers_answers(maker):
    """Everything is read that is needed and no more; what is told is what this maker understands."""
    case = CASES[maker]
    answers = {}
    rounds = 0
    while paths := redfish.to_read(answers):
        rounds += 1
        answers |= {path: answers_of(case)[path] for path in paths}
    assert set(answers) == set(case["answers"]) and rounds == 3
    assert asdict(redfish.state(answers)) == {**case["state"], "serials": tuple(case["state"]["serials"])}
    for wanted, (path, body) in case["told"].items():
        assert redfish.reset(answers, wanted) == redfish.Request("POST", path, body)
    (usual,) = redfish.boots(answers, "usual")
    assert (usual.path, usual.body) == (case["boots"]["path"], {"Boot": {"BootSourceOverrideEnabled": "Disabled"}})
    ways = redfish.boots(answers, "network")
    assert [(one.method, one.path, one.body) for one in ways] == \
        [("PATCH", case["boots"]["path"], {"Boot": form}) for form in case["boots"]["ways"]]
    assert redfish.identify(answers, True).body == case["light"]


@pytest.mark.parametrize("maker", CASES)
def test_a_makers_event_log_and_its_consoles(maker):
    case = CASES[maker]
    answers = answers_of(case)
    assert {way: asdict(one) for way, one in redfish.consoles(answers).items()} == case.get("consoles", {})
    log = {path: Answer(200, "", body) for path, body in case.get("log", {}).items()}
    while paths := redfish_log.to_read(answers):
        answers |= {path: log.pop(path) for path in paths}
    if "events" not in case:
        with pytest.raises(BmcProblem, match=r"^it has no event log that Redfish shows$"):
            redfish_log.events(answers)
        return
    assert [asdict(one) for one in redfish_log.events(answers)] == \
        [dict(zip(("time", "severity", "message"), one, strict=True)) for one in case["events"]]
    assert all("Entries" in path for path in log), "logs that are not the hardware's are not read"


def test_an_older_services_way_to_its_console():
    answers = answers_of(CASES["supermicro"])
    manager = {"SerialConsole": {"ServiceEnabled": True, "ConnectTypesSupported": ["SSH", "IPMI"]}, "FirmwareVersion": "1.73.14"}
    answers["/redfish/v1/Managers/1"] = Answer(200, "", manager)
    assert set(redfish.consoles(answers)) == {"SSH", "IPMI"}
    known = ByRedfish(BOARD, redfish.state(answers), answers)
    with pytest.raises(BmcProblem, match=r"and it offers IPMI and SSH: bmc: \{console: ipmi\}$"):
        known.console()
    assert "sol activate" in ByRedfish(replace(BOARD, console="ipmi"), known.state, answers).console()


def test_a_console_by_ssh_is_the_one_that_the_service_names():
    answers = answers_of(CASES["openbmc"])
    known = ByRedfish(replace(BOARD, console="ssh", console_key="ssh-ed25519 AAAA"), redfish.state(answers), answers)
    assert "port=2200" in known.console() and "key='ssh-ed25519 AAAA'" in known.console() and "battery" not in repr(known)
    answers = answers_of(CASES["ami"])
    with pytest.raises(BmcProblem, match=r"it offers none by Redfish. Many have one by IPMI all the same"):
        ByRedfish(BOARD, redfish.state(answers), answers).console()


SEL = """IANA PEN registry open failed: No such file or directory
   1 | 11/30/26 | 00:53:20 UTC | Power Supply #0x61 | Power Supply AC lost | Asserted
   2 |  Pre-Init  |0000000060| Memory #0x72 | Correctable ECC | Asserted
"""


def test_a_system_event_log_is_read():
    assert ipmi.parse_log(SEL) == (Event("11/30/26 00:53:20 UTC", "", "Power Supply #0x61, Power Supply AC lost, Asserted"),
                                   Event("Pre-Init 0000000060", "", "Memory #0x72, Correctable ECC, Asserted"))
    assert ipmi.parse_log("SEL has no entries\n") == ()
    with pytest.raises(BmcProblem, match=r"^no session by IPMI"):
        ipmi.parse_log("Error: Unable to establish IPMI v2 / RMCP+ session\ncoop-ipmi failed\n")


def test_the_recorded_firmware_is_the_boot_mode():
    answers = answers_of(CASES["idrac"])
    (first, _) = redfish.boots(answers, "network", "bios")
    assert first.body["Boot"]["BootSourceOverrideMode"] == "Legacy"


def test_what_a_bmc_cannot_do_is_told_before_it_is_asked():
    answers = answers_of(CASES["supermicro"])
    system = answers["/redfish/v1/Systems/1"].body
    system = {**system, "Boot": {**system["Boot"], "BootSourceOverrideTarget@Redfish.AllowableValues": ["None", "Hdd"]}}
    system.pop("IndicatorLED")
    answers["/redfish/v1/Systems/1"] = Answer(200, "", {**system, "Actions": {"#ComputerSystem.Reset": {
        "ResetType@Redfish.AllowableValues": ["Nmi"]}}})
    with pytest.raises(BmcProblem, match="cannot boot once from network: it knows None, Hdd"):
        redfish.boots(answers, "network")
    with pytest.raises(BmcProblem, match="no light"):
        redfish.identify(answers, True)
    assert redfish.reset(answers, "on") is None


@pytest.mark.parametrize("answer, why", [
    (Answer(401, "curl: (22) The requested URL returned error: 401", {}), "refuses the user or the password; neither is tried again"),
    (Answer(404, "", {}), "does not speak Redfish"),
    (Answer(0, "curl: (90) SSL: public key does not match pinned public key", {}), "another key than hosts.yaml has, and nothing was said"),
    (Answer(0, "curl: (28) Connection timed out after 5001 milliseconds", {}), r"does not answer: \(28\) Connection timed out"),
    (Answer(503, "", {}), "/redfish/v1/Systems is answered with 503"),
    (Answer(200, "", {"Members": []}), "it has 0 systems, and should have one"),
    (Answer(200, "", {"Members": [{"@odata.id": "/redfish/v1/Systems/1"}, {"@odata.id": "/redfish/v1/Systems/2"}]}), "it has 2 systems"),
    (Answer(200, "", {"Members": [{"@odata.id": "https://elsewhere/redfish/v1/Systems/1"}]}), "it has 0 systems"),
    (Answer(200, "", {"Members": "1"}), "it has 0 systems"),
])
def test_why_a_bmc_does_not_say_how_it_is(answer, why):
    with pytest.raises(BmcProblem, match=why):
        redfish.to_read({SYSTEMS: answer})
        redfish.state({SYSTEMS: answer})


def test_a_refused_login_is_asked_again_only_where_it_worked_before():
    good = answers_of(CASES["ilo"])
    assert redfish.to_read({SYSTEMS: Answer(401, "", {})}) == ()
    assert redfish.to_read({SYSTEMS: good[SYSTEMS], "/redfish/v1/Systems/1/": Answer(401, "", {})}) == ("/redfish/v1/Systems/1/",)


@pytest.mark.parametrize("uuid, serial, state, wrong", [
    ("4c4c4544-0042-3510-804b-b7c04f384d32", "", State("on", uuid="4C4C4544-0042-3510-804B-B7C04F384D32"), ""),
    ("44454c4c-4200-1035-804b-b7c04f384d32", "", State("on", uuid="4C4C4544-0042-3510-804B-B7C04F384D32"), ""),
    ("4c4c4544-0042-3510-804b-b7c04f384d33", "", State("on", uuid="4C4C4544-0042-3510-804B-B7C04F384D32"), "its UUID is 4c4c4544"),
    ("4c4c4544-0042-3510-804b-b7c04f384d33", "S1", State("on", serials=("S1",)), ""),
    ("", "7B5K8M2", State("on", serials=("CNIVC0079C0123", "7B5K8M2")), ""),
    ("", "7B5K8M3", State("on", serials=("CNIVC0079C0123", "7B5K8M2")), "its serial number is CNIVC0079C0123"),
    ("", "7B5K8M3", State("on"), ""),
])
def test_another_machines_bmc_is_noticed(uuid, serial, state, wrong):
    found = other_machine(replace(BOARD, uuid=uuid, serial=serial), state)
    assert (wrong in found) if wrong else not found


@pytest.mark.parametrize("uuid, serial, state, why", [
    ("", "", State("on", uuid="4C4C", serials=("S1",)), "hosts.yaml has neither UUID nor serial number: inv rack.scan chick1"),
    ("4c4c4544-0042-3510-804b-b7c04f384d32", "S1", State("on"), "it does not say the UUID or serial number that hosts.yaml has"),
    ("4c4c4544-0042-3510-804b-b7c04f384d32", "", State("on", serials=("S1",)), "it does not say the UUID that hosts.yaml has"),
    ("4c4c4544-0042-3510-804b-b7c04f384d32", "S1", State("on", serials=("S1",)), ""),
    ("4c4c4544-0042-3510-804b-b7c04f384d32", "", State("on", uuid="4c4c"), ""),
])
def test_a_bmc_that_cannot_be_compared_is_said_to_be_one(uuid, serial, state, why):
    one = replace(BOARD, uuid=uuid, serial=serial)
    found = doubt(one, state)
    assert found.startswith("that this is chick1's BMC cannot be told: ") and why in found if why else not found
    assert Starter(SimpleNamespace(board=one, state=state)).words.endswith(f"; {found}" if why else "and switches it on")


def test_default_accounts_are_known_whoever_made_the_board():
    assert quirks.has_default_account(replace(BOARD, password=Secret("ADMIN")))
    assert quirks.has_default_account(replace(BOARD, user="root", password=Secret("calvin")))
    assert not quirks.has_default_account(BOARD)
    assert quirks.of("SUPERMICRO Computer") == quirks.table()["Supermicro"] and quirks.of("") == quirks.of("Acme")


def test_curls_settings_hold_the_password_as_curl_reads_it():
    assert r'user = "ADMIN:pa\"ss\\word"' in curl.settings(BOARD).splitlines()
    assert curl.url(BOARD, "/redfish/v1/Systems") == 'url = "https://192.168.0.101/redfish/v1/Systems"'


def test_answers_are_told_apart():
    said = ('{"a":\n 1}\n#coop-answer 200 /redfish/v1/A\nno\n#coop-answer 404 /redfish/v1/B\n'
            "curl: (22) The requested URL returned error: 404\n")
    found = curl.parse(said)
    assert found["/redfish/v1/A"] == Answer(200, '{"a":\n 1}', {"a": 1})
    assert found["/redfish/v1/B"] == Answer(404, "no\ncurl: (22) The requested URL returned error: 404", {})
    assert curl.parse("sh: 1: curl: not found\n") == {}
    both = several.parse("#coop-bmc chick1\na\nb\n#coop-bmc chick2\n\n")
    assert both == {"chick1": "a\nb", "chick2": ""}
    assert curl.as_key(curl.OF_NOTHING) == "" and curl.as_key("A" * 43 + "=\n") == BOARD.public_key


X9 = """IANA PEN registry open failed: No such file or directory
Chassis Power is on
coop-ipmi
Once:Pxe
Device ID                 : 32
Firmware Revision         : 3.48
Manufacturer Name         : Supermicro
 Board Mfg             : Supermicro
 Product Manufacturer  : Supermicro
 Product Name          : X9DRT
 Product Serial        : S15317834A02
"""


def test_what_ipmitool_prints_is_read():
    assert ipmi.parse(X9) == State("on", "Once:Pxe", "Supermicro", "X9DRT", ("S15317834A02",), firmware="3.48")
    assert ipmi.parse("Chassis Power is off\ncoop-ipmi\nDisabled:0000\n") == State("off")
    assert ipmi.parse("Chassis Power is off\ncoop-ipmi\nOnce:0400\n") == State("off"), "a device that has no name here"
    with pytest.raises(BmcProblem, match=r"no session by IPMI: .* is not asked again \(Error: Unable to establish IPMI v2"):
        ipmi.parse("Error: Unable to establish IPMI v2 / RMCP+ session\n")
    with pytest.raises(BmcProblem, match=r"^it has stopped answering \(Close Session command failed\)$"):
        ipmi.parse("Close Session command failed\n")
    with pytest.raises(BmcProblem, match=r"^sh: 1: ipmitool: not found$"):
        ipmi.parse("sh: 1: ipmitool: not found\n")
    with pytest.raises(BmcProblem, match=r"^nothing was said$"):
        ipmi.parse("")


def test_every_protocol_has_the_program_that_it_needs():
    by_ipmi = asking(replace(BOARD, protocol="ipmi", cipher_suite=3))
    text = by_ipmi.question()
    assert "suite=3" in text and "tool chassis power status" in text and by_ipmi.question() == ""
    by_ipmi.hear(X9)
    known = by_ipmi.known()
    assert known.boots_from("network", known.state) and not known.boots_from("disk", known.state)
    assert known.boot_next("usual").endswith("\nboot 'Disabled:*' '' 'chassis bootdev none'")
    assert known.boots_from("usual", State("on")) and not known.boots_from("usual", known.state)
    assert known.boot_next("setup").endswith("\nboot Once:BiosSetup '' 'chassis bootdev bios'")
    uefi = ipmi.ByIpmi(replace(BOARD, firmware="uefi"), known.state)
    assert uefi.boot_next("network").endswith("\nboot Once:Pxe '' 'chassis bootdev pxe options=efiboot' 'chassis bootdev pxe'")
    assert known.power_off(0).endswith("\noff 0 'chassis power soft' 'chassis power off'")
    assert "curl -q --config -" in asking(BOARD).question()


@pytest.fixture
def rack_with(tmp_path):
    """rack_with(bmc, secrets): the sample rack, with this as chick1's `bmc`, and these secrets."""
    def make(bmc: str, secrets: str = ""):
        shutil.copytree(PROJECT / "configs", tmp_path / "configs", dirs_exist_ok=True)
        hosts = (PROJECT / "hosts.yaml").read_text()
        (tmp_path / "hosts.yaml").write_text(hosts.replace("    bmc: 192.168.0.101\n", f"    bmc: {bmc}\n"))
        (tmp_path / "configs/secrets.yaml").write_text(secrets or "hub: {}\n")
        (tmp_path / "configs/secrets.yaml").chmod(0o600)
        rack = load(tmp_path)
        return rack, rack.machine("chick1")
    return make


REDFISH = "{address: 192.168.0.101, protocol: redfish, user: ADMIN}"
PINNED = f"{{address: 192.168.0.101, protocol: redfish, user: ADMIN, public_key: {BOARD.public_key}}}"
IPMI = "{address: 192.168.0.101, protocol: ipmi, user: ADMIN}"
BY_SSH = PINNED.replace("}", ", console: ssh}")
KEYED = BY_SSH.replace("}", ", console_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFrqf0yqEFEgGvT8REUM2+z1eI5wtbOD7ZSpWIlojpO9}")


@pytest.mark.parametrize("bmc, secrets, told", [
    ("192.168.0.101", "bmc: {password: secret-1}", ["has no BMC that may be talked to"]),
    (REDFISH, "bmc: {password: secret-1}", ["public_key: is missing: nothing is said to a BMC whose key is not known"]),
    (PINNED, "", ["there is no password of chick1's BMC"]),
    (PINNED, "bmc: {machines: {chick2: secret-2}}", ["there is no password of chick1's BMC"]),
    (PINNED, "bmc: {machines: {chick1: a-password-of-more-than-20-bytes}}", []),
    (IPMI, "bmc: {password: a-password-of-more-than-20-bytes}", ["is longer than IPMI's 20 bytes"]),
    (IPMI, "bmc: {password: secret-1}", []),
    (PINNED.replace("}", ", console: ipmi}"), "bmc: {password: a-password-of-more-than-20-bytes}", ["is longer than IPMI's 20 bytes"]),
    (BY_SSH, "bmc: {password: secret-1}", ["console_key: is missing: no password is said to an SSH server whose key is not known"]),
    (KEYED, "bmc: {password: secret-1}", []),
])
def test_what_the_files_lack_is_told_before_a_bmc_is_asked(rack_with, bmc, secrets, told):
    found = [str(one) for one in lacking(*rack_with(bmc, secrets))]
    assert len(found) == len(told) and all(part in one for part, one in zip(told, found, strict=True)), found


def test_a_machines_own_password_goes_before_that_of_all(rack_with):
    rack, machine = rack_with(IPMI, "bmc: {password: of-all-of-them, machines: {chick1: of-this-one}}")
    assert board(rack, machine).password == Secret("of-this-one")
    assert board(rack, rack.machine("chick1")).cipher_suite == 17
    assert "of-this-one" not in repr(rack) + repr(board(rack, machine))


def test_rooster_has_ipmitool_only_where_a_bmc_needs_it(rack_with):
    for bmc, wanted in ((IPMI, True), (PINNED, False), (PINNED.replace("}", ", console: ipmi}"), True)):
        rack, _ = rack_with(bmc)
        packages = {name for one in gateway(rack, rack.gateway) if isinstance(one, Packages) for name in one.packages}
        assert ("ipmitool" in packages) is wanted


def test_what_is_wrong_is_told_in_words(rack_with):
    rack, machine = rack_with(PINNED, "bmc: {password: ADMIN}")
    wrong = report(rack, machine, State("off", health="Critical")).wrong
    assert wrong == ("has the account it left the factory with: change its password there, and in configs/secrets.yaml",
                     "says that the machine's health is Critical", "the machine is off, and hosts.yaml expects it to be on")
    assert report(rack, machine, BmcProblem("it does not answer")).wrong == ("it does not answer",)
    rack, machine = rack_with(REDFISH, "bmc: {password: secret-1}")
    (shown,) = report(rack, machine, None, BOARD.public_key).wrong
    assert shown.startswith(f"shows {BOARD.public_key}: compare it")
    rack, machine = rack_with("192.168.0.101")
    assert report(rack, machine, None).wrong == (), "nobody wants to talk to it"
