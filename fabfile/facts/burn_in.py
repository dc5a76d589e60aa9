"""What a burn-in has found: how its programs ended, and what disks say of themselves that they did not say before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# of ATA disks: what only ever grows when something is wrong
_ATA = {5: "reallocated sectors", 184: "end-to-end errors", 187: "uncorrectable errors", 196: "reallocation events",
        197: "pending sectors", 198: "uncorrectable sectors", 199: "CRC errors of the cable"}
_NVME = {"media_errors": "media errors", "num_err_log_entries": "errors in its log", "critical_warning": "critical warnings"}


@dataclass(frozen=True)
class Verdict:
    """One thing that was tried."""

    passed: bool
    words: str


def verdicts(result: str, before: str, after: str) -> list[Verdict]:
    """The programs' own, and one for each disk by SMART. `before` and `after`: what smartctl said, with "disk NAME SERIAL" before it."""
    found = [Verdict(line.endswith(" passed"), line.removesuffix(" passed")) for line in result.splitlines() if line.strip()]
    return [*found, *_disks(_read(before), _read(after))]


def _disks(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Verdict]:
    for disk in sorted(before.keys() | after.keys()):
        then, now = before.get(disk), after.get(disk)
        if now is None or then is None:
            yield Verdict(False, f"SMART, {disk}: it {'was lost on the way' if now is None else 'was not there before'}")
            continue
        earlier = _counts(then)
        grown = [f"{name} {earlier.get(name, 0)} → {count}" for name, count in _counts(now).items() if count > earlier.get(name, 0)]
        if now.get("smart_status", {}).get("passed") is False:
            grown.append("it expects to fail")
        if not _counts(now) and "smart_status" not in now:
            continue  # no SMART: a virtual disk, or behind a controller
        yield Verdict(not grown, f"SMART, {disk}" + (f": {', '.join(grown)}" if grown else ""))


def _counts(said: Mapping[str, Any]) -> dict[str, int]:
    table = said.get("ata_smart_attributes", {}).get("table", ())
    counts = {_ATA[one["id"]]: one["raw"]["value"] for one in table if one.get("id") in _ATA}
    log = said.get("nvme_smart_health_information_log", {})
    counts |= {words: log[key] for key, words in _NVME.items() if isinstance(log.get(key), int)}
    if isinstance(grown := said.get("scsi_grown_defect_list"), int):
        counts["grown defects"] = grown
    return counts


def _read(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    disk = ""
    for line in text.splitlines():
        if line.startswith("disk "):
            disk = line.removeprefix("disk ")
            found[disk] = {}
        elif disk and line.startswith("{"):
            try:
                said = json.loads(line)
            except ValueError:
                continue
            found[disk] = said if isinstance(said, dict) else {}
    return found
