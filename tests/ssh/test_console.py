"""A machine's console: on a terminal, written down, and read a second time for the host key of a new system."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time

import pytest
from bmcs import Bmc, Watched, in_files
from boots import Boots
from installer import Installer
from ipmis import PASSWORD, Ipmi
from test_installing import install
from toys import PROJECT

LOG = "/var/log/coop-console/chick1.log"


class Terminal:
    """`inv …` on a terminal of its own."""

    def __init__(self, operator, *words: str):
        self.ours, theirs = pty.openpty()
        environment = {**os.environ, "COOP_RACK": str(operator.folder), "XDG_STATE_HOME": str(operator.state), "TERM": "dumb"}
        self.process = subprocess.Popen([PROJECT / ".venv/bin/inv", *words], cwd=PROJECT, env=environment, stdin=theirs, stdout=theirs,
                                        stderr=theirs, start_new_session=True)
        os.close(theirs)
        self.said = ""

    def until(self, text: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.said:
            assert time.monotonic() < deadline, self.said
            if select.select([self.ours], [], [], 0.2)[0]:
                try:
                    self.said += os.read(self.ours, 4096).decode(errors="replace")
                except OSError:
                    assert text in self.said, self.said
                    return

    def types(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def end(self) -> int:
        self.types("\x1d")
        return self.process.wait(30)


def until(holds, seconds: float = 60, shown=lambda: "") -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, shown()
        time.sleep(0.1)


@pytest.mark.parametrize("suite", [3, 17])
def test_a_console_on_two_terminals_with_one_reader(operate, suite):
    operator = operate(chicks=2)
    bmc = Ipmi(operator, "chick1", on=True, suites=(suite,))
    in_files(operator, PASSWORD, chick1=bmc.entry(suite))
    code, said = operator.end(".venv/bin/inv", "node.console", "chick1")
    assert code == 2 and "wants a terminal" in said, said
    with Watched(bmc.rooster, "ipmitool") as watched:
        first = Terminal(operator, "node.console", "chick1")
        until(lambda: bmc.machine.listened_to)
        bmc.machine.says("chick1 login: ")
        first.until("chick1 login: ")
        second = Terminal(operator, "node.console", "chick1")
        second.until("chick1 login: ")
        first.types("root\r\x03~.")
        until(lambda: bmc.machine.heard == b"root\r\x03~.", 20, lambda: bmc.machine.heard)
        bmc.machine.says("Password: ")
        second.until("Password: ")
        assert first.end() == 0
        second.types("x")
        until(lambda: bmc.machine.heard.endswith(b"x"))
    assert watched.calls.count(" sol activate") <= 2, "one as an operator, one as an administrator"
    assert PASSWORD not in watched.seen and PASSWORD not in first.said + second.said
    assert second.end() == 0
    until(lambda: not bmc.machine.listened_to)
    code, said = operator.end(".venv/bin/inv", "node.console", "chick1", "--log")
    assert code == 0 and "chick1 login: Password:" in said, said
    assert bmc.rooster.run(f"stat -c %a {LOG}; ls /run/coop/console/chick1 | tr '\\n' ' '") == "600\nerror lock viewers "
    assert bmc.rooster.run(f"grep -rlF {PASSWORD} /run/coop /var/log /tmp 2>/dev/null", check=False) == ""


def test_another_reader_is_sent_away_and_one_that_stays_is_told(operate):
    operator = operate(chicks=2)
    bmc = Ipmi(operator, "chick1", on=True, misbehaves=("busy",))
    in_files(operator, PASSWORD, chick1=bmc.entry())
    shown = Terminal(operator, "node.console", "chick1")
    shown.until("SOL payload already active on another session")
    shown.until("the connection ended")
    assert shown.end() == 0


def test_a_console_by_the_bmcs_own_ssh_server(operate):
    operator = operate(chicks=2)
    bmc = Bmc(operator, "chick1", "openbmc", "On", console={"SSH": {"ServiceEnabled": True, "Port": 2200, "ConsoleEntryCommand": "sol"}})
    key = bmc.ssh(2200, "sol")
    in_files(operator, chick1=bmc.entry())
    shown = Terminal(operator, "node.console", "chick1")
    shown.until("it offers SSH: bmc: {console: ssh}")
    assert shown.process.wait(30) == 1
    in_files(operator, chick1=bmc.entry(console="ssh"))
    code, said = operator.end(".venv/bin/inv", "node.power", "chick1", "status")
    assert code == 2 and "console_key: is missing" in said and bmc.logins.read_text() == "", said
    in_files(operator, chick1=bmc.entry(console="ssh", console_key=OTHER))
    shown = Terminal(operator, "node.console", "chick1")
    shown.until("the console is not read, and is not tried again")
    assert shown.end() == 0 and bmc.logins.read_text() == "", "the password was not said to it"
    bmc.rooster.run("kill $(cat /run/coop/console/chick1/pid); rm -f /run/coop/console/chick1/in")
    in_files(operator, chick1=bmc.entry(console="ssh", console_key=key))
    with Watched(bmc.rooster, "ssh") as watched:
        shown = Terminal(operator, "node.console", "chick1")
        until(lambda: bmc.machine.listened_to)
        bmc.machine.says("chick1 login: ")
        shown.until("chick1 login: ")
        shown.types("root\r")
        until(lambda: bmc.machine.heard == b"root\r", 20, lambda: bmc.machine.heard)
    assert shown.end() == 0 and bmc.logins.read_text() == "right\n"
    assert " -p 2200 -l ADMIN " in watched.calls and "battery" not in watched.seen + shown.said


OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFrqf0yqEFEgGvT8REUM2+z1eI5wtbOD7ZSpWIlojpO9"


@pytest.mark.parametrize("altered", ["nothing", "report", "console", "silent console"])
def test_a_host_key_is_pinned_when_network_and_console_say_the_same(operate, altered):
    boots = Boots(operate(chicks=1))
    folder = boots.operator.folder
    key = boots.swarm.hosts["chick0"].host_key
    (folder / "hosts.yaml").write_text((folder / "hosts.yaml").read_text().replace(f"    host_key: {key}\n", ""))
    with (folder / "configs/install.yaml").open("a") as file:
        file.write("console: ttyS1,115200n8\n")
    bmc = Ipmi(boots.operator, "chick0", on=False)
    in_files(boots.operator, PASSWORD, chick0=bmc.entry())

    run = install(boots, "chick0", "--reinstall")
    boots.until(lambda: bmc.starts == ["Pxe"], 60)
    boots.until(lambda: bmc.machine.listened_to, 60)
    (order,) = re.findall(r"order +([0-9a-f]{12});", run.said)
    bmc.machine.says(">>Start PXE over IPv4.\n")
    boots.until(lambda: "its firmware boots from the network" in run.said, 60)
    run.process.kill()  # the console is read on without anybody
    installer = Installer(boots, "chick0")
    installer.early()
    assert "is claimed" in installer.guard()
    if altered == "report":  # somebody on the rack's network was first
        assert boots.ask("chick0", f"/said/{order}/finished", "PUT", OTHER) == 201
    before = connections(boots)
    said = installer.late()
    assert said.count(f"COOP HOSTKEY {order} {key}\n") >= 1
    if altered != "silent console":
        bmc.machine.says("[   97.1] eth0: link up\n" + (said.replace(key, OTHER) if altered == "console" else said))
    boots.until(lambda: altered == "silent console" or f"HOSTKEY {order}" in boots.rooster.run(
        "cat /var/log/coop-console/chick0.log"))
    again = install(boots, "chick0", typed="")
    code, said = again.end()
    hosts = (folder / "hosts.yaml").read_text()
    if altered == "nothing":
        assert code == 0 and "its console says its host key, SHA256:" in said and f"host_key: {key}" in hosts, said
        boots.until(lambda: not bmc.machine.listened_to)
    else:
        assert code == 1 and "nothing was said to it by SSH" in said and "host_key" not in hosts.partition("chick0:")[2], said
        assert connections(boots) == before
        how = "its console said none" if altered == "silent console" else "its console said SHA256:"
        assert how in said and "inv rack.trust chick0" in said, said


def connections(boots: Boots) -> int:
    """Those to the machine's sshd, ever."""
    return (boots.swarm.folder / "chick0.log").read_text().count("Connection from")
