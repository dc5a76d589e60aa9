"""A bundle for somebody who helps: what was seen, the rack's files and the newest runs, with secrets masked."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.rack import Rack

RUNS = 5
LOGS = """
journalctl -q --no-pager -n 1500 -o short-iso -p info 2>/dev/null
echo '--- kernel'; journalctl -q -k --no-pager -n 300 -o short-iso 2>/dev/null
echo '--- units'; systemctl list-units --no-pager --all --plain 2>/dev/null | head -n 300
"""


def write(rack: Rack, answers: Mapping[str, Mapping[str, str]], findings: str, time: float) -> Path:
    """The file, in the current folder, readable by its owner alone."""
    from datetime import UTC, datetime

    from fabfile.secret import mask_keys

    name = f"coop-{rack.name}-{datetime.fromtimestamp(time, UTC):%Y%m%d-%H%M%S}"
    path = Path(f"{name}.tar.gz").absolute()
    path.touch(mode=0o600)
    with tarfile.open(path, "w:gz") as packed:
        for inside, text in (("findings.json", findings), *_answers(answers), *_files(rack), *_runs(rack)):
            data = mask_keys(text).encode()
            entry = tarfile.TarInfo(f"{name}/{inside}")
            entry.size, entry.mtime, entry.mode = len(data), int(time), 0o600
            packed.addfile(entry, BytesIO(data))
    return path


def _answers(answers: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    for machine, parts in answers.items():
        for part, text in parts.items():
            yield f"{machine}/{part.replace(' ', '-')}.txt", text


def _files(rack: Rack) -> Iterator[tuple[str, str]]:
    from fabfile.rack.files import HOSTS, SECRETS

    for path in (rack.folder / HOSTS, *sorted((rack.folder / "configs").glob("*.yaml"))):
        inside = str(path.relative_to(rack.folder))
        if inside != SECRETS:
            yield f"rack/{inside}", path.read_text(errors="replace")


def _runs(rack: Rack) -> Iterator[tuple[str, str]]:
    from fabfile.engine.journal import folder

    for path in islice(sorted(folder(rack.name).glob("*.jsonl"), reverse=True), RUNS):
        yield f"runs/{path.name}", path.read_text(errors="replace")
