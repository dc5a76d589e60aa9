"""The same rack gives the same text: whatever the order of keys in its files, the seed of hashes, the clock,
the place.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from bench.machines import bare
from fabfile.loading import load
from fabfile.rack.reading import read
from fabfile.tasks.service_steps import prune_steps, rack_steps, service_steps
from tests.unit.broken import samples

PROJECT = Path(__file__).parents[2]


def everything(rack) -> dict[str, list]:
    """By machine: every resource of every step, in order."""
    found = {}
    for step in [*rack_steps(rack), *service_steps(rack), *prune_steps(rack)]:
        for machine in step.machines:
            found.setdefault(machine.name, []).extend((step.name, one) for one in step.role(rack, machine))
    return found


def digest() -> str:
    """Of all that the sample rack's machines would be asked and told."""
    text = []
    for machine, wants in sorted(everything(load(PROJECT)).items()):
        for step, resource in wants:
            commands = [command.script for change in resource.changes(bare(resource), frozenset())
                        for command in change.commands]
            text += [machine, step, resource.name, resource.probe(), *commands]
    return sha256("\0".join(text).encode()).hexdigest()


def shuffled(value, random: Random):
    """The same tree, its keys in another order."""
    if isinstance(value, dict):
        keys = random.sample(list(value), len(value))
        return {key: shuffled(value[key], random) for key in keys}
    return [shuffled(one, random) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_keys_means_nothing(tmp_path, seed):
    random = Random(seed)
    (tmp_path / "configs").mkdir()
    for file, content in samples(PROJECT).items():
        tree = shuffled(read(file, content).values, random)
        (tmp_path / file).write_text(json.dumps(tree))  # JSON is YAML too
    expected, found = everything(load(PROJECT)), everything(load(tmp_path))
    assert found.keys() == expected.keys()
    for machine, wants in expected.items():
        for one, other in zip(wants, found[machine], strict=True):
            assert other == one, machine


def test_neither_the_seed_of_hashes_nor_the_place_or_zone_means_anything(tmp_path):
    program = "from tests.unit.test_same_text import digest; print(digest())"
    seen = set()
    for seed, zone, folder in (("1", "Asia/Tokyo", tmp_path), ("2", "America/Los_Angeles", PROJECT)):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C",
                       "PYTHONPATH": str(PROJECT)}
        done = subprocess.run([sys.executable, "-c", program], cwd=folder, env=environment,
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        seen.add(done.stdout)
    assert len(seen) == 1 and digest() in seen.pop()


CLOCK_AND_CHANCE = {"time", "random", "secrets", "uuid", "tempfile", "socket", "platform", "locale"}
BY_NAME = {"uuid5", "NAMESPACE_URL"}  # the same for the same name
ASKED = {"now", "today", "utcnow", "urandom", "getenv", "environ", "time", "monotonic", "getuid"}


@pytest.mark.parametrize("part", ["roles", "resources"])
def test_what_renders_asks_neither_clock_nor_chance_nor_computer(part):
    for path in (PROJECT / "fabfile" / part).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert not {alias.name for alias in node.names} & CLOCK_AND_CHANCE, path
            elif isinstance(node, ast.ImportFrom) and not node.level:
                asked = {alias.name for alias in node.names} - BY_NAME
                assert not asked or node.module.split(".")[0] not in CLOCK_AND_CHANCE, path
            elif isinstance(node, ast.Attribute):
                assert node.attr not in ASKED, (path, node.lineno)
