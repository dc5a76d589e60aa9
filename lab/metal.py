"""The emulated machines of a lab: which there are, and what the rack's files say of them."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from fabfile.rack.install import Layout

from .bmc import emulated as bmc
from .emulated import FIRMWARES, GIB, Drive, Emulated
from .forge.store import Store
from .machine import MANAGEMENT, Machine, Port
from .places import Places
from .plan import Metal
from .rackfolder import TEMPLATES, jinja

LAYOUTS = get_args(Layout)  # the first is the usual one
WORD = re.compile(rf"chick(?P<number>[1-9][0-9]?):(?P<firmware>{'|'.join(FIRMWARES)})(:(?P<layout>{'|'.join(LAYOUTS)}))?")
ROOSTERS = Port("enp4s0", "00:25:90:51:ce:02", f"{MANAGEMENT[1]}/24")  # to the BMCs; hosts.yaml does not name it, as Coop leaves it alone


def machines(wanted: str) -> tuple[Emulated, ...]:
    """Of "chick11:bios,chick12:uefi:mirror". ValueError with one sentence if that is not how it is written."""
    found: dict[str, Emulated] = {}
    for word in filter(None, wanted.split(",")):
        said = WORD.fullmatch(word)
        if not said or int(said["number"]) < 3 or f"chick{said['number']}" in found:
            raise ValueError(f"--metal takes chick3 to chick99, each once and with {', '.join(FIRMWARES)}, as in "
                             f"chick11:bios,chick12:uefi:mirror (layouts: {', '.join(LAYOUTS)}): not {word!r}")
        one = machine(int(said["number"]), said["firmware"], said["layout"] or LAYOUTS[0])
        found[one.name] = one
    return tuple(found.values())


def machine(number: int, firmware: str, layout: str) -> Emulated:
    """With an empty disk for its system, a small one that holds something, and a second empty one where the layout is of two."""
    drives = [Drive(f"S2TVNX0J4{number:05}", 16 * GIB), Drive(f"S2TVNX0J5{number:05}", GIB, holds_something=True)]
    if "mirror" in layout:
        drives.append(Drive(f"S2TVNX0J6{number:05}", 16 * GIB))
    return Emulated(f"chick{number}", firmware, f"00:25:90:51:d1:{number:02x}", f"E169970X{number:05}", tuple(drives), layout)


def system(layout: str) -> str:
    """What configs/install.yaml calls the system with this layout."""
    return "debian-13" if layout == LAYOUTS[0] else f"debian-13-{layout}"


def among(containers: Sequence[Machine], emulated: Sequence[Emulated]) -> tuple[Machine, ...]:
    """The containers that there are beside emulated machines: none of the same name, and rooster has a port to the BMCs."""
    names = {each.name for each in emulated}
    return tuple(replace(each, ports=(*each.ports, ROOSTERS)) if each.name == "rooster" else each
                 for each in containers if each.name not in names)


def mirrored(places: Places, authority: Path) -> Path:
    """A folder with what the lab's mirror has for its installer: the certificate that new systems are to trust."""
    folder = places.internet / "mirrored"
    folder.mkdir(parents=True)
    shutil.copy(authority, folder / "authority.crt")
    return folder


def planned(places: Places, machines: Sequence[Emulated], built: Store, root: Path, authority: Path) -> Metal:
    """What the supervisor is to hold of them; `built` has the parts of the forge that they need, over the root of containers."""
    from .forge import metal as forged

    of_the_forge = (built.folder(forged.components) / "debian", built.folder(forged.base))
    return Metal(tuple(machines), (built.folder(forged.emulator) / "root", root), (*of_the_forge, mirrored(places, authority)))


def bmc_address(machine: Emulated) -> str:
    return str(MANAGEMENT[100 + int(machine.name.removeprefix("chick"))])


def write_rack(places: Places, machines: Sequence[Emulated]) -> None:
    """Put them at the end of hosts.yaml, whose last key is `machines`; how they are installed and their BMCs' password beside it."""
    hosts, secrets = places.rack / "hosts.yaml", places.rack / "configs/secrets.yaml"
    entries = (jinja((TEMPLATES / "metal.yaml").read_text(), machine=each, system=system(each.layout),
                     number=int(each.name.removeprefix("chick")),
                     bmc={"address": bmc_address(each), "user": bmc.USER, "public_key": bmc.public_key(bmc.certificate(places, each.name))})
               for each in machines)
    hosts.write_text("\n".join([hosts.read_text(), *(textwrap.indent(entry, "  ") for entry in entries)]))
    key = places.key.with_suffix(".pub").read_text().strip()
    systems = [*((system(layout), layout, "lab") for layout in LAYOUTS), (f"{system(LAYOUTS[0])}-whole", LAYOUTS[0], "whole")]
    install = jinja((TEMPLATES / "configs/install.yaml").read_text(), key=key, systems=systems)
    (places.rack / "configs/install.yaml").write_text(install)
    secrets.write_text(f"bmc: {{password: {bmc.password(places)}}}\n")
    secrets.chmod(0o600)
