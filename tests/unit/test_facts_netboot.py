"""What rooster says of boots, as tasks understand it."""

import json
import subprocess

import pytest

from fabfile.facts.dhcp import Client
from fabfile.facts.netboot import Ordered, Word, foreign_servers, misfit, parse
from fabfile.screen import netboot as screen

ANSWER = """now 1764358000
order 10.0.0.100/armed 1764357900
|id 0123456789ab
|machine chick0
|who ops
|expires 1764359700
order 10.0.0.101/claimed-aaaaaaaaaaaa 1764350000
|id aaaaaaaaaaaa
|machine chick1
order 10.0.0.101/expired-bbbbbbbbbbbb 1764351000
|id bbbbbbbbbbbb
|machine chick1
order 10.0.0.102/claimed-cccccccccccc 1764350000
|id cccccccccccc
said 10.0.0.100/said/0123456789ab/6f1c-2.refused 1764357950
|there is no disk ata-A
said 10.0.0.100/said/0123456789ab/6f1c-1.refused 1764357940
|an earlier one
said 10.0.0.101/said/aaaaaaaaaaaa/finished 1764350900
|ssh-ed25519 AAAA
asked 10.0.0.100 1764357920 GET /preseed.cfg 200
asked 10.0.0.100 1764357910 TFTP 00-25-90-51-cf-1c/pxelinux.0 200
asked 10.0.0.102 1764357910 GET /guard 404
"""


def test_where_an_order_lies_says_how_far_it_has_come():
    found = parse(ANSWER)
    armed, done, begun = (found.order(f"10.0.0.{number}") for number in (100, 101, 102))
    assert (armed.state, armed.id, armed.about["who"]) == ("armed", "0123456789ab", "ops")
    assert armed.word("refused") == Word("refused", 1764357950, "there is no disk ata-A") and armed.word("finished") is None
    assert (done.state, done.id, done.since) == ("finished", "aaaaaaaaaaaa", 1764350900), "an order that expired later does not hide it"
    assert begun == Ordered("cccccccccccc", "claimed", 1764350000, {"id": "cccccccccccc"})
    assert found.order("10.0.0.103") is None
    assert found.asked == {"10.0.0.100": (1764357920, "GET /preseed.cfg"), "10.0.0.102": (1764357910, "GET /guard (404)")}


def test_the_screen_names_everybody():
    strangers = [Client("52:54:00:00:00:99", "", "", False, 1764357000, 3)]
    addresses = {"chick0": "10.0.0.100", "chick1": "10.0.0.101", "chick3": "10.0.0.103"}
    text = screen.as_text(parse(ANSWER), addresses, strangers)
    folded = " ".join(text.split())
    assert "armed until 2025-11-28" in folded and "0123456789ab" in folded
    assert "chick0: it refused its order: there is no disk ata-A" in text
    assert "installed by order aaaaaaaaaaaa" in folded and "chick3 boots its disk" in folded
    assert "52:54:00:00:00:99 is in no hosts.yaml" in folded and max(map(len, text.splitlines())) <= 100
    assert json.loads(screen.as_json(parse(ANSWER), addresses, strangers))["machines"]["chick0"]["order"]["state"] == "armed"


@pytest.mark.parametrize("answer, why", [
    ("kernel 6.12.117+deb13-amd64\ncomponents 6.12.107+deb13-amd64\ncomponents 6.12.117+deb13-amd64\n", ""),
    ("kernel 6.12.117+deb13-amd64\ncomponents 6.12.107+deb13-amd64\n", "components for 6.12.107+deb13-amd64"),
    ("kernel \ncomponents 6.12.107+deb13-amd64\n", "Debian's installer is not on rooster"),
    ("kernel 6.12.117+deb13-amd64\ncurl: (22) The requested URL returned error: 502\n", "error: 502"),
])
def test_kernel_and_components_have_to_fit(answer, why):
    assert why in misfit(answer) and bool(misfit(answer)) == bool(why)


def test_another_dhcp_server_is_named():
    assert foreign_servers("asked\n") == []
    assert foreign_servers("offer 10.0.0.7 52:54:00:00:00:07\noffer 10.0.0.8 \nasked\n") == ["10.0.0.7 (52:54:00:00:00:07)", "10.0.0.8"]
    assert foreign_servers("sh: busybox: not found\n") is None


def test_the_kernel_of_an_image_is_found(tmp_path):
    from fabfile.facts.netboot import kernels
    before = b"\0\xffMZ\x908\x1f\0\x000123456789ABCDEF\0\0"  # digits that begin no version
    image = before + b"6.12.117+deb13-amd64 (debian-kernel@lists.debian.org) #1 SMP\0" + bytes(range(256))
    (tmp_path / "linux").write_bytes(image)
    said = subprocess.run(["sh", "-c", kernels(str(tmp_path), "file:///none")], capture_output=True, text=True).stdout
    assert said.splitlines()[0] == "kernel 6.12.117+deb13-amd64"


def test_what_lies_on_disks_is_shown_before_anybody_agrees_to_lose_it():
    from fabfile.screen.installing import disks_text

    report = "serial SN-1\nuuid 4c4c\nfirmware uefi\ndisk sda size=240057409536 serial=S2 holds=gpt vfat ext4 ids=ata-S2 wwn-0x5\n" \
        "disk sdb size=64 serial= holds=nothing ids="
    assert disks_text(report) == "  sda, 240057409536 bytes, serial number S2: gpt vfat ext4\n  sdb, 64 bytes, serial number : nothing"
