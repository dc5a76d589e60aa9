"""The hub's own part in telling users of a home that is nearly full: a piece of JupyterHub's configuration."""

from __future__ import annotations

from textwrap import indent

from fabfile.programs import text

NAME = "99-home-use"  # in hub.extraConfig, which the hub reads in the order of the names: behind whatever sets template_vars
PORT = 9049  # of the file server, where it tells which homes are nearly full
_BEGIN = """
full, told = {{}}, c.JupyterHub.get("template_vars")
told = told if isinstance(told, dict) else {{}}
c.JupyterHub.template_vars = {{**told, "announcement": announcement(full, told.get("announcement", ""))}}
Asking({server!r}, {port}, {namespace!r}, full).start()
"""


def home_use(server: str, namespace: str, port: int = PORT) -> str:
    """Python for hub.extraConfig: one function, since all that is there shares its names."""
    body = f"{text('home_use.py')}{_BEGIN.format(server=server, port=port, namespace=namespace)}"
    return f"def coop_home_use(c):\n{indent(body, '    ')}\n\ncoop_home_use(c)\n"
