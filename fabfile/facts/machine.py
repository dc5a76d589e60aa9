"""The health of one machine, without the API server: one query to it, and its answer as values."""

from __future__ import annotations

from dataclasses import dataclass

from fabfile.programs import shell
from fabfile.upstream.paths import CRI_SOCKET


def question(pki: str) -> str:
    """Shell text for the machine. `pki`: the folder of the cluster's certificates."""
    return shell("machine", socket=CRI_SOCKET, pki=pki)


@dataclass(frozen=True)
class StatusRow:
    """One thing that was looked at, and whether it is as it should be."""

    what: str
    value: str
    good: bool = True


def parse(answer: str, held: frozenset[str]) -> list[StatusRow]:
    """What to show of an answer to the question. `held`: the packages that should be on hold."""
    found = dict(line.split("\t", 1) for line in answer.splitlines() if "\t" in line)
    member = found.get("member") == "yes"
    loose = held - set(found["held"].split())
    lines = [
        StatusRow("up since", found["up"]),
        StatusRow("system", found["system"]),
        StatusRow("member", "yes" if member else "no"),
        StatusRow("kubelet", found["kubelet"], found["kubelet"] == "active" or not member),
        StatusRow("containerd", found["containerd"], found["containerd"] == "active"),
        StatusRow("pods", f"{found['pods']} running"),
        StatusRow("clock", found["clock"] or "not known", found["clock"] == "Normal"),
        StatusRow("swap", found["swap"].strip() or "off", not found["swap"].strip()),
        StatusRow("disk", f"/var/lib is {found['disk']} % full", int(found["disk"] or 0) < 85),
        StatusRow("memory", f"{found['memory']} % in use", int(found["memory"] or 0) < 95),
        StatusRow("versions", found["versions"].strip(", ") or "nothing installed"),
        StatusRow("on hold", f"not {', '.join(sorted(loose))}" if loose else "all that should be", not loose),
        StatusRow("failed units", found["failed"].strip() or "none", not found["failed"].strip()),
    ]
    for path, end in found.items():
        if path.startswith("/") and end.isdigit():
            days = (int(end) - int(found["now"])) // 86400
            lines.append(StatusRow("certificate", f"{path.rpartition('/')[2]} expires in {days} days", days > 30))
    return lines
