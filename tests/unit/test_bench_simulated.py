"""The real roles on machines that are functions, in processes of their own: they end whole, and cost no more
each when they are many.
"""

from bench.simulated import apart


def test_bare_machines_become_what_the_sample_racks_roles_want():
    """`measure` itself holds that nothing failed and that the plan afterwards is empty."""
    figures = apart("apply", 12)
    assert figures.resources > 200 and figures.changes > figures.resources


def test_cost_grows_with_the_number_of_machines_and_no_faster():
    """The sizes that the figures in docs/performance.md are of: python -m bench.simulated."""
    fewer, more = apart("plan", 100), apart("plan", 300)
    assert more.each < 1.2 * fewer.each, (fewer, more)
    assert more.peak < 150, more
