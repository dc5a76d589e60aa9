"""What a machine's installer says of the machine, as lines for hosts.yaml."""

from __future__ import annotations

import re

BY_ID = "/dev/disk/by-id/"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+-]*")
_DISK = re.compile(r"disk (\S+) size=(\d+) serial=(.*?) holds=(.*?) ids=(.*)")
_SAYS_LITTLE = ("wwn-", "nvme-eui.", "nvme-nvme.", "scsi-3", "scsi-S", "dm-", "lvm-", "md-")  # names that no label on a disk has


def lines(report: str) -> str:
    """The lines of one machine below its name; whatever hosts.yaml would not take is a comment."""
    about = dict(line.partition(" ")[::2] for line in report.splitlines() if not line.startswith("disk "))
    disks = [found.groups() for line in report.splitlines() if (found := _DISK.fullmatch(line))]
    named = [(best_id(ids.split()), name, size, serial, holds) for name, size, serial, holds, ids in disks]
    usable = [one for one in named if one[0] and _PLAIN.fullmatch(one[3])]
    choice = f"{{system: {BY_ID}{usable[0][0]}}}" if len(usable) == 1 else "{system: …}  # one of those below"
    text = [f"    disks: {choice}", "    hardware:"]
    for key, quoted in (("uuid", False), ("serial", True), ("firmware", False)):
        value = about.get(key, "")
        if _PLAIN.fullmatch(value):
            text.append(f'      {key}: "{value}"' if quoted else f"      {key}: {value}")
        else:
            text.append(f"      # {key}: its firmware says {value!r}")
    text.append("      disks:")
    for best, name, size, serial, holds in named:
        if (best, name, size, serial, holds) in usable:
            text.append(f'        {BY_ID}{best}: {{size: {size}, serial: "{serial}"}}  # {name}, holds {holds}')
        else:
            text.append(f"        # {name}, {size} bytes: it has no name under {BY_ID}, or no serial number")
    return "\n".join(text)


def best_id(ids: list[str]) -> str:
    """The name with maker, model and serial number, where there is one."""
    return next((one for one in ids if not one.startswith(_SAYS_LITTLE)), ids[0] if ids else "")
