"""Control groups of every kind of computer, read from what its kernel says."""

from pathlib import Path

import pytest

from lab.cgroups import Groups, Hierarchy, is_version_2, read_hierarchies
from lab.computer import file_system, lacking_controllers

ALL_OF_VERSION_1 = """\
31 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
33 31 0:28 / /sys/fs/cgroup/memory rw,relatime shared:10 - cgroup cgroup rw,memory
34 31 0:29 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
35 31 0:30 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
36 31 0:31 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
37 31 0:32 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
MEMBER_OF_VERSION_1 = """\
12:pids:/
7:cpu,cpuacct:/jobs/a
5:memory:/jobs/a
3:cpuset:/
2:freezer:/
1:name=systemd:/user.slice
0::/user.slice
"""
VERSION_2 = "29 23 0:25 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


def test_a_computer_with_version_2_alone():
    found = read_hierarchies("0::/user.slice/session-3.scope\n", VERSION_2)
    assert found == (Hierarchy("", Path("/sys/fs/cgroup"), "/user.slice/session-3.scope"),)
    assert is_version_2(found)


def test_version_2_places_the_lab_at_the_top():
    """A group that has processes, as the caller's, cannot hand controllers on."""
    groups = Groups("coop-lab", read_hierarchies("0::/user.slice/session-3.scope\n", VERSION_2))
    assert [base for _, base in groups.bases()] == [Path("/sys/fs/cgroup/coop-lab")]


def test_a_hybrid_computer_has_version_1_first_and_joint_controllers_stay_joint():
    found = read_hierarchies(MEMBER_OF_VERSION_1, ALL_OF_VERSION_1)
    names = ["pids", "cpu,cpuacct", "memory", "cpuset"]
    assert [each.controllers for each in found] == [*names, "name=systemd", ""]
    assert [each.folder for each in found] == [*names, "systemd", ""]
    assert not is_version_2(found)
    assert not lacking_controllers(found)


def test_version_1_keeps_the_lab_within_the_limits_of_its_caller():
    groups = Groups("coop-lab", read_hierarchies(MEMBER_OF_VERSION_1, ALL_OF_VERSION_1))
    bases = {hierarchy.controllers: str(base) for hierarchy, base in groups.bases()}
    assert bases["memory"] == "/sys/fs/cgroup/memory/jobs/a/coop-lab"
    assert bases["pids"] == "/sys/fs/cgroup/pids/coop-lab"


def test_within_a_container_only_a_part_of_the_tree_is_mounted():
    mounts = "32 31 0:27 /docker/77 /sys/fs/cgroup/memory ro,relatime - cgroup cgroup rw,memory\n"
    at = Path("/sys/fs/cgroup/memory")
    assert read_hierarchies("5:memory:/docker/77\n", mounts) == (Hierarchy("memory", at, "/"),)
    assert read_hierarchies("5:memory:/docker/77/x\n", mounts)[0].own == "/x"


def test_what_a_computer_lacks_is_named():
    found = read_hierarchies("5:memory:/\n", ALL_OF_VERSION_1)
    assert lacking_controllers(found) == {"cpu", "cpuacct", "cpuset", "pids", "name=systemd"}


def test_version_2_needs_no_cpuacct(tmp_path):
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    assert not lacking_controllers((Hierarchy("", tmp_path, "/"),))
    (tmp_path / "cgroup.controllers").write_text("hugetlb\n")
    assert lacking_controllers((Hierarchy("", tmp_path, "/"),)) == {"cpu", "cpuset", "memory", "pids"}


@pytest.mark.parametrize("controllers, file, text", [
    ("cpu,cpuacct", "cpuacct.usage", "2500000000\n"), ("", "cpu.stat", "usage_usec 2500000\nuser_usec 1\n")])
def test_processor_time_is_reported_in_seconds(tmp_path, controllers, file, text):
    (tmp_path / "coop-lab/chick0").mkdir(parents=True)
    (tmp_path / "coop-lab/chick0" / file).write_text(text)
    others = Hierarchy("pids", tmp_path / "elsewhere", "/")
    assert Groups("coop-lab", (others, Hierarchy(controllers, tmp_path, "/"))).cpu("chick0") == 2.5


def test_the_file_system_of_a_folder_is_that_of_the_nearest_mount():
    mounts = """\
20 1 254:0 / / rw - overlay overlay rw
21 20 254:1 / /var/lib rw - ext4 /dev/sda1 rw
22 20 0:30 / /var/lib/x rw - tmpfs tmpfs rw
23 20 0:31 / /var/lib/x rw - btrfs /dev/sdb rw
"""
    assert file_system(Path("/var/lib/coop"), mounts) == "ext4"
    assert file_system(Path("/var/lib/x"), mounts) == "btrfs"
    assert file_system(Path("/var/libx"), mounts) == "overlay"
