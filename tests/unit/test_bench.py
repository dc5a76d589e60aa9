"""The bench's own reckoning: packets to round trips, runs to goals, a journal to its critical path."""

import struct

import pytest

from bench.cost import Cost, Counts
from bench.report import Row, goals, tables
from bench.times import as_markdown, times
from bench.wire import Segment, parse, traffic

CHICK = "10.0.0.100"


def frame(source: str, target: str, ports: tuple[int, int], payload: bytes, options: bytes = b"") -> bytes:
    """An Ethernet frame with a TCP segment in it."""
    tcp = struct.pack("!HHIIBBHHH", *ports, 1, 1, (20 + len(options)) // 4 << 4, 0x18, 512, 0, 0) + options
    address = [bytes(map(int, each.split("."))) for each in (source, target)]
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp) + len(payload), 0, 0, 64, 6, 0, *address)
    return b"\0" * 12 + b"\x08\x00" + head + tcp + payload


def test_a_segment_is_read_from_a_frame():
    assert parse(frame("10.0.0.1", CHICK, (40000, 22), b"x" * 5)) == Segment(CHICK, 40000, True, 5)
    answer = frame(CHICK, "10.0.0.1", (22, 40000), b"y" * 900, options=b"\1" * 12)
    assert parse(answer[:80]) == Segment(CHICK, 40000, False, 900)  # its headers are enough


@pytest.mark.parametrize("other", [
    frame("10.0.0.1", CHICK, (40000, 22), b""), frame("10.0.0.1", CHICK, (40000, 80), b"GET"), b"", b"\0" * 60,
    frame("10.0.0.1", CHICK, (40000, 22), b"x")[:40],
])
def test_what_is_no_data_of_an_ssh_connection_is_passed_over(other):
    assert parse(other) is None


def test_a_round_trip_is_counted_when_somebody_speaks_who_has_listened():
    def said(port: int, *inward: bool) -> list[Segment]:
        return [Segment(CHICK, port, each, 10) for each in inward]

    one = said(1, True, True, False, False, True, False)
    two = said(2, False, True, False)
    mixed = [each for pair in zip(one, two, strict=False) for each in pair] + one[3:]
    found = traffic(mixed)[CHICK]
    assert (found.connections, found.round_trips, found.sent, found.received) == (2, 3, 40, 50)


def row(tool: str, kind: str, cpu: float, wall: float = 1.0, delay: int = 0, trips: float = 1.0) -> Row:
    costs = (Cost(9.0, 9.0, 9.0, Counts(1, 1, 9.5, 9000, trips)), *(Cost(wall, cpu / 4, cpu * 3 / 4 + more) for more in (0, 5, 0)))
    return Row(12, "jump", delay, kind, tool, costs)


def test_goals_are_reckoned_from_the_runs_that_nobody_looked_at():
    rows = [row("floor", "no-op", 2.0), row("Coop", "no-op", 3.2), row("pyinfra", "no-op", 12.0),
            row("Coop", "changed", 4.0, trips=3.5), row("floor", "fresh", 10.0), row("Coop", "fresh", 16.0)]
    reached = {goal.what.partition(":")[0]: (round(goal.figure, 2), goal.reached) for goal in goals(rows)}
    assert reached == {
        "CPU of a no-op run by the floor's": (1.6, False), "CPU of a no-op by pyinfra's": (0.27, True),
        "exec channels a machine": (1.0, True), "round trips a machine that one changed file adds": (2.5, False),
        "CPU of a fresh run by the floor's": (1.6, True),
    }


def test_a_look_is_held_against_its_questions_by_ssh():
    rows = [row("ssh", "look", 1.0), row("questions", "look", 2.0), row("doctor", "look", 3.2), row("doctor", "look-without", 9.0)]
    assert [(goal.figure, goal.limit) for goal in goals(rows)] == [(1.6, 1.5), (1.0, 1.0), (1.0, 1.0)]
    [line] = [each for each in tables(rows[:3]) if "| doctor |" in each]
    assert "| 3.20 | 1.60 |" in line, "by that of the questions"


def test_the_wall_counts_where_the_line_is_slow():
    rows = [row("floor", "no-op", 2.0, wall=2.0, delay=50), row("Coop", "no-op", 2.0, wall=2.5, delay=50)]
    assert [goal.figure for goal in goals(rows) if goal.what.startswith("wall")] == [1.25]


def test_a_table_has_a_line_for_each_tool():
    text = "\n".join(tables([row("floor", "no-op", 2.0), row("Coop", "no-op", 3.0)]))
    assert "| 12 | jump | 0 ms | Coop | 0.75 | 2.25 | 3.00 | 1.50 | 1.00 | 1.0 | 9.5 | 9.0 |" in text


def event(at: float, event: str, **values) -> dict:
    return {"at": at, "event": event, **values}


RUN = [
    event(0.0, "began", run="r1", task="cluster.bootstrap", machines=["a", "b"]),
    event(0.4, "connected", machine="a", seconds=0.3), event(0.5, "connected", machine="b", seconds=0.4),
    event(0.7, "probed", machine="a", step="", probes=9, seconds=0.2),
    event(0.8, "probed", machine="b", step="", probes=5, seconds=0.1),
    event(1.0, "planned", closing=False, changes=[{}]),
    event(1.0, "step_began", step="prepare"),
    event(3.0, "ran", machine="a", step="prepare", command="install", seconds=2.0),
    event(3.0, "ran", machine="b", step="prepare", command="write one", seconds=1.5),
    event(4.5, "ran", machine="b", step="prepare", command="write | more", seconds=1.4),
    event(4.5, "step_ended", step="prepare", seconds=3.5, critical=2.9),
    event(5.0, "held", machine="a", step="prepare", what="all is well", seconds=0.5),
    event(5.0, "verified", step="prepare", held=True, seconds=0.5, critical=0.5),
    event(5.4, "probed", machine="b", step="", probes=5, seconds=0.3),
    event(5.5, "planned", closing=True, changes=[]),
    event(5.5, "ended", seconds=5.5, critical=3.9, changes=3),
]


def test_a_journal_gives_each_stage_its_critical_path():
    spent = times(RUN)
    assert [(stage.name, round(stage.seconds, 2), round(stage.commands, 2)) for stage in spent.stages] == \
        [("look", 1.0, 0.2), ("prepare", 3.5, 2.9), ("prepare, verified", 0.5, 0.5), ("look again", 0.5, 0.3)]
    assert [(part.machine, part.what) for stage in spent.stages[1:3] for part in stage.path] == \
        [("b", "write one"), ("b", "write | more"), ("a", "until all is well")]
    assert sum(stage.seconds for stage in spent.stages) == pytest.approx(spent.seconds)
    assert spent.own == pytest.approx(1.6)
    text = "\n".join(as_markdown(spent))
    assert "(41.0 %)" in text and "write ¦ more" in text


def test_a_run_without_changes_has_looked_and_nothing_else():
    spent = times([*RUN[:6], event(1.1, "ended", seconds=1.1, critical=0.2, changes=0)])
    assert [stage.name for stage in spent.stages] == ["look"]


def test_a_run_that_was_killed_has_no_times():
    with pytest.raises(ValueError, match="not ended"):
        times(RUN[:8])
