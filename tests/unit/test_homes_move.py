"""Homes from another server: what may be said of them, and what runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from fabfile.facts.homes_move import chosen, ended, host_of, moving, named
from fabfile.loading import load
from fabfile.resources import File, Packages
from fabfile.tasks.homes import tools

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("source, host", [
    ("/mnt/old/homes", ""), ("spicy@old.example:/export/home", "old.example"), ("root@10.0.0.7:/srv", "10.0.0.7"),
    ("old.example:/srv", None), ("mnt/old", None), ("/mnt/../etc", None), ("spicy@old.example:srv", None), ("/", None), ("", None),
    ("spicy@old.example:/srv/a b", None), ("-e sh@x:/srv", None), ("spicy@-oProxyCommand=x:/srv", None)])
def test_where_homes_come_from(source, host):
    if host is None:
        with pytest.raises(ValueError):
            host_of(source)
    else:
        assert host_of(source) == host


@pytest.mark.parametrize("text, found", [
    ("# ours\njdoe hub-claim-jdoe-pvc-1\n\nanna Anna B\n", {"jdoe": "hub-claim-jdoe-pvc-1", "anna": "Anna B"}),
    ("Jane.Doe@x.edu jdoe\n", {"Jane.Doe@x.edu": "jdoe"}), ("jdoe\n", "line 1: which folder becomes jdoe"),
    ("jdoe a\njdoe b\n", "line 2: jdoe is there twice"),
    ("a/b c\n", "line 1: 'a/b' is no home")])
def test_a_file_of_names(text, found):
    if isinstance(found, dict):
        assert named(text) == found
    else:
        with pytest.raises(ValueError, match=found):
            named(text)


def test_a_home_gets_the_folder_that_the_hub_mounts():
    text = moving("nest/homes", "hub", "/mnt/old", "1000:100", {"jdoe": "jdoe", "1234567": "1234567"}, "/etc/coop/homes", dry=False)
    assert "names='jdoe jdoe\nx-1234567---8bb0cf6e 1234567\n'" in text


@pytest.mark.parametrize("names, only, found", [
    ({}, [], {}), ({}, ["jdoe"], {"jdoe": "jdoe"}), ({"jdoe": "x", "anna": "y"}, ["anna"], {"anna": "y"}),
    ({"jdoe": "x"}, [], {"jdoe": "x"}),
    ({"jdoe": "x"}, ["anna"], "'anna' is not among the names"), ({}, ["a/b"], "'a/b' is no home")])
def test_some_of_them(names, only, found):
    if isinstance(found, dict):
        assert chosen(names, only) == found
    else:
        with pytest.raises(ValueError, match=found):
            chosen(names, only)


@pytest.mark.parametrize("said, text, code", [
    ("a: moved\n\nended 0\n", "a: moved", 0), ("a: left: why\n\nended 1\n", "a: left: why", 1), ("a: mo", "a: mo", 1), ("", "", 1),
    ("ended 0\n", "ended 0", 1)])
def test_what_did_not_come_to_its_end_was_no_success(said, text, code):
    assert ended(said) == (text, code)


def test_nothing_is_removed_at_the_source_and_the_shell_is_well_formed():
    script = moving("nest/homes", "hub", "spicy@old.example:/srv/", "1000:100", {"jdoe": "a'b"}, "/etc/coop/homes", dry=False)
    assert "--remove-source" not in script and "source=spicy@old.example:/srv\n" in script
    assert subprocess.run(["dash", "-n"], input=script, text=True).returncode == 0


def test_a_key_is_made_for_another_host_alone():
    rack = load(PROJECT)
    hen = rack.machine("hen")
    for host, kinds in (("", [Packages]), ("old.example", [Packages, File])):
        [step] = tools(hen, host, "ssh-ed25519 AAAA")
        found = [*step.role(rack, hen)]
        assert all(any(isinstance(one, kind) for one in found) for kind in kinds)
        assert bool([one for one in found if isinstance(one, File)]) == bool(host)


@pytest.mark.parametrize("words, said", [
    (["--from", "old"], "--from: 'old' is neither a folder"), ([], "--from: '' is neither"),
    (["--from", "a@b:/c"], "--host-key: '' is no key of b"), (["--from", "/mnt", "--only", "a/b"], "--only: 'a/b' is no home"),
    (["--from", "/mnt", "--names", "/nonexistent"], "--names /nonexistent: "),
    (["--from", "/mnt", "--names", "/dev/null"], "it names no home"),
    (["--from", "/mnt", "--hub", "hib"], "has no hub 'hib'")])
def test_a_wrong_word_is_one_sentence(words, said):
    done = subprocess.run([sys.executable, "-m", "invoke", "homes.move", *words], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
