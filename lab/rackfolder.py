"""The lab's rack: lab/rack/ is a rack folder as templates, filled with the keys and checksums of one lab."""

from __future__ import annotations

import hashlib
import shlex
import textwrap
from collections.abc import Collection
from pathlib import Path
from typing import Any

from .installer import host_key, public_key
from .machine import Machine
from .places import Places

TEMPLATES = Path(__file__).parent / "rack"
DOOR = Path(__file__).parent / "door"
CONTROL_PLANES = (1, 3)  # how many of chick0 to chick2 may be
OF_SOME = ("chick11", "metal", "install", "pools", "systems")  # templates of what is not in every lab's rack
SPARE = "chick11"  # a machine that is there and not in hosts.yaml, for node.add


def filled(places: Places, www: Path, text: str, control_planes: int = 1, extras: Collection[str] = ()) -> str:
    """A template's text with this lab's values; the first so many chicks are control planes, and `extras` are published."""
    def checksum(path: str) -> str:
        """sha256 of what the lab's internet has at host/path."""
        with (www / path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    return jinja(
        text, role=lambda machine: "control-plane" if int(machine.removeprefix("chick")) < control_planes else "worker",
        host_key=lambda machine: public_key(host_key(places, machine)), checksum=checksum,
        extras=extras, name=places.name, folder=places.rack, spare=places.folder / f"{SPARE}.yaml",
        identity_file=str(places.key), proxy_command=proxy_command(places),
    )


def jinja(text: str, **values: Any) -> str:
    from jinja2 import Environment, StrictUndefined

    return Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(text).render(**values)


def proxy_command(places: Places, delay: float = 0.0) -> str:
    """How an operator comes into a lab, as hosts.yaml and OpenSSH write it; `delay`: milliseconds each way."""
    slowly = ["--delay", f"{delay:g}"] if delay else []
    return shlex.join([str(DOOR), *slowly, places.name]) + " %h %p"


def render(places: Places, www: Path, control_planes: int = 1, extras: Collection[str] = ()) -> tuple[Machine, ...]:
    """Write the rack folder; returns all machines of the lab, the spare one last."""
    import yaml

    for template in sorted(TEMPLATES.rglob("*.yaml")):
        if template.stem not in OF_SOME:
            target = places.rack / template.relative_to(TEMPLATES)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(filled(places, www, template.read_text(), control_planes, extras))
    stanza = filled(places, www, (TEMPLATES / f"{SPARE}.yaml").read_text())
    (places.folder / f"{SPARE}.yaml").write_text(stanza)
    hosts: dict[str, Any] = yaml.safe_load((places.rack / "hosts.yaml").read_text())
    return tuple(Machine.read(name, entry)
                 for name, entry in (hosts["machines"] | yaml.safe_load(stanza)).items())


def written_control_planes(places: Places) -> int:
    """How many control planes the lab's hosts.yaml names now."""
    import yaml

    machines = yaml.safe_load((places.rack / "hosts.yaml").read_text())["machines"]
    return sum("control-plane" in machine["roles"] for machine in machines.values())


def add_spare(places: Places) -> str:
    """Write the spare machine into the lab's hosts.yaml, whose last key is `machines`; returns its name."""
    hosts = places.rack / "hosts.yaml"
    text = hosts.read_text()
    if f"  {SPARE}:" not in text:
        stanza = (places.folder / f"{SPARE}.yaml").read_text()
        hosts.write_text(text + "\n" + textwrap.indent(stanza, "  "))
    return SPARE
