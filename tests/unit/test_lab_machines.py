"""The lab's machines and its rack folder: values and files, no machine."""

import subprocess

import pytest
import yaml

from fabfile.loading import load
from lab import lifecycle, rackfolder, swarm
from lab.cgroups import Groups, Hierarchy
from lab.handle import Lab, LabError
from lab.installer import make_key, network_file
from lab.internet import dnsmasq
from lab.machine import Machine
from lab.places import Places
from lab.plan import Plan, Program

ROOSTER = Machine.read("rooster", {"interfaces": {
    "enp2s0": {"mac": "00:25:90:51:CE:00", "address": "128.120.136.26/24", "gateway": "128.120.136.1"},
    "enp3s0": {"mac": "00:25:90:51:ce:01", "address": "10.0.0.1/24"},
}})
CHICK = Machine.read("chick0", {"interfaces": {
    "enp1s0": {"mac": "00:25:90:51:cf:1c", "address": "10.0.0.100/24"},
}})
PUBLISHED = ("raw.githubusercontent.com/projectcalico/calico/v3.28.5/manifests/calico.yaml",
             "github.com/projectcalico/calico/releases/download/v3.28.5/calicoctl-linux-amd64",
             "raw.githubusercontent.com/metallb/metallb/v0.15.2/config/manifests/metallb-native.yaml",
             "raw.githubusercontent.com/rancher/local-path-provisioner/v0.0.30/deploy/local-path-storage.yaml")


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state with a space"))
    places = Places.named("trial")
    make_key(places.key, "operator")
    return places


@pytest.fixture
def www(tmp_path):
    for path in PUBLISHED:
        (tmp_path / "www" / path).parent.mkdir(parents=True)
        (tmp_path / "www" / path).write_text(path)
    return tmp_path / "www"


def test_a_port_is_plugged_in_where_its_address_lies():
    assert [port.bridge for port in ROOSTER.ports] == ["outer", "inner"]
    assert [port.bridge for port in CHICK.ports] == ["inner"]


def test_an_installer_sets_the_gateway_on_the_port_that_it_lies_behind():
    assert "Gateway=128.120.136.1" in network_file(ROOSTER, ROOSTER.ports[0])
    assert "Gateway" not in network_file(ROOSTER, ROOSTER.ports[1])
    assert "Gateway=10.0.0.1" in network_file(CHICK, CHICK.ports[0])


def test_a_chick_asks_rooster_for_names_and_rooster_the_campus():
    assert (CHICK.resolver, ROOSTER.resolver) == ("10.0.0.1", "128.120.136.129")


def test_a_plan_is_read_as_it_was_written(tmp_path):
    plan = Plan(Groups("coop-x", (Hierarchy("memory", tmp_path, "/a"),)), (ROOSTER, CHICK),
                (Program("web", ("nginx", "-g"), (tmp_path,), {"srv": tmp_path}),),
                root=tmp_path, common=tmp_path, mirror_cache=tmp_path, extras=("marimo",))
    plan.write(tmp_path / "plan.json")
    assert Plan.read(tmp_path / "plan.json") == plan


@pytest.mark.parametrize("name", ["a-b", "A", "1a", "", "a" * 17, "a/b", "lab "])
def test_a_name_that_could_be_mistaken_is_refused(name, monkeypatch):
    monkeypatch.setenv("COOP_LAB", name)
    if name:
        with pytest.raises(ValueError):
            Places.named()
    else:
        assert Places.named().name == "lab"


def test_the_labs_rack_is_a_rack_as_any_other(places, www):
    machines = rackfolder.render(places, www)
    rack = load(places.rack)
    assert [machine.name for machine in machines] == [*rack.machines, rackfolder.SPARE]
    assert rack.operator.identity_file == str(places.key)
    for machine in machines[:-1]:
        cards = rack.machine(machine.name).interfaces
        assert [(port.name, port.address) for port in machine.ports] == \
            [(name, str(card.address)) for name, card in cards.items()]


def test_a_lab_may_have_three_control_planes(places, www):
    rackfolder.render(places, www, 3)
    assert [machine.name for machine in load(places.rack).control_planes] == ["chick0", "chick1", "chick2"]
    assert rackfolder.written_control_planes(places) == 3
    rackfolder.render(places, www)
    rack = load(places.rack)
    assert [machine.name for machine in rack.control_planes] == ["chick0"]
    assert [machine.name for machine in rack.workers] == ["chick1", "chick2"]


def test_a_swarm_is_a_rack_as_any_other(places):
    machines = swarm.write_rack(places, 3)
    rack = load(places.rack)
    assert [machine.name for machine in machines] == ["rooster", "chick0", "chick1", "chick2"] == [*rack.machines]
    assert [machine.address for machine in machines] == ["128.120.136.26", "10.0.0.100", "10.0.0.101", "10.0.0.102"]
    assert len({port.mac for machine in machines for port in machine.ports}) == 5
    assert rack.operator.identity_file == str(places.key)


@pytest.mark.parametrize("chicks", [0, swarm.MOST + 1])
def test_a_swarm_has_no_more_machines_than_addresses(places, chicks):
    with pytest.raises(ValueError, match="1 to 150"):
        swarm.up(places, chicks, print)


def test_a_light_machine_boots_nothing_but_what_it_is_reached_by(tmp_path):
    units, layer = tmp_path / "root/usr/lib/systemd/system", tmp_path / "layer"
    (tmp_path / "key.asc").write_text("a key")
    for unit in ("multi-user.target.wants/dbus.service", "sysinit.target.wants/systemd-journald.service"):
        (units / unit).parent.mkdir(parents=True)
        (units / unit).touch()
    (tmp_path / "root/usr/lib/systemd/system-generators").mkdir()
    swarm.install_light(tmp_path / "root", layer, tmp_path / "key.asc")
    masked = {link.name for link in (layer / swarm.UNITS).iterdir() if link.is_symlink() and
              str(link.readlink()) == "/dev/null"}
    assert masked == {"dbus.service", "systemd-networkd.service", "systemd-networkd.socket"}


def test_the_spare_machine_is_added_as_an_operator_would_add_it(places, www):
    rackfolder.render(places, www)
    for _ in range(2):  # the second time it is there already
        name = rackfolder.add_spare(places)
    assert str(load(places.rack).machine(name).address()) == "10.0.0.111"


def test_the_rack_asks_for_the_versions_that_the_forge_makes(places, www):
    from lab.forge.site import site

    rackfolder.render(places, www)
    versions = yaml.safe_load((places.rack / "configs/versions.yaml").read_text())
    made = {name: version for each in site().with_inputs() for name, version in each.versions.items()}
    for name in ("kubernetes", "containerd", "calico", "helm", "metallb"):
        assert versions[name]["version"].lstrip("v") == made[name].lstrip("v")


@pytest.mark.parametrize("extras, profiles", [((), ["default", "large"]), (("marimo",), ["default", "large", "marimo"])])
def test_the_hub_offers_what_is_built(places, www, extras, profiles):
    rackfolder.render(places, www, extras=extras)
    hub = load(places.rack).services["hub"]
    assert [profile["slug"] for profile in hub.values["singleuser"]["profileList"]] == profiles


def test_a_lab_that_is_up_without_what_is_asked_for_is_refused(places, www, tmp_path, monkeypatch):
    rackfolder.render(places, www)
    monkeypatch.setattr(lifecycle, "standing", Lab)
    Plan(Groups("coop-x", ()), (), (), root=tmp_path, common=tmp_path, mirror_cache=None).write(places.plan)
    with pytest.raises(LabError, match=r"^trial is up without marimo: inv lab\.down --name trial$"):
        lifecycle.up(places, print, extras={"marimo"})
    assert lifecycle.up(places, print) == Lab(places)
    Plan(Groups("coop-x", ()), (), (), root=tmp_path, common=tmp_path, mirror_cache=None, extras=("marimo",)).write(places.plan)
    assert lifecycle.up(places, print, extras={"marimo"}) == lifecycle.up(places, print) == Lab(places)


def test_names_lead_to_the_sites_and_no_other_name_exists():
    text = dnsmasq(["registry.k8s.io", "pkgs.k8s.io"])
    assert "address=/pkgs.k8s.io/203.0.113.80\n" in text
    assert "address=/ftp.us.debian.org/203.0.113.81\n" in text
    assert text.endswith("address=/#/\n")


def test_the_door_says_in_a_sentence_that_there_is_no_lab():
    done = subprocess.run([rackfolder.DOOR, "nosuch", "128.120.136.26", "22"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "door: there is no lab nosuch: inv lab.up\n")
