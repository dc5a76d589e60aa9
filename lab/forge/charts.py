"""The lab's chart repository: the hub's chart, packed, and an index of it."""
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
HOST = "charts.flock.example"


def publish_charts(job: Job) -> None:
    """www/HOST/index.yaml and the archive that it names."""
    place = job.out / "www" / HOST
    place.mkdir(parents=True)
    chart, archive = pack(CHART)
    name = f"{chart['name']}-{chart['version']}.tgz"
    (place / name).write_bytes(archive)
    (place / "index.yaml").write_text(index(chart, name, archive))


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


def index(chart: dict, name: str, archive: bytes) -> str:
    """The text of index.yaml, with one chart in one version; it is JSON, which is YAML too."""
    date = "2026-01-01T00:00:00Z"
    place = {"urls": [f"https://{HOST}/{name}"], "digest": hashlib.sha256(archive).hexdigest(), "created": date}
    entries = {chart["name"]: [{**chart, **place}]}
    return json.dumps({"apiVersion": "v1", "entries": entries, "generated": date}, indent=1) + "\n"


files = tuple(sorted(file for file in CHART.rglob("*") if file.is_file() and "__pycache__" not in file.parts))
published = Part("charts", publish_charts, files=files)
