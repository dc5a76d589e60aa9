"""The lab's chart repository: the hub's chart and a small one beside it, packed, and an index of them."""
from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

from lab.forge.job import Job
from lab.forge.part import Part

CHART = Path(__file__).parents[1] / "hub/chart"
NOTICE = Path(__file__).parents[1] / "hub/notice"
CHARTS = (CHART, NOTICE)
HOST = "charts.flock.example"


def publish_charts(job: Job) -> None:
    publish(job, HOST, *CHARTS)


def publish(job: Job, address: str, *folders: Path) -> None:
    """A repository at https://`address`: www/`address`/index.yaml, and the archives that it names."""
    place = job.out / "www" / address
    place.mkdir(parents=True)
    packed = [pack(folder) for folder in folders]
    for chart, archive in packed:
        (place / file_name(chart)).write_bytes(archive)
    (place / "index.yaml").write_text(index(packed, address))


def pack(folder: Path) -> tuple[dict, bytes]:
    """What Chart.yaml says, and the chart as helm packs it: one folder with its name, the schema as JSON.

    The same files make the same bytes.
    """
    import yaml

    chart = yaml.safe_load((folder / "Chart.yaml").read_text())
    packed = io.BytesIO()
    with (gzip.GzipFile("", "wb", fileobj=packed, mtime=0) as compressed,
          tarfile.open(fileobj=compressed, mode="w|") as tar):
        for path, content in sorted(contents(folder).items()):
            member = tarfile.TarInfo(f"{chart['name']}/{path}")
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    return chart, packed.getvalue()


def contents(folder: Path) -> dict[str, bytes]:
    """The chart's files by their paths within it. The schema is written in YAML and published as JSON."""
    import yaml

    found = {}
    for file in folder.rglob("*"):
        name = str(file.relative_to(folder))
        if name == "values.schema.yaml":
            found["values.schema.json"] = json.dumps(yaml.safe_load(file.read_text()), indent=1).encode()
        elif file.is_file() and "__pycache__" not in file.parts:
            found[name] = file.read_bytes()
    return found


def file_name(chart: dict) -> str:
    """As helm calls a packed chart: lab-hub-4.4.0.tgz."""
    return f"{chart['name']}-{chart['version']}.tgz"


def index(packed: list[tuple[dict, bytes]], address: str) -> str:
    """The text of index.yaml, with each chart in one version; it is JSON, which is YAML too."""
    date = "2026-01-01T00:00:00Z"
    entries = {chart["name"]: [{**chart, "urls": [f"https://{address}/{file_name(chart)}"], "created": date,
                                "digest": hashlib.sha256(archive).hexdigest()}]
               for chart, archive in packed}
    return json.dumps({"apiVersion": "v1", "entries": entries, "generated": date}, indent=1) + "\n"


def files_of(*folders: Path) -> tuple[Path, ...]:
    """All that charts are made from."""
    return tuple(sorted(file for folder in folders for file in folder.rglob("*")
                        if file.is_file() and "__pycache__" not in file.parts))


published = Part("charts", publish_charts, files=files_of(*CHARTS))
