"""What a machine's console has shown from its start to a login, as a picture for the documentation."""

from __future__ import annotations

import io
import re

from rich.console import Console
from rich.text import Text

CONTROL = re.compile(r"\x1b\[!?[0-9;?]*[A-Za-z]|\x1b\]\d+\x07?|\x1b[c()]B?|.\x08|[\x00-\x08\x0b-\x1f]")
LEFT_OUT = re.compile(r"\[ *\d+\.\d+\] (?!reboot:|Linux version)|\+---|Press Ctrl-B|Features:|https?://|Use the |.*Press enter to boot|"
                      r".*before booting or|net0: fe80|Configuring \(net0|iPXE initialising| *\[Link:up|Probing EDD|T$|No more network")
WIDTH = 110


def picture(said: str, title: str) -> str:
    """SVG: the lines of a console's log up to the first login, without most of the kernel's and of the firmware's."""
    lines = []
    for raw in said.splitlines():
        line = CONTROL.sub("", raw).rstrip()
        if " login:" in line:
            lines.append(line.partition(":")[0] + ":")
            break
        if line and not LEFT_OUT.match(line):
            lines.append(line if len(line) <= WIDTH else line[:WIDTH - 2] + " …")
    console = Console(record=True, width=WIDTH, file=io.StringIO(), color_system=None)
    console.print(Text("\n".join(lines)), highlight=False)
    return console.export_svg(title=title)
