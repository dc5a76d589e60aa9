"""The rack's files: validate, show, SSH configuration, host keys; what the machines are made of, and their BMCs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.task import JSON, task

if TYPE_CHECKING:
    from invoke import Context

    from fabfile.rack import Rack


def the_rack() -> Rack:
    """The rack that COOP_RACK or the project names; problems of its files end the task with code 2."""
    from fabfile.loading import load

    with exit_on_error():
        return load()


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Ends the task with the error's sentences, for problems of the rack and of connections."""
    from fabfile.engine.errors import CoopError
    from fabfile.rack import RackProblems

    try:
        yield
    except RackProblems as wrong:
        raise Exit(str(wrong), code=2) from None
    except CoopError as wrong:
        raise Exit(f"{wrong}\n{getattr(wrong, 'hint', '')}".rstrip(), code=wrong.exit_code) from None


@task
def check(c: Context) -> None:
    """Validate hosts.yaml and configs/, without connecting."""
    from fabfile.engine.keys import problem
    from fabfile.rack.files import HOSTS

    rack = the_rack()
    if no_login := problem(rack.operator):
        raise Exit(str(rack.problem(HOSTS, ("operator", "identity_file"), no_login)), code=2)
    strangers = sum(machine.host_key is None for machine in rack.machines.values())
    to_learn = f"; {strangers} host keys are missing: inv rack.trust MACHINE" if strangers else ""
    print(f"rack {rack.name}: {len(rack.machines)} machines, no problems{to_learn}")


@task(help={"json": JSON})
def show(c: Context, json: bool = False) -> None:
    """Show the machines, networks and versions of the rack."""
    from fabfile.screen import rack as screen

    rack = the_rack()
    print(screen.as_json(rack) if json else screen.as_text(rack))


@task
def ssh_config(c: Context) -> None:
    """Print an ssh_config for the rack's machines."""
    import sys

    from fabfile.engine.ways import is_this_computer
    from fabfile.rack import ssh
    from fabfile.tasks.local_files import write

    rack = the_rack()
    folder = rack.state_folder
    folder.mkdir(parents=True, exist_ok=True)
    config = ssh.ssh_config(rack, folder / "known_hosts", inside=is_this_computer(rack.gateway))
    write(folder / "known_hosts", ssh.known_hosts(rack), 0o644)
    write(folder / "ssh_config", config, 0o644)
    print(config, end="")
    print(f"# kept: ssh -F {folder}/ssh_config {rack.chicks[-1].name}; or, for plain ssh, in ~/.ssh/config:\n"
          f"#   Include {folder}/ssh_config", file=sys.stderr)


@task(help={"machine": "Name of the machine in hosts.yaml.",
            "fingerprint": "Accept the key with this fingerprint (SHA256:...), without asking."})
def trust(c: Context, machine: str, fingerprint: str | None = None) -> None:
    """Fetch a machine's SSH host key into hosts.yaml."""
    import sys

    from fabfile.engine.scan import scan as host_key_of
    from fabfile.rack import host_keys, ssh
    from fabfile.rack.files import HOSTS
    from fabfile.tasks.local_files import rewrite

    rack = the_rack()
    with exit_on_error():
        box = rack.machine(machine)
        key = host_key_of(rack, box)
    shown = ssh.fingerprint(key)
    if key == box.host_key:
        print(f"{machine} shows the key that {HOSTS} has: {key.split()[0]} {shown}")
        return
    if fingerprint not in (None, shown):
        raise Exit(f"{machine} shows {key.split()[0]} {shown}, not {fingerprint}: nothing is changed", code=1)
    print(f"{machine} shows {key.split()[0]} {shown}")
    if box.host_key:
        known = f"{box.host_key.split()[0]} {ssh.fingerprint(box.host_key)}"
        print(f"{HOSTS} has {known}: was it installed again?")
    if fingerprint is None:
        print("Compare on its console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
        print("Trust it? Type yes: ", end="", flush=True)
        if sys.stdin.readline().strip() != "yes":
            raise Exit("nothing is changed", code=1)
    file = rack.folder / HOSTS
    rewrite(file, lambda text: host_keys.with_host_key(text, machine, key))
    print(f"{file.resolve()} has the key now")


@task(help={"for_": "Watch so long (30m), and show who asks in that time."})
def discover(c: Context, for_: str | None = None) -> None:
    """Show unknown machines as entries for hosts.yaml."""
    import sys

    from fabfile.tasks.discovering import newcomers
    from fabfile.tasks.durations import seconds_of

    limit = seconds_of("--for", for_) if for_ is not None else 0
    rack, shown = the_rack(), False
    for entry in newcomers(rack, limit):
        print(entry, flush=True)
        shown = True
    if not shown:
        print(f"no unknown machine has asked {rack.gateway.name} for an address", file=sys.stderr)


@task(help={"json": JSON})
def bmc(c: Context, json: bool = False) -> None:
    """List the machines' BMCs, and what is wrong with them.

    Only BMCs with a protocol in hosts.yaml are asked. One without a pinned key
    shows its key, and is sent nothing else. Exits with 3 if anything is wrong.
    """
    from fabfile.bmc import curl
    from fabfile.bmc.board import BmcProblem, board, lacking
    from fabfile.bmc.report import report
    from fabfile.screen import bmcs as screen
    from fabfile.tasks.bmcs import asked, look
    from fabfile.tasks.leader import connected

    rack = the_rack()
    machines = [machine for machine in rack.machines.values() if machine.bmc]
    unpinned = {machine.name: curl.shown_key(str(machine.bmc.address)) for machine in machines
                if machine.bmc and machine.bmc.protocol == "redfish" and not machine.bmc.public_key}
    with connected(rack) as ways:
        found = look(rack, [board(rack, machine) for machine in machines if not [*lacking(rack, machine)]], ways)
        keys = asked(rack, unpinned, ways)
    states = {name: one if isinstance(one, BmcProblem) else one.state for name, one in found.items()}
    reports = [report(rack, machine, states.get(machine.name), curl.as_key(keys.get(machine.name, ""))) for machine in machines]
    print(screen.as_json(reports) if json else screen.as_text(reports))
    if any(one.wrong for one in reports):
        raise Exit(code=3)
