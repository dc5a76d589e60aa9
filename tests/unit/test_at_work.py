"""What a terminal says of the test that is at work."""

from __future__ import annotations

import pytest

from tests.at_work import line


@pytest.mark.parametrize("room, says", [
    (80, " test_a_drain[chick1] 75 s"),
    (26, " test_a_drain[chick1] 75 s"),
    (15, " test_a_dr 75 s"),
    (5, " 75 s"),
    (4, ""),  # a time that is cut short would be another one
    (-3, ""),
])
def test_it_fits(room, says):
    assert line("tests/rack/test_rolling.py::test_a_drain[chick1]", 75.4, room) == says
    assert len(says) <= max(room, 0)
