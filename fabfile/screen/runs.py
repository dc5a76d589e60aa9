"""The journal for a person: the list of runs, and the details of one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from fabfile.engine.journal import Kept
from fabfile.screen.table import table


def list_as_text(runs: Sequence[Kept], files: str = "") -> str:
    """One line per run: name, time, user, task, result, changes, seconds; the rack's folder, where one has another than `files`."""
    several = len({files, *(run.folder for run in runs)} - {""}) > 1
    rows = []
    for run in runs:
        ended = run.ended
        folder = [run.folder or "?"] if several else []
        rows.append((run.run, _when(run.began["at"]), f"{run.began['who']}@{run.began['origin']}",
                     run.began["task"] + " --dry" * run.began["dry"], _ending(run),
                     str(ended["changes"]) if ended else "?", f"{ended['seconds']:.1f}" if ended else "?", *folder))
    headings = ("run", "began", "who", "task", "ended", "changes", "seconds", *(["folder"] if several else []))
    return table(headings, rows) if rows else "No run yet."


def list_as_json(runs: Sequence[Kept]) -> str:
    data = [{"ending": _ending(run), "began": run.began, "ended": run.ended} for run in runs]
    return json.dumps(data, indent=1, ensure_ascii=False)


def run_as_json(run: Kept) -> str:
    return json.dumps(run.records, indent=1, ensure_ascii=False)


def run_as_text(run: Kept) -> str:
    """What a run did, step by step, with the seconds of each command."""
    return "\n".join(_lines(run))


def _lines(run: Kept) -> Iterator[str]:
    began = run.began
    yield (f"{run.run}: {began['task']}{' --dry' * began['dry']}, {began['who']} from {began['origin']}, "
           f"{_when(began['at'])}: {_ending(run)}")
    for record in run.records:
        machine = record.get("machine", "")
        match record["event"]:
            case "adopted":
                yield f"  {machine}: found `{record['what']}` of an earlier run still running, waited for it"
            case "planned" if not record["closing"]:
                yield f"  plan: {len(record['changes'])} changes"
                if began["dry"]:
                    yield from (f"    {c['machine']}: [{c['step']}] {c['resource']}: {c['what']}"
                                for c in record["changes"])
            case "planned":
                yield f"  plan afterwards: {len(record['changes']) or 'no'} changes"
            case "step_began":
                yield f"  [{record['step']}]"
            case "ran":
                code = f", exit code {record['code']}" if record["code"] else ""
                yield f"      {machine}: {record['seconds']:6.2f} s  {record['command']}{code}"
            case "changed":
                yield f"    {machine}: {record['resource']}: {record['what']}"
            case "held":
                yield f"    {machine}: {record['what']} (after {record['seconds']:.1f} s)"
            case "failed":
                yield f"    {record['problem']}"
                yield from (f"      | {line}" for line in record.get("tail", ()))
            case "step_ended":
                yield f"    {record['seconds']:.1f} s, of which commands and waits {record['critical']:.1f} s"
    if ended := run.ended:
        yield (f"  {ended['changes']} changes in {ended['seconds']:.1f} s: "
               f"{ended['critical']:.1f} s in commands, {ended['own']:.1f} s in Coop itself")


def _ending(run: Kept) -> str:
    if run.ended is None:
        return {True: "running", False: "killed", None: "running or killed"}[run.at_work]
    if any(error["kind"] == "Crashed" for error in run.ended["errors"]):
        return "crashed"
    return {0: "succeeded", 3: "differs", 130: "interrupted"}.get(run.ended["exit_code"], "failed")


def _when(at: float) -> str:
    return f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M:%S}"
