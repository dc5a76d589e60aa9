"""A rack of any size with the sample rack's roles, planned and applied on simulated machines.

    python -m bench.simulated                      10, 100 and 1,000 machines, each in a process of its own
    python -m bench.simulated --json 10 100        as JSON, for these sizes
    python -m bench.simulated --profile plan 1000  where the time goes, by cProfile

What is counted is the whole of Coop's own work: reading the rack's files; every role, probe, plan and command
of `inv cluster.bootstrap`; its journal and its lines. No SSH, and no time of a machine.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fabfile.engine.outcome import Result
    from fabfile.engine.step import Step
    from fabfile.rack import Rack

PROJECT = Path(__file__).parents[1]
SIZES = (10, 100, 1000)


@dataclass(frozen=True)
class Figures:
    """What one kind of run took for a rack of `machines`."""

    kind: str  # "plan" or "apply"
    machines: int
    resources: int
    changes: int
    reading: float  # CPU-seconds for the rack's files
    running: float  # CPU-seconds for all the rest
    peak: float  # MB of memory at most, Python and all

    @property
    def each(self) -> float:
        """Milliseconds of CPU a machine."""
        return 1000 * (self.reading + self.running) / self.machines


def rack_of(machines: int, folder: Path) -> Path:
    """The sample rack's files, with so many machines: one gateway, one control plane, workers."""
    import yaml

    hosts = yaml.load((PROJECT / "hosts.yaml").read_text(), yaml.BaseLoader)
    network = yaml.load((PROJECT / "configs/network.yaml").read_text(), yaml.BaseLoader)
    network |= {"node": "10.32.0.0/20", "pod": "10.244.0.0/14"}
    rooster, hen = hosts["machines"]["rooster"], hosts["machines"]["hen"]
    rooster["interfaces"]["enp3s0"]["address"] = "10.32.0.1/20"
    hen["interfaces"]["enp3s0f0"]["address"] = "10.32.0.2/20"
    hosts["machines"] = {"rooster": rooster, **{
        f"chick{number}": {
            "roles": ["worker" if number else "control-plane"],
            "interfaces": {"enp1s0": {"mac": f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}",
                                      "address": f"10.32.{1 + number // 250}.{1 + number % 250}/20"}},
            "bmc": f"192.168.{1 + number // 250}.{1 + number % 250}",
        } for number in range(machines - 2)}, "hen": hen}
    (folder / "configs").mkdir()
    for file in (PROJECT / "configs").glob("*.yaml"):
        (folder / "configs" / file.name).write_bytes(file.read_bytes())
    (folder / "configs/network.yaml").write_text(yaml.safe_dump(network, sort_keys=False))
    (folder / "hosts.yaml").write_text(yaml.safe_dump(hosts, sort_keys=False))
    return folder


def whole_rack(rack: Rack) -> tuple[Rack, list[Step]]:
    """The steps of cluster.bootstrap, with secrets as a first run draws them."""
    from fabfile.tasks.preparing import lacking, with_secrets
    from fabfile.tasks.service_steps import prune_steps, rack_steps, service_steps

    hubs = [service for service in rack.services.values() if service.is_hub]
    rack = with_secrets(rack, lacking(rack, hubs, SimpleNamespace(secrets={})))
    return rack, [*rack_steps(rack), *service_steps(rack), *prune_steps(rack)]


def shown(rack: Rack, steps: list[Step], ways: Any, dry: bool) -> Result:
    """A run as a task shows it, with its journal."""
    from fabfile.engine.journal import Journal
    from fabfile.engine.run import run
    from fabfile.screen.ending import ending_text
    from fabfile.screen.plan import plan_text
    from fabfile.screen.progress import Lines

    journal, lines = Journal(rack.name), Lines(rack.name, sys.stdout, dry)

    def tell(event: Any) -> None:
        journal(event)
        lines(event)

    result = run(rack, "cluster.bootstrap", steps, dry=dry, tell=tell, ways=ways, consent=lambda entries: True)
    if dry:
        print(plan_text(result.plan))
    print(ending_text(result))
    return result


def measure(kind: str, machines: int, around: Callable[..., Any] = lambda work: work()) -> Figures:
    """One run in this very process, whose peak of memory it is from then on."""
    from bench import machines as simulated
    from fabfile.engine.plan import wanted
    from fabfile.loading import load
    from tests.unit.simulated import Ways

    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere:
        os.environ["XDG_STATE_HOME"] = folder
        rack_of(machines, Path(folder))
        began = time.process_time()
        rack = load(Path(folder))
        reading = time.process_time() - began
        rack, steps = whole_rack(rack)
        ways = Ways(dict(simulated.machines(rack, steps)))
        count = sum(map(len, wanted(rack, steps).values()))
        gc.collect()
        began = time.process_time()
        with redirect_stdout(nowhere):
            result = around(lambda: shown(rack, steps, ways, dry=kind == "plan"))
        running = time.process_time() - began
    assert not result.errors and not result.remaining, (result.errors, result.remaining)
    assert result.exit_code == (3 if kind == "plan" else 0)
    return Figures(kind, machines, count, result.changes, round(reading, 3), round(running, 3), _peak())


def _peak() -> float:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return round(int(status["VmHWM"].split()[0]) / 1000, 1)


def apart(kind: str, machines: int) -> Figures:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "bench.simulated", "--here", kind, str(machines)]
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, check=True)
    return Figures(**json.loads(done.stdout))


def table(rows: list[Figures]) -> str:
    """For docs/performance.md."""
    lines = ["| | machines | resources | changes | CPU-seconds | ms a machine | peak MB |",
             "|---|---|---|---|---|---|---|"]
    lines += [f"| {row.kind} | {row.machines:,} | {row.resources:,} | {row.changes:,} "
              f"| {row.reading + row.running:.2f} | {row.each:.1f} | {row.peak:.0f} |" for row in rows]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--here", metavar="KIND", help="one run, in this process: plan or apply")
    parser.add_argument("--profile", metavar="KIND", help="one run under cProfile: plan or apply")
    given = parser.parse_args()
    if given.here:
        print(json.dumps(asdict(measure(given.here, given.sizes[0]))))
    elif given.profile:
        import cProfile
        import pstats
        profile = cProfile.Profile()
        measure(given.profile, given.sizes[0], profile.runcall)
        pstats.Stats(profile).sort_stats("tottime").print_stats(40)
    else:
        rows = [apart(kind, size) for kind in ("plan", "apply") for size in given.sizes]
        print(json.dumps([asdict(row) for row in rows], indent=1) if given.json else table(rows))


if __name__ == "__main__":
    main()
