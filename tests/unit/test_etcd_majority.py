"""etcd keeps its majority: when a control plane leaves, and while some are rebooted."""

from contextlib import contextmanager

import pytest
from invoke import Context, Exit

from fabfile.engine.errors import NoAnswer
from fabfile.facts import upgrading
from fabfile.facts.etcd_majority import etcd_while_away, etcd_while_off, etcd_without, members_of
from fabfile.facts.rebooting import Turn
from fabfile.tasks import node, queries
from tests.unit.etcd_answers import etcd
from tests.unit.small_rack import all_control_planes, small_rack


@pytest.mark.parametrize("answer, told", [
    (etcd(3), ""),
    (etcd(2), ""),
    (etcd(3, ["chick1"]), ""),  # it is the one that leaves
    (etcd(5, ["chick4"]), ""),
    (etcd(1), ""),  # it has left already
    (etcd(3, ["chick2"]), "etcd has 3 members, and chick2 does not answer: without chick1 it would lose its majority, and the cluster "
                          "with it. Switch chick2 on, or first: inv node.remove chick2 --dead"),
    (etcd(5, ["chick3", "chick4"]), "chick3, chick4 do not answer: without chick1"),
    (etcd(2, unstarted=True), "one that never started does not answer"),
    ("", "does not tell its members (no answer), so it is not known"),
    ("Error from server\n", "does not tell its members (Error from server)"),
    (etcd(3).splitlines()[0], "does not tell its members"),
])
def test_a_member_of_etcd_leaves_only_if_the_others_are_a_majority(answer, told):
    said = etcd_without("chick1", answer)
    assert said == told if told.startswith("etcd has") or not told else told in said


@pytest.mark.parametrize("batches, answer, told", [
    (["chick0", "chick1", "chick2"], etcd(3), ""),  # one after the other
    (["chick0 chick1"], etcd(3), "etcd has 3 members: chick0, chick1 must not be rebooted together, or it loses its majority, and the API "
                                 "server does not answer. Of its members, 1 at a time may be, together with any workers: --at-once 1"),
    (["chick0 chick8", "chick1 chick9", "chick8 chick9"], etcd(3), ""),  # with workers
    (["chick8 chick9 chick1 chick2"], etcd(3), "chick1, chick2 must not be rebooted together"),
    (["chick0 chick1"], etcd(5), ""),
    (["chick0", "chick1 chick2 chick3"], etcd(5), "etcd has 5 members: chick1, chick2, chick3 must not be rebooted together"),
    (["chick0 chick1 chick2"], etcd(5), "2 at a time may be, together with any workers: --at-once 2"),
    # one that is down already
    (["chick0"], etcd(3, ["chick2"]), "etcd has 3 members, and chick2 does not answer: while chick0 is away, too, it has no majority, and "
                                      "the API server does not answer. As long as that is so, only workers and chick2 may be rebooted. "
                                      "Switch chick2 on, or first: inv node.remove chick2 --dead"),
    (["chick2"], etcd(3, ["chick2"]), ""),  # it is the one
    (["chick8 chick2", "chick8"], etcd(3, ["chick2"]), ""),
    (["chick0"], etcd(5, ["chick4"]), ""),
    (["chick0 chick1"], etcd(5, ["chick4"]), "and chick4 does not answer: chick0, chick1 must not be rebooted together"),
    (["chick0 chick4"], etcd(5, ["chick4"]), ""),
    (["chick0"], etcd(5, ["chick3", "chick4"]), "only workers and chick3 and chick4 may be rebooted"),
    (["chick0"], etcd(3, unstarted=True), "etcd has 4 members, and one that never started does not answer: while chick0 is away, too"),
    (["chick0"], etcd(2, unstarted=True), "one that never started does not answer: while chick0 is away, too"),
    # one or two members: one alone may go, when nothing else is wrong
    (["chick0"], etcd(1), ""),
    (["chick0", "chick1"], etcd(2), ""),
    (["chick0 chick1"], etcd(2), "chick0, chick1 must not be rebooted together"),
    (["chick0"], etcd(2, ["chick1"]), "while chick0 is away, too"),
    ([], etcd(3, ["chick2"]), ""),
])
def test_more_members_than_etcd_can_do_without_are_never_away_at_once(batches, answer, told):
    said = "\n".join(etcd_while_away([batch.split() for batch in batches], members_of(answer)))
    assert told in said if told else not said


def turns(*names: str, done: str = "") -> list[Turn]:
    return [Turn(name, "start 0", "", name == done) for name in names]


class Etcd:
    """It says one thing after the other, the last again and again."""

    def __init__(self, monkeypatch, *answers):
        self.answers, self.asked, self.slept = [*answers], 0, 0.0
        monkeypatch.setattr(queries, "ask", self.ask)
        monkeypatch.setattr("time.sleep", self.sleep)
        monkeypatch.setattr("time.monotonic", lambda: self.slept)

    def ask(self, rack, questions, limit=60.0, ways=None):
        ((name, text),) = questions.items()
        assert "etcdctl endpoint health" in text
        self.asked += 1
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return ({}, {name: said}) if isinstance(said, NoAnswer) else ({name: said}, {})

    def sleep(self, seconds):
        self.slept += seconds


@pytest.mark.parametrize("names, at_once, answer, told", [
    ("chick0 chick1 chick2", 1, etcd(3), ""),
    ("chick0 chick1 chick2", 2, etcd(3), "chick0, chick1 must not be rebooted together"),
    ("chick1", 1, etcd(3, ["chick2"]), "chick2 does not answer: while chick1 is away, too"),
    ("chick1", 1, "Error from server", "tell its members (Error from server), so it is not known which control planes may be rebooted"),
    ("chick1", 1, NoAnswer("chick0", "no answer"), "so it is not known which control planes may be rebooted: inv doctor"),
])
def test_etcd_is_asked_before_the_first_control_plane_is_rebooted(monkeypatch, names, at_once, answer, told):
    etcd = Etcd(monkeypatch, answer)
    if not told:
        node.refuse_without_majority(all_control_planes(), turns(*names.split()), at_once, None)
    else:
        with pytest.raises(Exit) as refused:
            node.refuse_without_majority(all_control_planes(), turns(*names.split()), at_once, None)
        assert refused.value.code == 2 and told in str(refused.value) and str(refused.value).endswith("\nnothing was changed")
    assert etcd.asked == 1 and not etcd.slept


def test_etcd_is_not_asked_where_there_is_no_majority_to_lose(monkeypatch):
    etcd = Etcd(monkeypatch, "")
    node.refuse_without_majority(small_rack(), turns("chick0", "chick1", "chick2"), 3, None)  # one control plane
    node.refuse_without_majority(all_control_planes(), turns("chick0", done="chick0"), 3, None)
    assert not etcd.asked


def test_a_member_that_an_earlier_run_rebooted_may_still_be_starting(monkeypatch):
    early = Etcd(monkeypatch, etcd(3, ["chick0"]), etcd(3, ["chick0"]), etcd(3))
    node.refuse_without_majority(all_control_planes(), turns("chick0", "chick1", done="chick0"), 1, None)
    assert early.asked == 3
    never = Etcd(monkeypatch, etcd(3, ["chick0"]))
    with pytest.raises(Exit, match="chick0 does not answer: while chick1 is away, too"):
        node.refuse_without_majority(all_control_planes(), turns("chick0", "chick1", done="chick0"), 1, None)
    assert upgrading.PATIENCE < never.slept < 2 * upgrading.PATIENCE


@pytest.mark.parametrize("answer, told", [
    (etcd(3), []),
    (etcd(3, ["chick1"]), []),  # the one that is to be off
    (etcd(3, ["chick2"]), ["etcd has 3 members, and chick2 does not answer: while chick1 is away, too, it has no majority"]),
    ("", ["etcd does not tell its members (no answer), so it is not known whether it keeps its majority without chick1"]),
])
def test_what_a_control_plane_that_is_switched_off_costs_etcd_is_told(answer, told):
    said = etcd_while_off("chick1", answer)
    assert [one[:len(words)] for one, words in zip(said, told, strict=True)] == told


@pytest.mark.parametrize("dry", [True, False])
def test_a_refused_reboot_has_touched_nothing(monkeypatch, dry):
    rack, asked = all_control_planes(), []

    @contextmanager
    def connected(rack):
        yield None

    def ask(rack, questions, limit=60.0, ways=None):
        asked.extend(questions.values())
        return {name: etcd(3) if "etcdctl" in text else
                "start 0\n#marks\n" + "".join(f"#node {one}\nnode True\n\n#pods\n" for one in ("chick0", "chick1", "chick2"))
                if "#marks" in text else "start 0\n" for name, text in questions.items()}, {}

    monkeypatch.setattr(queries, "ask", ask)
    monkeypatch.setattr("fabfile.tasks.rack.the_rack", lambda: rack)
    monkeypatch.setattr("fabfile.tasks.leader.connected", connected)
    monkeypatch.setattr("fabfile.tasks.leader.find_leader", lambda ways, without=None: (rack, {}))
    monkeypatch.setattr("fabfile.tasks.converge.converge", lambda *_, **__: pytest.fail("a run has begun"))
    with pytest.raises(Exit, match="chick0, chick1 must not be rebooted together") as refused:
        node.reboot(Context(), "chick0,chick1,chick2", at_once=2, dry=dry, yes=True)
    assert refused.value.code == 2
    assert not [text for text in asked if "cordon" in text or "systemctl reboot" in text or "annotate" in text]
