"""The doctor over real sshds: it asks all machines at once, names those that are gone, and changes nothing."""

from __future__ import annotations

import json
import tarfile
import time
import xml.etree.ElementTree as ET

from toys import PROJECT

from fabfile.screen.picture import MADE_BY

TOUCHED = "find /etc /home /usr/local /var/lib/coop /run -xdev -newer /tmp/before ! -type d ! -name utmp 2>/dev/null || :"


def looked(operator, *words: str) -> tuple[int, dict, float]:
    began = time.monotonic()
    code, said = operator.end(".venv/bin/inv", "doctor", "--json", *words)
    return code, json.loads(said[said.index("{"):]), time.monotonic() - began


def by_rule(told: dict) -> dict:
    return {(one["rule"], one["where"]): one for one in told["findings"]}


def test_one_look_at_all_machines_names_what_is_wrong_and_changes_nothing(operate):
    operator = operate(chicks=3)
    hosts = operator.swarm.hosts
    hosts["chick1"].run("printf '/swap.img none swap sw 0 0\\n' >>/etc/fstab; mkdir -p /var/lib/coop; : >/var/lib/coop/kubeadm.begun")
    for host in hosts.values():
        host.run("touch /tmp/before; sleep 0.05")
    code, told, seconds = looked(operator)
    found = by_rule(told)
    assert code == 3 and seconds < 40 and not told["healthy"]
    assert found["swap_returns", "chick1"]["fix"] == "inv cluster.bootstrap --limit chick1"
    assert found["swap_returns", "chick1"]["evidence"].endswith("/swap.img")
    assert ("join_unfinished", "chick1") in found and ("join_unfinished", "chick0") not in found
    assert not any(where for rule, where in found if rule == "machine_unreachable")
    for name, host in hosts.items():
        assert host.run(TOUCHED) == "", name
        assert host.run("ls -d /run/coop-* 2>/dev/null || :") == "", name


def test_machines_that_are_gone_are_named_and_the_others_are_asked(operate):
    operator = operate(chicks=3)
    hosts = operator.swarm.hosts
    hosts["chick2"].run("printf '/swap.img none swap sw 0 0\\n' >>/etc/fstab")
    hosts["chick1"].process.kill()
    code, told, seconds = looked(operator)
    found = by_rule(told)
    assert code == 3 and seconds < 40 and ("machine_unreachable", "chick1") in found and ("swap_returns", "chick2") in found
    assert "inv node.remove chick1 --dead" in found["machine_unreachable", "chick1"]["fix"]

    operator.folder.joinpath("hosts.yaml").write_text(operator.folder.joinpath("hosts.yaml").read_text().replace(
        "  chick1:\n", "  chick1:\n    expect: off\n"))
    assert ("machine_unreachable", "chick1") not in by_rule(looked(operator)[1])

    hosts["rooster"].process.kill()
    code, told, seconds = looked(operator)
    [rooster] = told["findings"]
    assert code == 3 and seconds < 40 and (rooster["rule"], rooster["harm"]) == ("rooster_unreachable", "down")
    assert {one["rule"] for one in rooster["follows"]} == {"machine_unreachable"}, "of the cluster nothing is known"


def test_the_picture_shows_what_the_doctor_sees_and_changes_nothing(operate):
    operator = operate(chicks=2)
    hosts = operator.swarm.hosts
    hosts["chick1"].process.kill()
    for name in ("rooster", "chick0"):
        hosts[name].run("touch /tmp/before; sleep 0.05")
    code, page = operator.end(".venv/bin/inv", "rack.picture")
    assert code == 0 and page.startswith(MADE_BY), page
    drawing = ET.fromstring(page).find(".//{http://www.w3.org/2000/svg}svg")
    about = {one.text.partition("; ")[0]: one.text for one in drawing.iter("{http://www.w3.org/2000/svg}title")}
    assert about["chick1"].startswith("chick1; unreachable (") and about["rooster"].startswith("rooster; does not work (")
    [cluster] = (text for name, text in about.items() if name.startswith("cluster "))
    assert "; does not work (" in cluster, "no API server answers"
    for name in ("rooster", "chick0"):
        assert hosts[name].run(TOUCHED) == "", name


def test_a_bundle_has_what_every_machine_said(operate):
    operator = operate(chicks=1)
    code, _, _ = looked(operator, "--bundle")
    [path] = PROJECT.glob("coop-*.tar.gz")
    try:
        with tarfile.open(path) as packed:
            names = {name.partition("/")[2] for name in packed.getnames()}
            assert {"rooster/machine.txt", "rooster/more.txt", "chick0/machine.txt", "rack/hosts.yaml", "findings.json"} <= names
            said = packed.extractfile(next(name for name in packed.getnames() if name.endswith("chick0/machine.txt"))).read().decode()
        assert code == 3 and "name\tchick0" in said
    finally:
        path.unlink()
