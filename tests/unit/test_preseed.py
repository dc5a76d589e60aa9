"""What Debian's installer is answered for a machine: every question is one of its own, and debconf reads every line."""

import re
import shutil
import subprocess

import pytest

from fabfile.loading import load
from fabfile.upstream.preseed import METHODS, RECIPES, preseed
from fabfile.upstream.questions import kind_of, questions, wrong
from tests.pages import PROJECT


@pytest.fixture
def rack_with(tmp_path):
    """rack_with(layout="plain", user="spicy", **answers): the sample rack, installed so."""
    def make(layout="plain", user="spicy", **answers):
        shutil.copytree(PROJECT / "configs", tmp_path / "configs", dirs_exist_ok=True)
        hosts = (PROJECT / "hosts.yaml").read_text().replace("user: spicy", f"user: {user}")
        (tmp_path / "hosts.yaml").write_text(hosts)
        install = (PROJECT / "configs/install.yaml").read_text().replace("layout: plain ", f"layout: {layout} ")
        install += "".join(f"        {name}: {value}\n" for name, value in answers.items())
        (tmp_path / "configs/install.yaml").write_text(install)
        return load(tmp_path)
    return make


def answers(text: str) -> dict[str, str]:
    """Question → type and answer."""
    return {line.split(" ")[1]: " ".join(line.split(" ")[2:]) for line in text.splitlines() if not line.startswith("#")}


@pytest.mark.parametrize("layout", METHODS)
@pytest.mark.parametrize("user", ["spicy", "root"])
def test_every_answer_is_one_that_the_installer_takes(rack_with, layout, user):
    rack = rack_with(layout, user)
    text = preseed(rack, rack.machine("chick1"))
    assert subprocess.run(["debconf-set-selections", "--checkonly"], input=text, capture_output=True, text=True).stderr == ""
    for line in text.splitlines()[1:]:
        owner, name, kind, *said = line.split(" ", 3)
        answer = {"true": True, "false": False}.get(said[0], said[0]) if said and kind == "boolean" else "".join(said)
        assert kind == kind_of(owner, name, answer) and wrong(owner, name, answer) is None, line
        if name.endswith("_command"):
            assert subprocess.run(["dash", "-n", "-c", answer]).returncode == 0


def test_no_disk_is_named_before_the_guard_names_it(rack_with):
    rack = rack_with()
    said = answers(preseed(rack, rack.machine("chick1")))
    assert said["partman-auto/disk"] == said["grub-installer/bootdev"] == "string /dev/not-claimed-yet"
    assert said["partman/early_command"] == "string sh /tmp/guard || poweroff -f"


@pytest.mark.parametrize("layout, recipe", RECIPES.items())
def test_a_layout_has_no_swap_and_one_place_for_root(layout, recipe):
    assert "swap" not in recipe and recipe.count("method{ biosgrub }") == recipe.count("method{ efi }") == 1
    parts = recipe.split(" . ")
    by_installer = [part for part in parts if "$defaultignore" not in part and "$lvmok" not in part]
    numbers = {"plain": 3, "lvm": 3, "mirror": 3, "lvm-mirror": 4}  # guard.sh counts on the mirrors' 3 and 4
    assert len(by_installer) == numbers[layout]
    assert len(re.findall(r"mountpoint\{ / \}", recipe)) == (0 if layout == "mirror" else 1)
    assert all(part.count("{") == part.count("}") for part in parts)


def test_what_is_written_stands_beside_what_the_rack_demands(rack_with):
    recipe = "'mine :: 1 2 3 ext4 .'"
    rack = rack_with(**{"partman-auto/expert_recipe": recipe, "partman-auto/cap-ram": "1024"})
    said = answers(preseed(rack, rack.machine("chick1")))
    assert said["partman-auto/expert_recipe"] == "string mine :: 1 2 3 ext4 ."
    assert said["partman-auto/cap-ram"] == "string 1024" and said["pkgsel/include"].endswith("unattended-upgrades")
    assert said["mirror/http/hostname"] == "string 10.0.0.1:8080"


def test_nobody_has_a_password(rack_with):
    for user in ("spicy", "root"):
        rack = rack_with(user=user)
        assert [said for name, said in answers(preseed(rack, rack.machine("chick1"))).items() if "password" in name] == ["password !"]


def test_the_installers_questions_are_many_and_typed():
    known = questions()
    assert len(known) > 450 and {kind for kind, _ in known.values()} == {"boolean", "multiselect", "note", "password", "select", "string"}
    assert known["pkgsel/upgrade"] == ("select", ("none", "safe-upgrade", "full-upgrade"))
