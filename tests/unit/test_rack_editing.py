"""Values changed in the text of a YAML file: everything else of it stays."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fabfile.rack.editing import GONE, Uneditable, edited
from fabfile.rack.reading import read

A = ("a",)


@pytest.mark.parametrize("before, changes, after", [
    ("a: 1  # one\nb: 'two'\n", {A: 2}, "a: 2  # one\nb: 'two'\n"),
    ("a: 'x'   # by hand\n", {A: "x"}, "a: 'x'   # by hand\n"),
    ("a: {b: 1}\n# end\n", {("a", "c"): "x: y"}, 'a: {b: 1, c: "x: y"}\n# end\n'),
    ("a: {b: 1, c: 2, d: 3}\n", {("a", "b"): GONE, ("a", "d"): GONE, ("a", "e"): True}, "a: {c: 2, e: true}\n"),
    ("a: {b: 1}  # both go\nc: 1\n", {("a", "b"): GONE}, "c: 1\n"),
    ("a: {b: 1}\n", {("a", "b"): GONE, ("a", "c"): 2}, "a: {c: 2}\n"),
    ("a: {}\n", {("a", "b", "c"): 2}, "a: {b: {c: 2}}\n"),
    ("a:\n  b: 1  # goes\n  # stays\n  c: 2\n", {("a", "b"): GONE}, "a:\n  # stays\n  c: 2\n"),
    ("a:\n  b:\n    c: 1\n\n# next\nd: 1\n", {("a", "b", "c"): GONE}, "\n# next\nd: 1\n"),
    ("a:\n  b:\n    c: 1\n\n# next\nd: 1\n", {("a", "b", "x"): 1, ("a", "y"): 2, ("z",): 3},
     "a:\n  b:\n    c: 1\n    x: 1\n  y: 2\n\n# next\nd: 1\nz: 3\n"),
    ("a:\n  b: 1\n  c: 2", {("a", "c"): GONE, ("a", "d"): 3}, "a:\n  b: 1\n  d: 3"),
    ("a:\n  b: |\n    long\n    text\n\nc: 1\n", {("a", "d"): 3}, "a:\n  b: |\n    long\n    text\n  d: 3\n\nc: 1\n"),
    ("a:\r\n  b: 1  # one\r\nc: 1\r\n", {("a", "d"): 3}, "a:\r\n  b: 1  # one\r\n  d: 3\r\nc: 1\r\n"),
    ("a:\n  b: 1\n", {("a", "c"): {"d": {"e": "yes", "f": "10.0.0.1"}, "g": "16GiB"}},
     'a:\n  b: 1\n  c:\n    d: {e: "yes", f: 10.0.0.1}\n    g: 16GiB\n'),
    ("a: {b: {c: 1,  # first\n        d: 2}}\n", {("a", "b", "d"): GONE, ("a", "e"): "7E10"}, 'a: {b: {c: 1}, e: "7E10"}\n'),
], ids=range(15))
def test_one_value_changes_and_the_rest_stays(before, changes, after):
    assert edited(before, changes) == after
    assert edited(after, changes) == after


@pytest.mark.parametrize("text, changes", [
    ("a: &x {b: 1}\nc: *x\n", {("c", "b"): 2}),
    ("a: &x\n  b: 1\nc: *x\n", {("a", "d"): 2}),
    ("a:\n  ? b\n  : 1\n  ? c\n  : 2\n", {("a", "b"): GONE}),
    ("- a\n", {A: 1}),
])
def test_what_cannot_be_changed_alone_is_refused(text, changes):
    with pytest.raises(Uneditable):
        edited(text, changes)


WORDS = st.text("abyesno019./-: #{},'\"\\é", min_size=1, max_size=8)
LEAVES = st.one_of(st.integers(-5, 10**12), st.booleans(), WORDS)
TREES = st.dictionaries(WORDS, st.one_of(LEAVES, st.dictionaries(WORDS, st.one_of(LEAVES, st.dictionaries(WORDS, LEAVES, min_size=1)),
                                                                 min_size=1)), min_size=1)


@given(TREES, TREES, st.booleans())
def test_any_tree_becomes_any_other_and_every_comment_stays(before, after, braces):
    """Whatever stood there, in lines or in braces: what differs is changed, and the reader reads the other tree."""
    text = "\n".join(["# first", yaml.safe_dump({"top": before, "end": 1}, default_flow_style=True if braces else None, width=10**6,
                                               allow_unicode=True), "# last", ""])
    text = text if read("", text.encode()).values == {"top": before, "end": 1} else f'# first\n"top": {_json(before)}\nend: 1\n# last\n'
    changes = {("top", key): GONE for key in before if key not in after}
    changes |= {("top", key): value for key, value in after.items() if not isinstance(value, dict) or key not in before}
    for key in (key for key, value in after.items() if isinstance(value, dict) and key in before):
        if not isinstance(before[key], dict):
            return  # a scalar does not become a mapping
        changes |= {("top", key, inner): GONE for inner in before[key] if inner not in after[key]}
        if any(isinstance(value, dict) and inner in before[key] for inner, value in after[key].items()):
            return
        changes |= {("top", key, inner): value for inner, value in after[key].items()}
    if any(isinstance(before.get(key), dict) and not isinstance(value, dict) for key, value in after.items()):
        return
    new = edited(text, changes)
    assert read("", new.encode()).values == {"top": after, "end": 1}
    assert new.startswith("# first\n") and new.endswith("# last\n") and edited(new, changes) == new


def _json(value):
    import json
    return json.dumps(value, ensure_ascii=False)
