"""Quiet hours and the bytes of a day: when nothing may be fetched or uploaded, and until when."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from medusa import gates
from medusa.gates import Budget, QuietHours
from medusa.model import Hold
from medusa.settings import BUDGET_DOWN, QUIET_HOURS
from medusa.storage import open_store
from medusa.storage.traffic import TrafficTable
from medusa.throttle import Throttle


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text: str) -> float:
    return time.mktime(time.strptime(text, "%Y-%m-%d %H:%M"))


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        ("01:00-07:00", "2026-03-10 00:59", None),
        ("01:00-07:00", "2026-03-10 01:00", "2026-03-10 07:00"),
        ("01:00-07:00", "2026-03-10 06:59", "2026-03-10 07:00"),
        ("01:00-07:00", "2026-03-10 07:00", None),
        ("22:30-06:00", "2026-03-10 23:00", "2026-03-11 06:00"),
        ("22:30-06:00", "2026-03-11 05:59", "2026-03-11 06:00"),
        ("22:30-06:00", "2026-03-11 06:00", None),
        ("22:30-06:00", "2026-12-31 23:59", "2027-01-01 06:00"),
        ("20:00-24:00", "2026-03-10 23:59", "2026-03-11 00:00"),
        ("20:00-24:00", "2026-03-11 00:00", None),
        ("8:00-9:00, 18:00-19:00", "2026-03-10 18:10", "2026-03-10 19:00"),
        # The night in which the clocks go forward from 2 to 3.
        ("01:00-07:00", "2026-03-29 01:30", "2026-03-29 07:00"),
        ("off", "2026-03-10 03:00", None),
    ],
)
def test_quiet_hours(hours: str, now: str, until: str | None) -> None:
    quiet = QuietHours()
    quiet.set(QUIET_HOURS.parse(hours))
    hold = quiet(at(now))
    assert hold == (None if until is None else Hold(at(until), f"Quiet hours until {until[-5:]}."))


def test_quiet_hours_end_in_the_future_when_an_hour_comes_twice() -> None:
    quiet = QuietHours()
    quiet.set(QUIET_HOURS.parse("01:00-02:30"))
    midnight = at("2026-10-25 00:00")
    time.mktime((2026, 7, 1, 0, 0, 0, 0, 0, -1))  # of two hours, the C library takes that of the season it saw last
    for minute in range(6 * 60):
        hold = quiet(midnight + 60 * minute)
        assert hold is None or hold.until > midnight + 60 * minute


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1-7",
        "01:00",
        "01:60-02:00",
        "25:00-26:00",
        "07:00-07:00",
        "00:00-24:00",
        "24:01-3:00",
        "0:00-13:00, 12:00-24:00",
        "22:00-6:00,6:00-22:00",
    ],
)
def test_what_are_no_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        QUIET_HOURS.parse(text)


@pytest.mark.parametrize(
    ("text", "amount"), [("500M", 5 * 10**8), ("1.5 TB", 15 * 10**11), ("20g", 2 * 10**10), ("off", None)]
)
def test_budgets_are_read(text: str, amount: int | None) -> None:
    assert BUDGET_DOWN.parse(text) == amount
    assert BUDGET_DOWN.parse(BUDGET_DOWN.show(amount)) == amount


@pytest.mark.parametrize("text", ["", "20", "20K", "0", "0M", "0.5M", "-1G", "1e3G", "many"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        BUDGET_DOWN.parse(text)


async def test_a_spent_budget_closes_the_gate_for_the_day_and_is_remembered(tmp_path: Path) -> None:
    down, up, spent = Throttle(), Throttle(), asyncio.Event()
    async with open_store(tmp_path) as store:
        table = TrafficTable(store)
        budget = Budget(table, down, up)
        budget.down.allow(1_000_000)
        counting = asyncio.create_task(budget.run(spent.set))
        await down.take(999_999)
        await up.take(5)
        assert budget(time.time()) is None
        await down.take(1)
        async with asyncio.timeout(10):
            await spent.wait()
        now = time.time()
        hold = budget(now)
        assert hold is not None
        assert hold.reason == "Today's 1.0 MB to be fetched are used up."
        assert time.strftime("%H:%M", time.localtime(hold.until)) == "00:00"
        assert now < hold.until <= now + 25 * 3600
        # At midnight nobody has counted yet that the day is over.
        assert budget(hold.until) is None
        budget.down.allow(2_000_000)
        assert budget(now) is None
        counting.cancel()
        await asyncio.wait({counting})
        day = time.strftime("%Y-%m-%d")
        assert await table.of_day(day) == (1_000_000, 5)
        again = Budget(table, Throttle(), Throttle())
        again.down.allow(1_000_000)
        counting = asyncio.create_task(again.run(lambda: None))
        async with asyncio.timeout(10):
            while again(now) is None:
                await asyncio.sleep(0.01)
        counting.cancel()
        await asyncio.wait({counting})
        assert await table.of_day(day) == (1_000_000, 5)


async def test_a_disk_that_is_full_for_a_while_neither_ends_the_counting_nor_forgets_what_was_counted(
    tmp_path: Path, small_disk: Callable[[Path, int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "COMMIT_EVERY", 0.0)
    monkeypatch.setattr(gates, "LOOK_EVERY", 0.05)
    disk, down = small_disk(tmp_path / "state", 4_000_000), Throttle()  # too small for a ballast
    async with open_store(disk) as store:
        table = TrafficTable(store)
        counting = asyncio.create_task(Budget(table, down, Throttle()).run(lambda: None))
        room = os.statvfs(disk)
        (disk / "filler").write_bytes(bytes(room.f_bavail * room.f_frsize))
        with capture_logs() as logs:
            async with asyncio.timeout(10):
                while not [line for line in logs if line["event"] == "budget.not_noted"]:
                    await down.take(1000)
                    await asyncio.sleep(0.02)
                    assert not counting.done(), counting.exception()
        (disk / "filler").unlink()
        async with asyncio.timeout(10):
            while (await table.of_day(time.strftime("%Y-%m-%d")))[0] != down.passed:
                await asyncio.sleep(0.02)
        counting.cancel()
        await asyncio.wait({counting})
