"""Reading and writing the rack's files: lines, any bytes, host keys put in, and what chance makes of them."""

import copy
import string
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fabfile.loading.files import FILES, assemble, rack_folder
from fabfile.rack import RackProblems
from fabfile.rack.host_keys import with_host_key
from fabfile.rack.reading import read
from fabfile.rack.secrets import read_secrets
from tests.unit.broken import samples

PROJECT = Path(__file__).parents[2]
BASE = PROJECT / "tests/cases/rack/base"
SAMPLE = {file: (BASE / file).read_bytes() for file in FILES}
WHOLE = samples(PROJECT)  # with a hub, services and storage
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "x" * 43


quick_read = cache(read)  # most files of an example are the sample's


def load(contents: dict[str, bytes]):
    """The rack in these files, or its problems; whatever else is raised is a fault of ours."""
    try:
        return assemble(PROJECT, {file: quick_read(file, content) for file, content in contents.items()})
    except RackProblems as told:
        return told.problems


def test_every_value_has_its_line():
    document = read("x.yaml", b"a:\n  - 1\n  - b: [x,\n        y]\n")
    assert document.values == {"a": [1, {"b": ["x", "y"]}]}
    lines = {("a",): 1, ("a", 0): 2, ("a", 1, "b"): 3, ("a", 1, "b", 1): 4, ("a", 9): 1}
    assert {path: document.line(path) for path in lines} == lines


def test_a_text_of_octal_digits_is_text_that_knows_its_number():
    value = read("x.yaml", b"key: 0755").values["key"]
    assert value == "0755" and value.number == 493 == read("x.yaml", b"key: 0o755").values["key"].number


@pytest.mark.parametrize("text, value", [
    ("1", 1), ("-7", -7), ("1.5", 1.5), ("1e3", 1000.0), ("true", True), ("False", False), ("~", None),
    ("", None), ("'1'", "1"),
    *((text, text) for text in (
        "12:30:45", "2026-11-23", "0x10", "1.36.4", "00:25:90:51:12:34", "tRue", "1_000", "y", "=")),
])
def test_a_scalar_means_what_it_looks_like(text, value):
    document = read("x.yaml", f"key: {text}\n".encode())
    assert document.values == {"key": value}
    assert type(document.values["key"]) is type(value)
    assert not document.problems


TEXTS = st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))


@settings(max_examples=250, deadline=None)
@given(st.one_of(st.binary(max_size=200), TEXTS), st.sampled_from(list(WHOLE)))
@example(b"[" * 3000, "hosts.yaml")
@example(b"- " * 3000, "hosts.yaml")
@example(b"&a [*a]", "hosts.yaml")
@example(b"a: &a [x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b]\n"
         b"d: &d [*c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d]\nf: [*e, *e, *e, *e, *e, *e]\n",
         "configs/hub.yaml")
@example(b"? [a]\n: b", "configs/cluster.yaml")
@example(b"\xef\xbb\xbfrack: flock", "hosts.yaml")
@example(b"%YAML 9.9\n--- a", "configs/network.yaml")
@example(b"!!int x", "configs/versions.yaml")
@example("a: \u2028b".encode(), "configs/services.yaml")
def test_any_bytes_are_read_or_reported(content, file):
    told = load({**WHOLE, file: content})
    assert isinstance(told, tuple) and all(problem.message for problem in told)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.binary(max_size=200), TEXTS, TEXTS.map(lambda text: b"hub: {password: " + text + b"}")))
def test_any_bytes_of_secrets_are_read_or_reported_without_them(content):
    with TemporaryDirectory() as folder:
        (Path(folder) / "configs").mkdir()
        secrets = Path(folder) / "configs/secrets.yaml"
        secrets.write_bytes(content)
        secrets.chmod(0o600)
        document, _values = read_secrets(Path(folder))
    assert document.values is None
    told = "".join(f"{problem.message}{problem.hint}" for problem in document.problems)
    assert not [line for line in content.decode(errors="replace").split() if len(line) > 8 and line in told]


def nodes(value, path=()):
    """The path of everything in a tree, the tree itself left out."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*path, key)
        yield from nodes(one, (*path, key))


TREES = {file: yaml.load(content, yaml.BaseLoader) for file, content in SAMPLE.items()}
PLACES = [(file, path) for file, tree in TREES.items() for path in nodes(tree)]
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False),
    st.text(string.printable, max_size=12), st.lists(st.text("ab", max_size=2), max_size=2),
    st.dictionaries(st.text("ab.", max_size=2), st.integers(), max_size=2),
    st.sampled_from([
        "10.0.0.1", "10.0.0.1/24", "0.0.0.0/0", "10.0.0.255/32", "00:25:90:54:7e:a8", "worker", [["gateway"]],
        {"a": {}}]))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), ODD), min_size=1, max_size=3))
def test_a_value_of_another_kind_is_reported_at_its_line(changes):
    """Whatever stands in place of a value: the rack loads, or says what is wrong on a line that there is."""
    trees = copy.deepcopy(TREES)
    for (file, path), value in changes:
        try:
            at = trees[file]
            for key in path[:-1]:
                at = at[key]
            at[path[-1]] = value
        except (TypeError, KeyError, IndexError):
            pass  # an earlier change has taken the place away
    contents = {file: yaml.safe_dump(tree, sort_keys=False).encode() for file, tree in trees.items()}
    told = load(contents)
    if isinstance(told, tuple):
        for problem in told:
            assert 1 <= problem.line <= contents[problem.file].count(b"\n") + 1
            assert problem.message


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_line_lost_or_doubled_is_reported_or_harmless(data):
    file = data.draw(st.sampled_from(sorted(SAMPLE)))
    lines = SAMPLE[file].splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines) - 1))
    line = lines[at]
    lines[at:at + 1] = data.draw(st.sampled_from(
        [[], [line, line], [b" " + line], [b"\t" + line], [line[:-3] + b"\n"]]))
    told = load({**SAMPLE, file: b"".join(lines)})
    assert not isinstance(told, tuple) or told


MACHINES = list(TREES["hosts.yaml"]["machines"])


@pytest.mark.parametrize("machine", MACHINES)
def test_a_host_key_is_written_and_nothing_else(machine):
    before = SAMPLE["hosts.yaml"].decode()
    after = with_host_key(before, machine, KEY)
    added = set(after.splitlines()) - set(before.splitlines())
    assert added == {f"    host_key: {KEY}"}
    assert load({**SAMPLE, "hosts.yaml": after.encode()}).machine(machine).host_key == KEY
    assert with_host_key(after, machine, KEY) == after
    other = KEY.replace("xx", "yy")
    assert with_host_key(after, machine, other) == after.replace(KEY, other)


@pytest.mark.parametrize("before, after", [
    ("  a: {roles: [x], disks: {}}  # one\n",
     "  a: {roles: [x], disks: {}, host_key: KEY}  # one\n"),
    ("  a:\n    roles:\n      - x  # why\n\n  b: {c: d}\n",
     "  a:\n    roles:\n      - x  # why\n    host_key: KEY\n\n  b: {c: d}\n"),
    ("  a:\n    bmc: 10.0.0.1",
     "  a:\n    bmc: 10.0.0.1\n    host_key: KEY"),
    ("  {a: {roles: []}}\n",
     "  {a: {roles: [], host_key: KEY}}\n"),
    ("  a:\n    host_key: 'old'   # by hand\n    bmc: x\n",
     "  a:\n    host_key: KEY   # by hand\n    bmc: x\n"),
])
def test_comments_and_forms_stay(before, after):
    assert with_host_key(f"machines:\n{before}", "a", KEY) == f"machines:\n{after}".replace("KEY", KEY)


def test_a_machine_that_is_not_there_gets_no_key():
    with pytest.raises(LookupError):
        with_host_key(SAMPLE["hosts.yaml"].decode(), "chick99", KEY)


def test_the_folder_is_what_coop_rack_says(monkeypatch, tmp_path):
    monkeypatch.setenv("COOP_RACK", str(tmp_path))
    assert rack_folder() == tmp_path
    monkeypatch.delenv("COOP_RACK")
    assert rack_folder() == PROJECT
