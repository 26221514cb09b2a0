"""The congestion control of transfers: how the window of parts answers to times and troubles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa.telegram.pace import GIB, MOST_PATIENCE, Ceiling, Pace, ceiling

BIG = Ceiling(lanes=8, each=4, start=8)


@pytest.mark.parametrize(
    ("memory", "premium", "expected"),
    [
        (GIB // 2, False, Ceiling(4, 2, 2)),
        (GIB, True, Ceiling(4, 2, 2)),
        (2 * GIB, False, Ceiling(6, 3, 4)),
        (8 * GIB, False, Ceiling(8, 4, 12)),
        (8 * GIB, True, Ceiling(8, 4, 16)),
    ],
)
def test_ceilings(memory: int, premium: bool, expected: Ceiling) -> None:
    assert ceiling(memory, premium=premium) == expected


@pytest.mark.parametrize(("start", "lanes"), [(1, 1), (2, 1), (3, 2), (8, 4), (16, 8), (17, 8), (32, 8)], ids=str)
def test_the_window_is_spread_over_lanes(start: int, lanes: int) -> None:
    assert Pace(Ceiling(8, 4, start)).lanes == lanes


def answers(pace: Pace, times: list[float], now: float = 0.0) -> float:
    for seconds in times:
        now += seconds / pace.window
        pace.answered(seconds, now)
    return now


def test_steady_times_double_the_window_each_round_up_to_the_ceiling() -> None:
    pace = Pace(BIG)
    answers(pace, [0.2] * 8)
    assert pace.window == 16
    answers(pace, [0.2] * 100)
    assert (pace.window, pace.lanes) == (32, 8)


def test_times_that_grow_with_the_window_end_its_growth() -> None:
    """A line that is full: whatever is added only waits longer."""
    pace = Pace(BIG)
    for _ in range(200):
        pace.answered(0.5 * pace.window / 8, 0.0)
    assert 8 < pace.window < 32


def test_trouble_halves_once_and_growth_slows_down_afterwards() -> None:
    pace = Pace(Ceiling(8, 4, 32))
    pace.answered(0.1, 0.0)
    pace.troubled(10.0)
    pace.troubled(10.5)
    assert pace.window == 16
    pace.troubled(11.1)
    assert pace.window == 8
    answers(pace, [0.1] * 9, now=20.0)
    assert pace.window == 9


def test_a_flood_counts_once_however_long_it_lasts() -> None:
    pace = Pace(BIG)
    pace.troubled(0.0, lasting=30)
    pace.troubled(29.0, lasting=30)
    assert pace.window == 4


def test_requests_that_take_too_long_halve_the_window() -> None:
    pace = Pace(BIG)
    pace.answered(MOST_PATIENCE, 0.0)
    assert pace.window == 4


@given(
    st.sampled_from([Ceiling(4, 2, 2), Ceiling(6, 3, 4), BIG]),
    st.lists(st.tuples(st.booleans(), st.floats(0, 100), st.floats(0, 10)), max_size=200),
)
def test_it_stays_between_one_part_and_the_ceiling(most: Ceiling, events: list[tuple[bool, float, float]]) -> None:
    pace = Pace(most)
    now = 0.0
    for trouble, seconds, passed in events:
        now += passed
        if trouble:
            pace.troubled(now, seconds)
        else:
            pace.answered(seconds, now)
        assert 1 <= pace.window <= most.lanes * most.each
        assert 1 <= pace.lanes <= most.lanes
