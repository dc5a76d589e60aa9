"""What resources say is run, in a sandbox: a plan that was applied is empty when it is made again."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench.role.line import FileLine
from fabfile.resources import (
    Absent,
    AptRepository,
    Directory,
    Download,
    File,
    HomeKubeconfig,
    Hostname,
    Modules,
    Ran,
    SwapOff,
    Symlink,
    Sysctls,
)
from fabfile.resources.accounts import AuthorizedKeys, Group, User
from fabfile.secret import Secret
from tests.unit.sandbox import a_sandbox


@pytest.fixture(scope="module")
def machine():
    with a_sandbox() as sandbox:
        yield sandbox


def test_a_file_is_made_then_left_alone_then_mended(machine):
    file = File("/etc/new folder/a'file.conf", "one\ntwo\n", mode=0o640)
    assert machine.make(file) == ["/etc/new folder/a'file.conf is absent"]
    assert machine.run("stat -c %a '/etc/new folder'; ls -A '/etc/new folder'")[1] == "755\na'file.conf\n"
    machine.run(f'echo three >>"{file.path}"')
    [change] = machine.plan(file)
    assert change.what == "/etc/new folder/a'file.conf has other content"
    assert "-three" in change.diff.split("\n") and change.alters == {f"file:{file.path}"}
    machine.make(file)
    assert machine.read(file.path) == "one\ntwo\n"
    assert machine.read(f"/var/lib/coop/former{file.path}") == "one\ntwo\nthree\n"


def test_a_full_disk_is_named_and_the_previous_file_stays(machine):
    machine.run("mkdir /full; mount -t tmpfs -o size=64k none /full; echo former >/full/file")
    full, _ = machine.run("cat /dev/zero >/full/rest 2>/dev/null")
    (change,) = machine.plan(File("/full/file", "x" * 30_000, check="true {}"))
    code, said = machine.run(f"set -e\n{change.commands[0].script}")
    assert full and code and said.endswith("the disk is full\n"), said
    assert machine.run("ls -A /full; cat /full/file")[1] == "file\nrest\nformer\n"
    machine.run("umount /full")


def test_owner_and_mode_are_set_without_writing_the_file(machine):
    machine.make(File("/etc/mine", "x"))
    before = machine.run("stat -c %i.%Y /etc/mine")
    assert machine.make(File("/etc/mine", "x", owner="nobody", group="daemon", mode=0o4750)) == [
        "/etc/mine belongs to root:root, should belong to nobody:daemon",
        "/etc/mine has mode 0644, should have 4750"]
    assert machine.run("stat -c %i.%Y /etc/mine") == before


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.text(st.characters(codec="utf-8")), st.binary()))
def test_any_content_arrives_as_it_was(machine, content):
    file = File("/etc/any", content)
    machine.apply(machine.plan(file))
    assert not machine.plan(file)
    wanted = content.encode() if isinstance(content, str) else content
    assert machine.run("sha256sum </etc/any")[1].split()[0] == hashlib.sha256(wanted).hexdigest()


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=60)
       .filter(lambda name: name not in (".", "..") and len(name.encode()) < 200))
@example("\n")
def test_any_path_is_that_path(machine, name):
    machine.run("rm -rf /any; mkdir /any")
    machine.make(File(f"/any/{name}", name))
    assert machine.run("cat /any/* /any/.[!.]* 2>/dev/null; ls -A /any | wc -l")[1].startswith(name)
    machine.make(Absent(f"/any/{name}"))
    machine.make(Symlink(f"/any/{name}", f"{name} {name}"))
    machine.make(Absent(f"/any/{name}"))
    machine.make(Directory(f"/any/{name}", mode=0o700))
    assert not machine.plan(Directory(f"/any/{name}", mode=0o700))


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\n"), min_size=1))
def test_any_line_is_added_once(machine, line):
    machine.write("/etc/lines", "first")
    machine.make(FileLine("/etc/lines", line))
    assert machine.read("/etc/lines") == ("first\n" if line != "first" else "first") + (
        f"{line}\n" if line != "first" else "")


def test_a_file_that_its_program_refuses_never_goes_live(machine):
    machine.make(File("/etc/checked.sh", "true\n"))
    [change] = machine.plan(File("/etc/checked.sh", "if then\n", check="dash -n {}"))
    code, said = machine.run("set -e\n" + change.commands[0].script)
    assert code != 0 and "Syntax error" in said
    assert machine.read("/etc/checked.sh") == "true\n"
    assert machine.run("ls -A /etc | grep coop-new")[1] == ""


def test_what_a_killed_run_left_is_cleared_by_the_next(machine):
    machine.write("/etc/.coop-new.half", "ha")
    machine.make(File("/etc/half", "whole"))
    assert machine.run("ls -A /etc | grep half")[1] == "half\n"


def test_a_link_gives_way_to_a_file_and_its_target_stays(machine):
    machine.write("/etc/target", "theirs")
    machine.make(Symlink("/etc/resolv", "target"))
    assert machine.make(File("/etc/resolv", "ours")) == ["/etc/resolv is a link to target"]
    assert machine.read("/etc/target") == "theirs"
    assert machine.make(Symlink("/etc/resolv", "other")) == [
        "/etc/resolv is no link, should be a link to other"]


def test_a_secret_file_is_its_owners_alone_and_no_plan_shows_it(machine):
    file = File("/etc/key", Secret("correct horse"), mode=0o644)
    machine.write("/etc/key", "former secret")
    [change] = machine.plan(file)
    assert not change.diff and "horse" not in change.commands[0].shown
    assert "former secret" not in machine.run(file.probe())[1]
    assert machine.make(file)
    assert machine.run("stat -c %a /etc/key /var/lib/coop")[1] == "600\n700\n"


def test_a_file_that_changed_since_it_was_looked_at_is_left(machine):
    machine.write("/etc/fstab", "/dev/none none swap sw 0 0\n")
    change = machine.plan(SwapOff())[0]
    machine.run("echo '/dev/late /srv ext4 defaults 0 0' >>/etc/fstab")
    code, said = machine.run("set -e\n" + change.commands[0].script)
    assert code == 1 and "has changed since it was probed" in said
    assert machine.read("/etc/fstab") == "/dev/none none swap sw 0 0\n/dev/late /srv ext4 defaults 0 0\n"


def test_sysctls_are_kept_and_live(machine):
    sysctls = Sysctls("rack", {"net.ipv4.ip_forward": "1", "net.ipv4.ip_local_port_range": "20000 60000"})
    machine.run("sysctl -q -w net.ipv4.ip_forward=0")
    assert "net.ipv4.ip_forward is 0, should be 1" in machine.make(sysctls)
    machine.run("sysctl -q -w net.ipv4.ip_forward=0")
    assert machine.make(sysctls) == ["net.ipv4.ip_forward is 0, should be 1"]

    assert [change.what for change in machine.plan(Sysctls("gone", {"net.no.such": "1"}))][-1] == (
        "net.no.such is absent, should be 1")


def test_the_hostname_is_kept_and_live(machine):
    machine.make(Hostname("chick7"))
    assert machine.run("hostname; cat /etc/hostname")[1] == "chick7\nchick7\n"
    machine.run("hostname other")
    assert machine.make(Hostname("chick7")) == ["the hostname is other, should be chick7"]


def test_what_the_kernel_does_already_needs_no_module(machine):
    changes = machine.plan(Modules("rack", ("overlay", "no_such_module")))
    assert [change.what for change in changes] == [
        "/etc/modules-load.d/rack.conf is absent", "module no_such_module is not loaded"]


def test_swap_lines_are_commented_for_good(machine):
    machine.write("/etc/fstab", "/dev/sda1 / ext4 defaults 0 1\nUUID=1 none swap sw 0 0\n#x none swap\n"
                                "/swap.img\tnone\tswap\tsw\t0\t0\n/swap /data ext4 x 0 0")
    changes = [change for change in machine.plan(SwapOff()) if "fstab" in change.what]
    assert [change.what for change in changes] == ["/etc/fstab has 2 swap lines"]
    script = changes[0].commands[0].script.replace("systemctl daemon-reload", "")
    assert machine.run("set -e\n" + script)[0] == 0
    assert machine.read("/etc/fstab") == (
        "/dev/sda1 / ext4 defaults 0 1\n# no swap beside kubelet: UUID=1 none swap sw 0 0\n#x none swap\n"
        "# no swap beside kubelet: /swap.img\tnone\tswap\tsw\t0\t0\n/swap /data ext4 x 0 0")
    assert not [change for change in machine.plan(SwapOff()) if "fstab" in change.what]


def test_swap_units_are_masked(machine):
    machine.write("/run/systemd/generator/dev-sda2.swap", "[Swap]\nWhat=/dev/sda2\n")
    machine.write("/usr/lib/systemd/system/zramswap.service", "[Service]\nExecStart=true\n")
    [change] = [change for change in machine.plan(SwapOff()) if change.what.endswith("not masked")]
    assert change.what == "dev-sda2.swap, swap.target, zramswap.service: not masked"
    machine.run("cd /etc/systemd/system; for unit in swap.target zramswap.service dev-sda2.swap\n"
                "do ln -sf /dev/null $unit; done")
    assert not [change for change in machine.plan(SwapOff()) if change.what.endswith("not masked")]


def test_a_download_is_what_it_should_be_or_nothing(machine):
    machine.write("/srv/tool", "the tool\n")
    digest = hashlib.sha256(b"the tool\n").hexdigest()
    tool = Download("file:///srv/tool", digest, "/usr/local/bin/tool", mode=0o755)
    machine.make(tool)
    assert machine.make(Download("file:///srv/tool", digest, "/usr/local/bin/tool", mode=0o700)) == [
        "/usr/local/bin/tool has mode 0755, should have 0700"]
    [change] = machine.plan(Download("file:///srv/tool", "0" * 64, "/usr/local/bin/tool"))
    code, said = machine.run("set -e\n" + change.commands[0].script)
    assert code == 1 and "file:///srv/tool has other content" in said
    assert machine.read("/usr/local/bin/tool") == "the tool\n"


def test_a_command_runs_until_what_it_makes_is_whole(machine):
    ran = Ran("unpack", "mkdir {} && touch {}/a && false", "/opt/thing")
    [change] = machine.plan(ran)
    assert machine.run("set -e\n" + change.commands[0].script)[0] == 1
    assert machine.run("ls /opt/thing")[0] != 0
    machine.make(Ran("unpack", "mkdir {} && touch {}/a", "/opt/thing"))
    assert not machine.plan(ran)
    machine.make(Ran("touch", "touch /opt/other", "/opt/other"))
    [change] = machine.plan(Ran("forget", "true", "/opt/never"))
    assert machine.run("set -e\n" + change.commands[0].script) == (1, "/opt/never was not made\n")


def test_accounts(machine):
    machine.make(Group("flock", system=True))
    machine.make(Group("barn"))
    assert machine.make(User("milky", groups=("flock",))) == ["user milky is absent"]
    assert machine.make(User("milky", groups=("flock", "barn"), shell="/bin/sh")) == [
        "milky is not in barn", "the shell of milky is /bin/bash, should be /bin/sh"]


def test_a_group_is_whole_again(machine):
    """On a full disk groupadd writes /etc/group, and fails before /etc/gshadow."""
    machine.make(Group("nest"))
    whole = machine.run("grep -h ^nest: /etc/group /etc/gshadow")
    machine.run("sed -i /^nest:/d /etc/gshadow")
    assert machine.make(Group("nest")) == ["group nest is only half made"]
    assert machine.run("grep -h ^nest: /etc/group /etc/gshadow") == whole
    assert machine.make(Group("nest")) == []


def test_a_home_is_whole_or_absent(machine):
    """useradd's own way leaves half a skeleton on a full disk, and says that all is well."""
    machine.run("mkdir -p /homes; mount -t tmpfs -o size=64k none /homes; cat /dev/zero >/homes/rest 2>/dev/null")
    full = User("hen", home="/homes/hen")
    useradd, home = machine.plan(full)[0].commands
    assert machine.run(f"set -e\n{useradd.script}")[0] == 0 and machine.run(f"set -e\n{home.script}")[0] != 0
    assert machine.run("ls -A /homes")[1] == "rest\n"
    machine.run("rm /homes/rest")
    assert machine.make(full) == ["the home of hen is absent"]
    assert machine.run("cd /homes/hen; ls -A; stat -c %U .")[1] == machine.run("ls -A /etc/skel; echo hen")[1]
    machine.run("umount /homes")


def test_keys_that_are_gone_open_no_more(machine):
    machine.make(User("spicy"))
    machine.make(AuthorizedKeys("spicy", ("ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two")))
    assert machine.run("stat -c '%a %U %G %n' ~spicy/.ssh ~spicy/.ssh/authorized_keys")[1] == (
        "700 spicy spicy /home/spicy/.ssh\n600 spicy spicy /home/spicy/.ssh/authorized_keys\n")
    [change] = machine.plan(AuthorizedKeys("spicy", ("ssh-ed25519 BBBB two",)))
    machine.make(AuthorizedKeys("spicy", ("ssh-ed25519 BBBB two",)))
    assert machine.read("/home/spicy/.ssh/authorized_keys") == "ssh-ed25519 BBBB two\n"
    assert machine.run(change.undo)[0] == 0
    assert "one" in machine.read("/home/spicy/.ssh/authorized_keys")
    assert machine.run("stat -c '%a %U' ~spicy/.ssh/authorized_keys")[1] == "600 spicy\n"
    with pytest.raises(ValueError):
        AuthorizedKeys("spicy", ())


def test_a_repository_has_its_one_key(machine):
    key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nx\n-----END PGP PUBLIC KEY BLOCK-----\n"
    machine.write("/srv/Release.key", key)
    repository = AptRepository("vendor", "https://vendor.example/deb/", "file:///srv/Release.key")
    assert machine.make(repository) == ["/etc/apt/keyrings/vendor.asc is absent",
                                        "/etc/apt/sources.list.d/vendor.sources is absent"]
    assert machine.read("/etc/apt/sources.list.d/vendor.sources") == (
        "Types: deb\nURIs: https://vendor.example/deb/\nSuites: /\nSigned-By: /etc/apt/keyrings/vendor.asc\n")
    digest = hashlib.sha256(key.encode()).hexdigest()
    assert not machine.plan(AptRepository("vendor", repository.url, repository.key, key_sha256=digest))
    [change] = machine.plan(AptRepository("vendor", repository.url, repository.key, key_sha256="0" * 64))
    assert change.what == "/etc/apt/keyrings/vendor.asc is another key"
    code, said = machine.run("set -e\n" + change.commands[0].script)
    assert code == 1 and "this is another key" in said
    assert machine.read("/etc/apt/keyrings/vendor.asc") == key


def test_an_operators_home_and_group_are_as_they_are(machine):
    """Of a directory service: another primary group than the name, and a home of its own, that root may not write to."""
    source = "/etc/coop/operators/sage.kubeconfig"
    machine.make(File(source, Secret("server: one\n")))
    machine.run("groupadd staffers; mkdir -p /srv/campus; useradd -m -g staffers -d /srv/campus/sage -s /bin/sh -p '*' sage")
    machine.run("groupdel sage 2>/dev/null")
    own = HomeKubeconfig("sage", source)
    assert machine.make(own) == ["/srv/campus/sage/.kube/config is not the operator's"]
    assert machine.run("cd /srv/campus/sage; stat -c '%U %G %a' .kube .kube/config")[1] == "sage staffers 700\nsage staffers 600\n"
    assert machine.make(own) == []
    machine.make(File(source, Secret("server: two\n")))
    machine.make(own)
    assert machine.read("/srv/campus/sage/.kube/config") == "server: two\n"
    assert machine.read("/srv/campus/sage/.kube/config.former") == "server: one\n"
    machine.make(AuthorizedKeys("sage", ("ssh-ed25519 AAAA sage",)))
    assert machine.run("stat -c '%U %G %a' /srv/campus/sage/.ssh/authorized_keys")[1] == "sage staffers 600\n"
    machine.run("mv /srv/campus/sage /srv/campus/away")
    assert machine.make(own) == [], "a home that the first login makes is not made by root"
    assert machine.run("ls /srv/campus")[1] == "away\n"


def test_new_homes_are_where_the_machine_has_them(machine):
    machine.run("cp /etc/default/useradd /tmp/useradd; mkdir -p /srv/homes; useradd -D -b /srv/homes")
    machine.make(User("thyme"))
    machine.make(AuthorizedKeys("thyme", ("ssh-ed25519 AAAA thyme",)))
    assert machine.run("ls /srv/homes/thyme/.ssh; [ -e /home/thyme ] || echo none")[1] == "authorized_keys\nnone\n"
    machine.run("cp /tmp/useradd /etc/default/useradd")
