"""What a machine says at its serial port: data, in tests/cases/console.yaml."""

from pathlib import Path

import pytest
import yaml

from fabfile.facts.console import keys, last, stage

CASES = yaml.safe_load((Path(__file__).parents[1] / "cases/console.yaml").read_text())
ORDER = "0123456789ab"
READ = f"[coop order {ORDER}]\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_what_was_said_is_read_as_a_person_reads_it(case):
    assert last(case["says"]) == case["last"] and stage(case["says"]) == case["stage"]


@pytest.mark.parametrize("text, found", [
    ("", None),
    (f"COOP HOSTKEY {ORDER} ssh-ed25519 AAAA\n", None),  # an order for which nobody read the console
    ("[coop order ffffffffffff]\r\nCOOP HOSTKEY 0123456789ab ssh-ed25519 AAAA\n", None),
    (READ, set()),
    (READ + f"COOP HOSTKEY {ORDER} ssh-ed25519 AAAA\r\n", {"ssh-ed25519 AAAA"}),
    (READ + f"\x1b[0m[   97.1] COOP HOSTKEY {ORDER} ssh-ed25519 AAAA \r\n" * 2, {"ssh-ed25519 AAAA"}),
    (READ + f"COOP HOSTKEY {ORDER} ssh-ed25519 AAAA\nCOOP HOSTKEY {ORDER} ssh-ed25519 AABA\n", {"ssh-ed25519 AAAA", "ssh-ed25519 AABA"}),
    (READ + f"COOP HOSTKEY {ORDER} ssh-ed25519 AA[   98.0] eth0: link down\n", set()),  # another line is in it
    (READ + "COOP HOSTKEY ffffffffffff ssh-ed25519 AAAA\n", set()),
])
def test_the_host_key_of_an_order_is_what_its_whole_lines_say(text, found):
    assert keys(text, ORDER) == found
