"""The end of an installation, run by this computer's own shell over a /target that is made for it."""

import subprocess
from pathlib import Path

import pytest

from fabfile.programs import shell

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ/4TIm9v9N1LWGGkGw2N1u1HSsbFFOCJGA6bKDOKxo5"
PROGRAMS = {
    "in-target": 'echo "in-target $*" >>"$DONE"\n'
                 'case $1 in ssh-keygen) echo "$HOST_KEY root@chick1" >"$TARGET/etc/ssh/ssh_host_ed25519_key.pub" ;; esac',
    "apt-install": 'echo "apt-install $*" >>"$DONE"',
    "wget": 'for word; do case $word in --body-file=*) cat "${word#*=}" >>"$DONE" ;; esac; done; echo "wget $*" >>"$DONE"',
}


@pytest.mark.parametrize("user", ["spicy", "root"])
def test_keys_sudo_sources_and_the_report(tmp_path, user):
    target, programs, done = tmp_path / "target", tmp_path / "bin", tmp_path / "done"
    programs.mkdir()
    for place in ("etc/apt/sources.list.d", "etc/ssh", "root", "home/spicy", "usr/bin", "usr/sbin"):
        (target / place).mkdir(parents=True)
    (target / "usr/sbin/sshd").write_text("")
    (target / "usr/sbin/sshd").chmod(0o755)
    (target / "etc/apt/sources.list").write_text(
        "deb http://10.0.0.1:8080/debian/ trixie main\ndeb http://10.0.0.1:8080/debian-security trixie-security main\n"
        "deb http://10.0.0.1:8080/debian trixie-updates main\n")
    (target / "etc/dhcpcd.conf").write_text("persistent\n")
    for name, text in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    text = shell("late", order="0123456789ab", rooster="10.0.0.1:8080", user=user, keys=f"{KEY} one\n{KEY} two", target=str(target),
                 mirror="https://ftp.us.debian.org/debian", security="http://security.example.org/debian-security",
                 mirror_path="/debian", security_path="/debian-security", console="/dev/null", sys="/sys") \
        .replace("/tmp/finished", str(tmp_path / "finished")).replace("/tmp/$1", f"{tmp_path}/$1")
    run = subprocess.run(["dash", "-c", text], capture_output=True, text=True, timeout=30, env={
        "PATH": f"{programs}:/usr/bin:/bin", "DONE": str(done), "TARGET": str(target), "HOST_KEY": KEY})
    assert run.returncode == 0, run.stderr
    home = Path("root" if user == "root" else "home/spicy")
    assert (target / home / ".ssh/authorized_keys").read_text() == f"{KEY} one\n{KEY} two\n"
    assert (target / "etc/apt/sources.list").read_text() == (
        "deb https://ftp.us.debian.org/debian/ trixie main\ndeb http://security.example.org/debian-security trixie-security main\n"
        "deb https://ftp.us.debian.org/debian trixie-updates main\n")
    assert (target / "etc/dhcpcd.enter-hook").read_text() == 'skip_hooks="$skip_hooks resolv.conf"\n'
    assert (target / "etc/coop/order").read_text() == "0123456789ab\n"
    acts = done.read_text()
    assert f"{KEY}\nwget" in acts and "http://10.0.0.1:8080/said/0123456789ab/finished" in acts
    assert f"in-target chown -R {user}: /{home}/.ssh" in acts and "openssh-server" not in acts
    assert ("apt-install sudo" in acts) == (target / "etc/sudoers.d/operator").exists() == (user != "root")
