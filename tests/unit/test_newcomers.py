"""Unknown machines as entries of hosts.yaml: they can be pasted there."""

import shutil

from fabfile.facts.dhcp import Client, parse
from fabfile.facts.newcomers import entries
from fabfile.loading import load
from tests.pages import PROJECT

SAID = ("1795466529.123456 rooster dnsmasq-dhcp[2553]: DHCPDISCOVER(enp3s0) de:ad:be:ef:00:02 ignored\n"
        "1795466535.000001 rooster dnsmasq-dhcp[2553]: DHCPDISCOVER(enp3s0) de:ad:be:ef:00:04 ignored\n"
        "lease 1795492000 de:ad:be:ef:00:06 10.0.0.5 * *\n")


def a_rack(folder, edit=lambda text: text, network=lambda text: text):
    shutil.copytree(PROJECT / "configs", folder / "configs", dirs_exist_ok=True)
    (folder / "hosts.yaml").write_text(edit((PROJECT / "hosts.yaml").read_text()))
    file = folder / "configs/network.yaml"
    file.write_text(network(file.read_text()))
    return load(folder)


def test_entries_go_on_behind_the_last_chick_and_are_taken_as_they_are(tmp_path):
    rack = a_rack(tmp_path)
    made = entries(rack, parse(SAID, {}))
    assert [entry.split("\n")[0] for entry in made] == [
        "  chick11:  # asked for an address 1 times, last 2026-11-23 20:42 UTC",
        "  chick12:  # asked for an address 1 times, last 2026-11-23 20:42 UTC",
        "  chick13:  # has 10.0.0.5 until 2026-11-24 03:46 UTC"]
    pasted = a_rack(tmp_path, lambda text: text.rstrip("\n") + "\n\n" + "\n".join(made) + "\n")
    assert [(machine.inner.mac, str(machine.address()), machine.inner.name) for machine in pasted.machines.values()][-3:] == [
        ("de:ad:be:ef:00:02", "10.0.0.111", "enp1s0"), ("de:ad:be:ef:00:04", "10.0.0.112", "enp1s0"),
        ("de:ad:be:ef:00:06", "10.0.0.113", "enp1s0")]


def test_addresses_that_are_taken_are_left_out(tmp_path):
    rack = a_rack(tmp_path, lambda text: text.replace("10.0.0.200/24", "10.0.0.111/24"),
                  lambda text: text.replace("dhcp:\n", "dhcp:\n  range: [10.0.0.112, 10.0.0.120]\n"))
    assert "address: 10.0.0.121/24" in entries(rack, [Client("de:ad:be:ef:00:02", "", "", False, 1)])[0]


def test_where_no_address_is_free_the_entry_says_so(tmp_path):
    rack = a_rack(tmp_path, lambda text: text.replace("10.0.0.110/24", "10.0.0.253/24"))
    first, second = entries(rack, [Client(f"de:ad:be:ef:00:0{number}", "", "", False, 1) for number in (2, 4)])
    assert "address: 10.0.0.254/24" in first
    assert second.endswith('enp1s0: {mac: "de:ad:be:ef:00:04"}  # 10.0.0.0/24 has no free address behind the last chick\'s')
