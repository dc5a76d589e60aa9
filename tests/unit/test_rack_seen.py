"""The rack as it is seen: on a screen of 100 columns, as JSON, by OpenSSH; what is asked of it by name."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from fabfile.loading import load
from fabfile.loading.compatibility import matrices
from fabfile.rack import RackProblems, ssh
from fabfile.screen import rack as screen

BASE = Path(__file__).parents[2] / "tests/cases/rack/base"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICdfkzXjT0E5wnqTGcKLuBTTqXuDy8tgyDDR6Rj+c5CQ"


@pytest.fixture
def rack():
    return load(BASE)


@pytest.fixture
def edited(tmp_path):
    """The sample rack with its hosts.yaml changed as a tree."""
    def edited(change):
        (tmp_path / "configs").symlink_to(BASE / "configs")
        hosts = yaml.load((BASE / "hosts.yaml").read_text(), yaml.BaseLoader)
        change(hosts)
        (tmp_path / "hosts.yaml").write_text(yaml.safe_dump(hosts, sort_keys=False))
        return load(tmp_path)

    return edited


def widen(hosts):
    """Names, roles and cards as long as they may be."""
    hosts["machines"] = {
        f"{name}-of-the-science-building": machine for name, machine in hosts["machines"].items()}
    machine = hosts["machines"]["hen-of-the-science-building"]
    machine["roles"] = ["storage", "worker"]
    machine["interfaces"] = {"enp129s0f0np0np": machine["interfaces"]["enp3s0f0"]}


def test_it_fits_100_columns(rack, edited):
    for one in (rack, edited(widen)):
        text = screen.as_text(one)
        assert max(map(len, text.splitlines())) <= 100
    for name in rack.machines:
        assert name in screen.as_text(rack)


def test_json_holds_what_the_files_say(rack):
    shown = json.loads(screen.as_json(rack))
    for part in ("cluster", "versions", "network"):
        written = yaml.load((BASE / f"configs/{part}.yaml").read_text(), yaml.BaseLoader)
        assert contains(shown[part], written)
    assert shown["machines"]["rooster"]["interfaces"]["enp2s0"] == {
        "mac": "00:25:90:00:00:01", "address": "128.120.136.26/24", "gateway": "128.120.136.1",
        "network": "public", "dhcp": False}


def contains(shown, written) -> bool:
    if isinstance(written, dict):
        return all(contains(shown[key], value) for key, value in written.items())
    if isinstance(written, list):
        return len(shown) == len(written) and all(map(contains, shown, written))
    return str(shown) == written


def settings(config: Path, machine: str) -> dict[str, str]:
    """What OpenSSH itself understands."""
    said = run("ssh", "-G", "-F", str(config), machine)
    return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def pinned_and_through_a_door(hosts):
    hosts["operator"] |= {"proxy_command": "sh -c 'exec door %h %p'"}
    for number, machine in enumerate(hosts["machines"].values()):
        machine["host_key"] = KEY[:-4] + f"{number:04d}"


def test_openssh_understands_the_config(edited, tmp_path):
    rack = edited(pinned_and_through_a_door)
    config, known = tmp_path / "ssh config", tmp_path / "known hosts"
    config.write_text(ssh.ssh_config(rack, known))
    known.write_text(ssh.known_hosts(rack))
    chick = settings(config, "chick3.flock.lan")
    assert (chick["user"], chick["hostname"], chick["proxyjump"]) == ("spicy", "10.0.0.103", "rooster")
    assert (chick["stricthostkeychecking"], chick["hostkeyalias"]) == ("true", "chick3")
    assert chick["userknownhostsfile"].strip('"') == str(known)
    rooster = settings(config, "rooster")
    assert (rooster["hostname"], rooster["proxycommand"]) == ("128.120.136.26", "sh -c 'exec door %h %p'")
    assert "spicy" not in settings(config, "elsewhere")["user"]
    assert rack.machine("chick3").host_key in run("ssh-keygen", "-F", "chick3", "-f", str(known))


def test_on_rooster_itself_no_jump_is_needed(rack, tmp_path):
    config = tmp_path / "config"
    config.write_text(ssh.ssh_config(rack, tmp_path / "known_hosts", inside=True))
    assert "proxyjump" not in settings(config, "chick3")
    assert settings(config, "rooster")["hostname"] == "10.0.0.1"


def test_a_fingerprint_is_what_ssh_keygen_says(tmp_path):
    key = tmp_path / "key.pub"
    key.write_text(KEY + "\n")
    assert ssh.fingerprint(KEY) == run("ssh-keygen", "-lf", str(key)).split()[1]


def test_machines_have_their_places(rack):
    assert rack.gateway.name == "rooster"
    assert str(rack.gateway.address()) == "10.0.0.1"
    assert str(rack.gateway.address("public")) == "128.120.136.26"
    assert (rack.gateway.outer.name, rack.gateway.inner.name) == ("enp2s0", "enp3s0")
    assert [machine.name for machine in rack.chicks] == [f"chick{number}" for number in range(11)]
    assert rack.leader.name == "chick0"
    assert [machine.name for machine in rack.storage_hosts] == ["hen"]
    with pytest.raises(LookupError):
        rack.machine("chick1").address("public")


def test_a_machine_that_is_not_there_is_reported_with_the_nearest(rack):
    with pytest.raises(RackProblems, match=r"there is no machine 'chik3' .*\(did you mean chick3\?\)"):
        rack.machine("chik3")


def test_nobody_changes_a_rack(rack):
    for change in (
        lambda: rack.machines.__setitem__("x", None),
        lambda: rack.machine("chick1").interfaces.__setitem__("x", None),
        lambda: setattr(rack.network, "domain", "x.lan"),
        lambda: setattr(rack, "name", "x"),
        lambda: rack.cluster.KubeletConfiguration.__setitem__("maxPods", 1),
        lambda: rack.cluster.kubeadm.ClusterConfiguration.clear(),  # noqa: PLW0108  there is no such method
    ):
        with pytest.raises((TypeError, AttributeError, ValueError)):
            change()


@pytest.mark.parametrize("part, version, kubernetes, allowed", [
    ("containerd", "2.3.4", "1.36.4", True), ("containerd", "2.1.9", "1.36.4", False),
    ("containerd", "2.1.4", "1.35.0", False),
    ("containerd", "2.1.5", "1.35.0", True), ("containerd", "2.4.0", "1.36.4", False),
    ("calico", "v3.32.1", "1.36.4", True), ("calico", "v3.28.5", "1.36.3", False),
    ("calico", "v3.32.1", "1.37.0", False),
])
def test_versions_go_together_as_their_makers_say(part, version, kubernetes, allowed):
    matrix = next(matrix for matrix in matrices() if matrix.part == part)
    assert matrix.allows(version, kubernetes) is allowed
    assert matrix.source.startswith("https://")


@pytest.mark.parametrize("written, off", [("off", True), ('"off"', True), ("on", False)])
def test_a_machine_may_be_expected_to_be_off(tmp_path, written, off):
    """As docs/configuration.md writes it, without quotes."""
    (tmp_path / "configs").symlink_to(BASE / "configs")
    text = (BASE / "hosts.yaml").read_text()
    assert text.count("\n  chick3:\n") == 1
    (tmp_path / "hosts.yaml").write_text(text.replace("\n  chick3:\n", f"\n  chick3:\n    expect: {written}\n"))
    assert load(tmp_path).machine("chick3").expected_off is off
