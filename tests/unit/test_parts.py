"""The arithmetic of file parts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa.telegram.marks import kept_ledger
from medusa.telegram.parts import BIG_FILE, PART_SIZE, Ledger, part_count


@pytest.mark.parametrize(
    ("size", "parts", "last"),
    [
        (1, 1, 1),
        (PART_SIZE - 1, 1, PART_SIZE - 1),
        (PART_SIZE, 1, PART_SIZE),
        (PART_SIZE + 1, 2, 1),
        (BIG_FILE, 20, PART_SIZE),
        (4000 * PART_SIZE, 4000, PART_SIZE),
    ],
)
def test_parts(size: int, parts: int, last: int) -> None:
    ledger = Ledger(1, size)
    assert (ledger.parts, ledger.length(parts - 1)) == (parts, last)
    assert sum(ledger.length(part) for part in range(parts)) == size


@pytest.mark.parametrize(("size", "big"), [(1, False), (BIG_FILE, False), (BIG_FILE + 1, True)])
def test_big(size: int, big: bool) -> None:
    assert Ledger(1, size).big is big


@given(st.integers(1, 300 * PART_SIZE), st.data())
def test_confirming_and_forgetting(size: int, data: st.DataObject) -> None:
    ledger = Ledger(1, size)
    confirmed: set[int] = set()
    for part in data.draw(st.lists(st.integers(0, part_count(size) - 1), max_size=40)):
        if part in confirmed:
            ledger.forget(part)
        else:
            ledger.confirm(part)
        confirmed ^= {part}
    again = Ledger(1, size, bytearray(ledger.acked))
    assert set(again.missing()) == set(range(part_count(size))) - confirmed
    assert again.confirmed_bytes() == sum(ledger.length(part) for part in confirmed)


@given(st.integers(1, 300 * PART_SIZE), st.sets(st.integers(0, 299)))
def test_gaps_are_the_missing_parts(size: int, confirmed: set[int]) -> None:
    ledger = Ledger(1, size)
    parts = part_count(size)
    for part in confirmed:
        if part < parts:
            ledger.confirm(part)
    gaps = list(ledger.gaps())
    covered = [part for first, stop in gaps for part in range(first, parts if stop is None else stop)]
    assert covered == list(ledger.missing())
    assert all(stop is not None for _, stop in gaps[:-1])
    if gaps:
        assert (gaps[-1][1] is None) is (parts - 1 not in confirmed)


def test_a_ledger_of_unknown_size_grows() -> None:
    ledger = Ledger(1, None)
    assert (list(ledger.gaps()), ledger.parts, ledger.big) == ([(0, None)], None, True)
    ledger.confirm(17)
    assert [ledger.confirmed(part) for part in (0, 16, 17, 18, 99)] == [False, False, True, False, False]
    assert ledger.confirmed_bytes() == PART_SIZE


def test_confirmed_parts_outlive_the_process(tmp_path: Path) -> None:
    """Nothing is closed or flushed in between, as when the process is killed."""
    path = tmp_path / "acks"
    with kept_ledger(path, -5, 40 * PART_SIZE) as ledger:
        for part in (0, 3, 39):
            ledger.confirm(part)
        ledger.forget(3)
        with kept_ledger(path, -5, 40 * PART_SIZE) as again:
            assert [part for part in range(40) if again.confirmed(part)] == [0, 39]
    with kept_ledger(path, 6, 40 * PART_SIZE) as other:
        assert other.confirmed_bytes() == 0
    path.write_bytes(path.read_bytes()[:9])
    with kept_ledger(path, 6, 40 * PART_SIZE) as cut:
        assert list(cut.missing()) == list(range(40))
