"""Host key checking for every Fabric of an environment that Coop is installed in: only the keys of the rack are accepted.

Fabric as it comes takes any host key, and its `fab -H NAME -- COMMAND` reads no project's settings. The scripts `inv` and
`fab` are Coop's (pyproject.toml), but any later `pip install` puts Invoke's and Fabric's back, so the rule does not depend
on them: coop_guard.pth is installed with Coop and has every Python of that environment load this file before all else.
As soon as one of the modules below is loaded,

    fabric.main         its program is the rack's (cli/fab.py): `fab` and `python -m fabric`, from any folder
    invoke.main         its program is the rack's (cli/inv.py): `inv` and `python -m invoke`, from any folder
    paramiko.client     its policies that take an unknown host key refuse it: whoever makes a Connection by hand

Another Fabric, where these are not, is not loaded at all. It costs every start of Python there; hence no import.
"""

import sys

ACCEPTING = ("AutoAddPolicy", "WarningPolicy")


def refuse_unknown_keys(client):
    """Paramiko's client module: what would take a key that is pinned nowhere raises instead."""
    def missing_host_key(self, _, hostname, key):
        raise client.SSHException(
            f"{hostname} shows the host key {key.get_name()} {key.fingerprint}, which is pinned nowhere: refused. A machine of "
            "the rack is reached by its name (fab -H NAME, or c in a task); for another one, "
            "Connection(...).client.load_system_host_keys() takes what ~/.ssh/known_hosts knows")

    for name in ACCEPTING:
        getattr(client, name).missing_host_key = missing_host_key


class TheRacksProgram:
    """Stands for the program of a module of fabfile/cli/, which is loaded when it is first used."""

    def __init__(self, module):
        self._module = module

    def __getattr__(self, name):
        import importlib
        import os
        sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))  # before a fabfile.py in the folder of `python -m`
        try:
            module = importlib.import_module(self._module)
        finally:
            del sys.path[0]
        return getattr(module.program, name)


def run_the_racks_program(module):
    """What `fab` and `inv` run: their main module's program goes to the rack's machines, as hosts.yaml says."""
    def change(main):
        main.program.run  # noqa: B018  there is such a thing to be replaced
        main.program = TheRacksProgram(module)

    return change


GUARDED = {"fabric.main": run_the_racks_program("fabfile.cli.fab"), "invoke.main": run_the_racks_program("fabfile.cli.inv"),
           "paramiko.client": refuse_unknown_keys}


class Guard:
    """A finder that finds nothing itself, and changes what others have found once it is loaded."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        change = GUARDED.get(name)
        if change is None:
            return None
        for finder in sys.meta_path:
            spec = None if finder is Guard else finder.find_spec(name, path, target)
            if spec is not None:
                load = spec.loader.exec_module

                def exec_module(module):
                    load(module)  # noqa: B023  the loop ends here
                    try:
                        change(module)
                    except AttributeError as error:
                        raise ImportError(f"this {name} is not one whose host keys Coop knows to check: {error}") from error

                spec.loader.exec_module = exec_module
                return spec
        return None


if Guard not in sys.meta_path:
    sys.meta_path.insert(0, Guard)
