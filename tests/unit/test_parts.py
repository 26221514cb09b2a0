"""The arithmetic of file parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
