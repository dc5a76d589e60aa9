"""The rack's page: what is in it for each rack and finding, that it is XML in which no text is markup, and that nothing overlaps."""

from __future__ import annotations

import os
import re
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from invoke import Exit

from fabfile.facts import hub, machine
from fabfile.facts.cluster import ClusterState
from fabfile.facts.look import Look, Unreachable
from fabfile.finding import Finding, Severity
from fabfile.loading import load
from fabfile.rack import Rack
from fabfile.rack.gpu import Gpu
from fabfile.rack.hardware import Cpu, Hardware, Memory
from fabfile.rules.examine import examine
from fabfile.screen.picture import MADE_BY, as_page
from fabfile.screen.picture_layout import ADVANCE, HEAD, LETTER, WIDTH
from fabfile.tasks.picturing import page_file
from tests.unit.small_rack import small_rack
from tests.unit.test_doctor import seen
from tests.unit.test_organisations import BIOLOGY, COMMON

PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "tests/cases/picture"
CASES = yaml.safe_load((FOLDER / "cases.yaml").read_text())
SHOWN = PROJECT / "docs/pictures/rack.svg"  # the picture of a case, as the docs have it
SVG = "{http://www.w3.org/2000/svg}"
NOW = 1795464000
ANSWERED = ClusterState(api=True)


@cache
def sample() -> Rack:
    return load(PROJECT)


def finding(about: dict) -> Finding:
    told = {**about, "severity": Severity[about["severity"]], "follows": tuple(map(finding, about.get("follows", ())))}
    return Finding(**told)


def looked(rack: Rack, case: dict) -> Look:
    """All have answered, but for those of the case."""
    off = case.get("expects_off", ())
    rack = replace(rack, machines={name: one.model_copy(update={"expect": "off"}) if name in off else one
                                   for name, one in rack.machines.items()})
    away = {name: Unreachable("NoAnswer", "no route to host") for name in case.get("unreachable", ())}
    answered = rack.machines.keys() - away - set(off) - set(case.get("silent", ()))
    return Look(rack, NOW, {name: machine.parse(name, "") for name in answered}, away, ANSWERED,
                {name: hub.parse(name, "") for name, one in rack.services.items() if one.is_hub})


def page_of(case: dict | None) -> str:
    if case is None:
        return as_page(sample())
    look = looked(sample(), case)
    return as_page(look.rack, look, map(finding, case.get("findings", ())))


# -- cases -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_the_page_of_the_sample_rack(name):
    page, file = page_of(CASES[name]), FOLDER / f"{name}.html"
    if os.environ.get("COOP_WRITE"):
        file.write_text(page)
    assert page == file.read_text()


def test_the_docs_show_the_picture_of_a_case():
    page = page_of(CASES["troubled"])
    svg = page[page.index("<svg"):page.index("</svg>")] + "</svg>\n"
    if os.environ.get("COOP_WRITE"):
        SHOWN.write_text(svg)
    assert ET.fromstring(svg).tag == f"{SVG}svg" and svg == SHOWN.read_text()


def test_a_page_needs_nothing_but_itself():
    for name in CASES:
        page = page_of(CASES[name]).replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"<(script|link|img|image|iframe|use|object)\b|@import|url\(|src=|href=|://", page), name


def states(page: str) -> dict[str, str]:
    """What the picture says of each box."""
    return {"".join(text.text for text in box.iter(f"{SVG}text") if text.get("class") == "name"):
            " ".join(text.text for text in box.iter(f"{SVG}text") if text.get("class").startswith("state"))
            for box in boxes(page)}


def boxes(page: str) -> list[ET.Element]:
    return ET.fromstring(page).findall(f".//{SVG}g")


def test_each_box_says_in_words_how_it_is():
    said = states(page_of(CASES["troubled"]))
    assert said["staging"] == "does not work (1)" and said["chick3"] == "works with less (2)"
    assert said["chick7"] == "unreachable (3)" and said["chick10"] == "meant to be off (5)"
    assert said["cluster flock"] == "works with less (4)", "also of what has no box"
    assert said["hen"] == "not asked" and said["rooster"] == said["hub"] == said["chick1"] == "well"
    assert "2026-11-23 20:00 UTC</time>: 1 does not work, 3 works with less, 1 worth knowing; not asked: hen.</p>" in \
        page_of(CASES["troubled"])
    assert set(states(page_of(None)).values()) == {""}, "without a look nothing is said of health"


@pytest.mark.parametrize(("case", "wanted"), [
    ({}, {"rooster": "well", "chick2": "well", "hub": "well", "cluster flock": "well"}),
    ({"cluster": "down", "hub": [["== release", "== cluster\nits API server does not answer\n== release"]]},
     {"hub": "not asked", "cluster flock": "does not work (1)", "chick1": "well"}),
    ({"unreachable": {name: {"kind": "NoAnswer", "problem": "no answer"} for name in ("rooster", "chick0", "chick1", "chick2", "hen")},
      "cluster": "down"}, {"rooster": "unreachable (1)", "chick1": "unreachable (1)", "hub": "not asked"}),
    ({"cut_short": {"rooster": ["hub hub"]}}, {"rooster": "works with less (1)", "hub": "not asked"}),
    ({"chick1": {"swap": "/swap.img"}}, {"chick1": "works with less (1)", "chick2": "well"}),
], ids=["healthy", "the API is down", "nobody answers", "a hub was not heard out", "swap"])
def test_what_the_doctor_sees_is_in_the_boxes(case, wanted):
    look = seen(small_rack(), case)
    said = states(as_page(look.rack, look, examine(look)))
    assert {name: said[name] for name in wanted} == wanted


def test_organisations_and_what_machines_have_are_told(tmp_path):
    subprocess.run(["cp", "-r", PROJECT / "tests/cases/hub/base", tmp_path / "rack"], check=True)
    (tmp_path / "rack/configs/organisations.yaml").write_text(COMMON + BIOLOGY)
    rack = load(tmp_path / "rack")
    rack = replace(rack, machines={**rack.machines, "chick1": rack.machines["chick1"].model_copy(update={
        "gpu": Gpu(driver="580", count=2), "hardware": Hardware(cpu=Cpu(cores=16), memory=Memory(size="64GiB"))})})
    page = as_page(rack)
    for text in ("biology.jupyter.flock.example", "128.120.136.71 to 10.0.1.64", "pods 10.245.0.0/22", "16 cores, 64GiB, 2 GPUs"):
        assert text in page, text


# -- any rack --------------------------------------------------------------------------------------------------------------


def rack_of(count: int, name: str = "chick", bmcs: bool = True) -> Rack:
    """The sample's rooster and hen, and so many machines in all."""
    rack = sample()
    bmc = rack.machines["hen"].bmc if bmcs else None
    machines = {one: rack.machines[one].model_copy(update={"bmc": bmc}) for one in ("rooster", "hen")}
    for number in range(count - 2):
        copy = rack.machines["chick1"].model_copy(update={"bmc": bmc if number % 3 else None})
        copy._name = f"{name}{number}"
        machines[copy.name] = copy
    return replace(rack, machines=machines)


HOSTILE = st.one_of(st.text(max_size=60), st.sampled_from([
    "<script>alert(1)</script>", "a & b", "]]>", "<!-- ", "'\"><svg/onload=x>", "\x1b[31mred\x00", "{{ 7 * 7 }}", "&amp;", "x" * 300]))
FINDINGS = st.lists(st.builds(
    Finding, HOSTILE, st.one_of(HOSTILE, st.sampled_from(["rooster", "chick1", "hub", "cluster"])), st.sampled_from(Severity), HOSTILE,
    fix=HOSTILE, follows=st.lists(st.builds(Finding, HOSTILE, HOSTILE), max_size=2).map(tuple)), max_size=5)
MARKUP = {*"html head meta title style body h1 h2 p time ol ul li strong span code div table tr th td".split(),
          *(SVG + tag for tag in "svg title desc style rect polyline text g".split())}


def as_xml_has_it(text: str) -> str:
    """Without letters that XML cannot have; every end of a line is one letter."""
    return re.sub("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text).replace("\r\n", "\n").replace("\r", "\n")


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 30), FINDINGS, st.text(max_size=30))
def test_everything_is_in_the_page_and_no_text_is_markup(count, findings, name):
    rack = replace(rack_of(count), name=name)
    page = ET.fromstring(as_page(rack, looked(rack, {}), findings))
    assert {one.tag for one in page.iter()} <= MARKUP
    text = "".join(page.itertext())
    wanted = [name, *rack.machines, *rack.services, *rack.network.publish]
    for one in (*findings, *(each for found in findings for each in found.follows)):
        wanted += [one.what, one.where, one.evidence, one.fix]
    for one in map(as_xml_has_it, wanted):
        assert one in text


def test_secrets_in_what_machines_say_are_masked():
    told = Finding("it says", "chick1", evidence="kubeadm join --token abcdef.0123456789abcdef", fix="db_password=hunter2hunter2",
                   follows=(Finding("Bearer abcdefghijklmnop", "chick2"),))
    page = as_page(sample(), looked(sample(), {}), [told])
    assert not [one for one in ("0123456789abcdef", "hunter2", "abcdefghijklmnop") if one in page] and "kubeadm join" in page


# -- the drawing -----------------------------------------------------------------------------------------------------------


Area = tuple[int, int, int, int]


def areas(page: ET.Element) -> list[Area]:
    found = [[int(one.get(key)) for key in ("x", "y", "width", "height")] for one in page.iter(f"{SVG}rect") if "box" in one.get("class")]
    return [(x, y, x + width, y + height) for x, y, width, height in found]


def segments(page: ET.Element) -> Iterator[Area]:
    for wire in page.iter(f"{SVG}polyline"):
        points = [tuple(map(int, point.split(","))) for point in wire.get("points").split()]
        for (x, y), (u, v) in pairwise(points):
            assert x == u or y == v, "wires are level or upright"
            yield min(x, u), min(y, v), max(x, u), max(y, v)


def written(page: ET.Element, kind: str) -> Iterator[Area]:
    for one in page.iter(f"{SVG}text"):
        if (one.get("class") == "label") == (kind == "label"):
            size = HEAD if one.get("class") == "name" else LETTER
            x, y = int(one.get("x")), int(one.get("y"))
            yield x, y - size + 2, int(x + len(one.text) * size * ADVANCE), y + 3


def meet(one: Area, other: Area) -> bool:
    """Whether they have more in common than an edge."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@pytest.mark.parametrize("bmcs", [True, False])
@pytest.mark.parametrize("name", ["chick", "a-machine-with-quite-a-long-name-as-some-sites-have-"])
@pytest.mark.parametrize("count", [2, 4, 7, 8, 13, 24, 60])
def test_nothing_overlaps(count, name, bmcs):
    rack = rack_of(count, name, bmcs)
    told = [Finding("x", f"{name}0", Severity.DOWN) for _ in range(40)]
    page = ET.fromstring(as_page(rack, looked(rack, {}), told))
    _, _, width, height = map(int, page.find(f".//{SVG}svg").get("viewBox").split())
    placed, lines, labels, texts = areas(page), [*segments(page)], [*written(page, "label")], [*written(page, "text")]
    assert len(placed) == count + 3 and width == WIDTH and len(labels) == 3 + bmcs
    assert all(x >= 0 and y >= 0 and u <= width and v <= height for x, y, u, v in (*placed, *lines, *labels))
    assert not [pair for pair in combinations(placed, 2) if meet(*pair)]
    assert not [(line, box) for line in lines for box in placed if meet(line, box)], "no wire crosses a box"
    assert not [(label, other) for label in labels for other in (*placed, *lines) if meet(label, other)]
    assert not [text for text in texts if not any(x < text[0] and y < text[1] and text[2] < u and text[3] < v for x, y, u, v in placed)]


def test_each_machine_is_on_the_node_network_and_each_bmc_on_its_own():
    page = ET.fromstring(as_page(rack_of(24)))
    ends = {kind: {tuple(map(int, point.split(","))) for wire in page.iter(f"{SVG}polyline") if wire.get("class") == f"wire {kind}"
                   for point in wire.get("points").split()} for kind in ("node", "bmc", "published", "public")}
    for box, (x, y, u, v) in zip(page.iter(f"{SVG}g"), areas(page), strict=True):
        about = box.findtext(f"{SVG}title")
        middle = x + (u - x) // 2
        touched = {kind for kind, at in ends.items() if (middle, y) in at or (middle, v) in at}
        if "gateway" not in about:
            assert touched == {*(["node"] if "enp" in about else []), *(["bmc"] if "BMC" in about else []),
                               *(["published"] if "; TCP " in about else [])}, about


# -- the task --------------------------------------------------------------------------------------------------------------


def test_the_task_writes_the_page(tmp_path):
    done = subprocess.run([PROJECT / ".venv/bin/inv", "rack.picture", "--offline", "--out", "rack.html"], cwd=tmp_path,
                          env={**os.environ, "COOP_RACK": str(PROJECT)}, capture_output=True, text=True)
    file = tmp_path / "rack.html"
    assert (done.returncode, done.stdout, file.read_text()) == (0, "", (FOLDER / "offline.html").read_text()), done.stderr
    assert file.stat().st_mode & 0o777 == 0o644


def test_no_file_is_overwritten_but_a_page(tmp_path):
    page, other, link = tmp_path / "page.html", tmp_path / "other.html", tmp_path / "link.html"
    page.write_text(MADE_BY + "an older one")
    other.write_text("<!DOCTYPE html>\n<p>mine</p>")
    link.symlink_to(page)
    assert page_file(page) == page_file(link) == page and page_file(tmp_path / "new.html") == tmp_path / "new.html"
    for wrong, why in ((other, "is not overwritten"), (tmp_path, "is no file"), (tmp_path / "no/rack.html", "there is no folder"),
                       (Path("/dev/null"), "is no file")):
        with pytest.raises(Exit, match=why) as ended:
            page_file(wrong)
        assert ended.value.code == 2
