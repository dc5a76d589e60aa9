"""Broken racks by the thousand: one file of a right rack, changed as hands, editors and disks change files.

The same seed gives the same racks. Nobody can know beforehand whether a change does harm: whoever uses these
asks the rack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

import yaml

from fabfile.rack.reading import compose

PROJECT = Path(__file__).parents[2]
DATA = yaml.safe_load((PROJECT / "tests/cases/broken.yaml").read_text())
VALUES = [*DATA["values"], "9" * 19, "9" * 400, "x" * 300]
KEYS = [*DATA["keys"], "x" * 2000]


@dataclass(frozen=True)
class Broken:
    """What was done, to which file, and what it holds then; None: it is gone."""

    what: str
    file: str
    content: bytes | None


@dataclass(frozen=True)
class Place:
    """One key and its value, as offsets in the text."""

    path: tuple[str, ...]
    key: tuple[int, int]
    value: tuple[int, int]
    scalar: bool
    flow: bool  # between braces


def broken(sample: Mapping[str, bytes], seed: int) -> Iterator[Broken]:
    """Racks without end, each with one file changed in one way."""
    random = Random(seed)
    texts = {file: content.decode() for file, content in sample.items()}
    places = {file: list(_places(compose(text))) for file, text in texts.items()}
    weights = [3 if file == "hosts.yaml" else 1 for file in texts]
    while True:
        (file,) = random.choices(list(texts), weights)
        change = random.choice(CHANGES)
        found = change(random, file, texts[file], places[file], sample)
        if found is None:
            continue
        what, content = found
        content = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        if content != sample[file]:
            yield Broken(f"{file}: {what}", file, content)


def samples(folder: Path) -> dict[str, bytes]:
    """Every file of a rack's folder that says what the rack is."""
    files = [folder / "hosts.yaml", *sorted((folder / "configs").glob("*.yaml"))]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files if file.name != "secrets.yaml"}


def _places(node: yaml.Node | None, path: tuple[str, ...] = (), flow: bool = False) -> Iterator[Place]:
    if isinstance(node, yaml.MappingNode):
        flow = bool(node.flow_style)
        for key, value in node.value:
            here = (*path, key.value)
            yield Place(here, (key.start_mark.index, key.end_mark.index),
                        (value.start_mark.index, _end(value)), isinstance(value, yaml.ScalarNode), flow)
            yield from _places(value, here, flow)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _places(item, (*path, str(number)), bool(node.flow_style))


def _end(node: yaml.Node) -> int:
    """Where the last character of a node stands; a block itself ends where the next thing begins."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return _end(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _end(node.value[-1])
    return node.end_mark.index


Sample = Mapping[str, bytes]  # file → content
Changed = tuple[str, str | bytes | None] | None
Change = Callable[[Random, str, str, list[Place], Sample], Changed]


def _put(text: str, span: tuple[int, int], by: str) -> str:
    return text[:span[0]] + by + text[span[1]:]


def _column(text: str, at: int) -> int:
    return at - text.rfind("\n", 0, at) - 1


def _shown(place: Place) -> str:
    return ".".join(place.path)


def _one(random: Random, places: list[Place], scalar: bool = False) -> Place:
    return random.choice([place for place in places if place.scalar or not scalar])


def another_value(random: Random, file: str, text: str, places: list[Place], _: Sample) -> Changed:
    place, odd = _one(random, places), random.choice(VALUES)
    return f"{_shown(place)} is {odd[:40]!r}", _put(text, place.value, odd)


def another_address(random: Random, file: str, text: str, places: list[Place], _: Sample) -> Changed:
    like = [place for place in places
            if place.scalar and re.match(r"[0-9.]+(/|$)", text[slice(*place.value)])]
    if not like:
        return None
    place, odd = random.choice(like), random.choice(DATA["addresses"])
    return f"{_shown(place)} is {odd}", _put(text, place.value, odd)


def another_mac(random: Random, file: str, text: str, places: list[Place], _: Sample) -> Changed:
    macs = [place for place in places if place.path[-1] == "mac"]
    if not macs:
        return None
    place, other = random.sample(macs, 2)
    mac = text[slice(*other.value)]
    odd = random.choice([
        mac, mac.upper(), mac.replace(":", "-"), mac.replace(":", ""), mac.strip('"'), mac[:-2], "00:25:90",
        '"ff:ff:ff:ff:ff:ff"', '"01:00:5e:00:00:01"', '"00:00:00:00:00:00"', "12:34:56:12:34:56"])
    return f"{_shown(place)} is {odd}", _put(text, place.value, odd)


def values_swapped(random: Random, file: str, text: str, places: list[Place], _: Sample) -> Changed:
    scalars = [place for place in places if place.scalar]
    first, second = sorted(random.sample(scalars, 2), key=lambda place: place.value)
    one, other = text[slice(*first.value)], text[slice(*second.value)]
    return (f"{_shown(first)} and {_shown(second)} are swapped",
            _put(_put(text, second.value, one), first.value, other))


def key_gone(random: Random, file: str, text: str, places: list[Place], _: Sample) -> Changed:
    place = _one(random, places)
    begin, end = place.key[0], place.value[1]
    if place.flow:
        end += len(re.match(r",?\s*", text[end:])[0])
    else:
        begin, end = text.rfind("\n", 0, begin) + 1, text.find("\n", end) + 1 or len(text)
    return f"{_shown(place)} is gone", text[:begin] + text[end:]


def key_twice(random: Random, file: str, text: str, places: list[Place], _: Sample) -> Changed:
    place = _one(random, places)
    whole = text[place.key[0]:place.value[1]]
    between = ", " if place.flow else "\n" + " " * _column(text, place.key[0])
    return f"{_shown(place)} appears twice", _put(text, (place.value[1], place.value[1]), between + whole)


def key_renamed(random: Random, file: str, text: str, places: list[Place], _: Sample) -> Changed:
    place = _one(random, places)
    key = text[slice(*place.key)]
    at = random.randrange(len(key))
    new = random.choice([
        key[:at] + key[at + 1:], key[:at] + key[at] + key[at:], key.swapcase(), key + "s", f"{key} ",
        random.choice(places).path[-1], *random.sample(KEYS, 4)])
    return f"{_shown(place)} is called {new[:40]!r}", _put(text, place.key, new)


def key_added(random: Random, file: str, text: str, places: list[Place], _: Sample) -> Changed:
    path, odd = random.choice(DATA["added"][file]), random.choice(VALUES)
    around = [place for place in places if not place.scalar and path.startswith(_shown(place) + ".")]
    inner = max(around, key=lambda place: len(place.path), default=None)
    *rest, last = (path.removeprefix(_shown(inner) + ".") if inner else path).split(".")
    new = "".join(f"{key}: {{" for key in rest) + f"{last}: {odd}" + "}" * len(rest)
    if inner is None:
        return f"{path} is {odd[:40]!r}", f"{new}\n{text}"
    begin = inner.value[0]
    if text[begin] == "{":
        return f"{path} is {odd[:40]!r}", _put(text, (begin + 1, begin + 1), f"{new}, ")
    return f"{path} is {odd[:40]!r}", _put(text, (begin, begin), f"{new}\n{' ' * _column(text, begin)}")


def copied_elsewhere(random: Random, file: str, text: str, places: list[Place], _: Sample) -> Changed:
    source, place = _one(random, places), _one(random, places)
    name = random.choice([source.path[-1], "copy"])
    found = f"{{{name}: {re.sub(r'#.*', '', text[slice(*source.value)]).replace(chr(10), ' ')}}}"
    return f"{_shown(place)} holds a copy of {_shown(source)}", _put(text, place.value, found)


def line_moved(random: Random, file: str, text: str, places: list[Place], _: Sample) -> Changed:
    lines = text.splitlines(keepends=True)
    at = random.randrange(len(lines))
    line = lines[at]
    how = random.choice([
        " " + line, "  " + line, "\t" + line, "- " + line, "# " + line, line + line, line.lstrip(), line.rstrip(),
        line.rstrip() + " x\n", line.replace(": ", ":", 1), line.replace(":", "", 1), line.replace("  ", "\t", 1)])
    other = random.randrange(len(lines))
    if random.random() < 0.2:
        lines[at], lines[other] = lines[other], lines[at]
        return f"lines {at + 1} and {other + 1} are swapped", "".join(lines)
    lines[at] = how
    return f"line {at + 1} is {how[:40]!r}", "".join(lines)


def truncated(random: Random, file: str, text: str, places: list[Place], _: Sample) -> Changed:
    data = text.encode()
    at = random.randrange(len(data))
    rest = random.choice([b"", b"", b"\0" * (len(data) - at), data[at + 40:]])
    return f"cut at byte {at}, then {len(rest)} bytes", data[:at] + rest


def stray_bytes(random: Random, file: str, text: str, places: list[Place], _: Sample) -> Changed:
    data, stray = text.encode(), random.choice(DATA["bytes"])
    at = random.randrange(len(data) + 1)
    return f"{stray!r} at byte {at}", data[:at] + stray + data[at:]


def another_file(random: Random, file: str, text: str, places: list[Place], sample: Sample) -> Changed:
    other = random.choice(list(sample))
    whole = random.choice([
        sample[other], b"", b"# nothing\n", b"- a\n", b"a\n", b"~\n", b"{}\n", b"[]\n", text.encode() * 2,
        text.encode("utf-16"), text.replace("\n", "\r\n").encode(), None])
    return f"holds {'nothing: it is gone' if whole is None else repr(whole[:30])}", whole


CHANGES: tuple[Change, ...] = (  # some oftener than others
    another_value, another_value, another_value, another_value, another_address, another_mac, values_swapped,
    key_gone, key_twice, key_added, key_added, key_added, key_renamed, key_renamed, copied_elsewhere,
    line_moved, truncated, stray_bytes, another_file)
