"""Warnings over a real store: seldom, never again at a start, and over when it is over."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from medusa import checks
from medusa.alerts import APART, REMIND, Alerts, Watched
from medusa.commands.health import worded
from medusa.findings import Finding
from medusa.model import Job, JobState, Notice, Order
from medusa.storage import Store, open_store
from medusa.storage.alerts import AlertTable
from medusa.trouble import FLOODS, HOUR, IN_A_ROW, MANY, Trouble

NOW = 1_790_000_000.0
WRONG = "Memory is nearly used up. Restart it."
WELL = "Well again: 1 MB used"


class World:
    """One check that a test makes wrong and well, with the owner who hears of it."""

    def __init__(self, store: Store) -> None:
        self.now = NOW
        self.well = True
        self.muted = False
        self.told: list[str] = []
        self.store = store
        self.alerts = self.restarted()

    def restarted(self) -> Alerts:
        watched = [Watched(self.look, Notice.MEMORY)]
        tell = lambda _, text: self.told.append(text)  # noqa: E731
        return Alerts(watched, AlertTable(self.store), tell, lambda _: not self.muted, now=lambda: self.now)

    async def look(self, _now: float) -> Finding:
        return (
            Finding("memory", True, "1 MB used")
            if self.well
            else Finding("memory", False, "Memory is nearly used up.", "Restart it.")
        )

    async def after(self, seconds: float, *, well: bool, looks: int = 3) -> list[str]:
        """What was told by so many looks after so long a time."""
        self.now += seconds
        self.well = well
        for _ in range(looks):
            await self.alerts.look()
        told, self.told = self.told, []
        return told


async def test_when_something_is_told(tmp_path: Path) -> None:
    async with open_store(tmp_path / "state") as store:
        world = World(store)
        assert await world.after(0, well=True) == []
        assert await world.after(60, well=False, looks=1) == []  # it may be over at once
        assert await world.after(60, well=True) == []
        assert await world.after(60, well=False) == [WRONG]
        before = store.commits
        assert await world.after(60, well=False, looks=100) == []
        assert store.commits == before
        assert await world.after(60, well=True) == [WELL]
        assert await world.after(60, well=False, looks=50) == []  # too soon, and not told again as over either
        assert await world.after(60, well=True) == []
        assert await world.after(APART, well=False) == [WRONG]
        assert await world.after(REMIND, well=False) == [WRONG]


async def test_starts_clocks_and_mutes(tmp_path: Path) -> None:
    async with open_store(tmp_path / "state") as store:
        world = World(store)
        world.muted = True
        assert await world.after(0, well=False) == []
        world.muted = False
        assert await world.after(60, well=False) == [WRONG]
        for _ in range(3):
            world.alerts = world.restarted()
            await world.alerts.load()
            assert await world.after(5, well=False) == []
        assert await world.after(-400 * 86400, well=False) == [WRONG]  # a clock that was ahead mutes nothing
        world.alerts = world.restarted()
        await world.alerts.load()
        assert await world.after(5, well=True) == [WELL]


async def test_what_cannot_be_noted_is_told_once(tmp_path: Path) -> None:
    """As on a full disk: the table is gone, and the warning is not repeated at each look."""
    async with open_store(tmp_path / "state") as store:
        world = World(store)
        await world.alerts.look()
        async with store.write() as db:
            await db.run("ALTER TABLE alerts RENAME TO away")
        assert await world.after(60, well=False, looks=20) == [WRONG]


def job(number: int, state: JobState, host: str = "a.org", **changes: object) -> Job:
    order = Order(f"https://{host}/{number}")
    return replace(Job(number, state, order, 1, number, NOW, ended=NOW, reason="It is gone."), **changes)  # type: ignore[arg-type]


def trouble_with(*known: Job) -> Trouble:
    async def recent(_count: int) -> list[Job]:
        return list(known)

    return Trouble(recent)


async def test_many_failures_and_a_site_that_fails() -> None:
    few = trouble_with(*(job(n, JobState.FAILED) for n in range(IN_A_ROW - 1)))
    assert await few.failures(NOW) == Finding(
        "jobs", True, f"{IN_A_ROW - 1} of {IN_A_ROW - 1} failed within the last hour"
    )
    few.changed(job(99, JobState.FAILED))
    since = time.strftime("%H:%M", time.localtime(NOW))
    found = await few.failures(NOW + 2 * HOUR)
    assert (found.well, found.seen) == (False, f"a.org fails since {since}: {IN_A_ROW} jobs in a row. It is gone.")
    few.changed(job(100, JobState.DONE))
    assert (await few.failures(NOW)).well
    assert (await few.failures(NOW + 2 * HOUR)).seen == "none ended in the last hour"
    many = trouble_with(*(job(n, JobState.FAILED, f"{n}.org") for n in range(MANY)), job(50, JobState.DONE))
    many.changed(job(0, JobState.FAILED, "0.org"))  # heard of before it was recalled
    found = await many.failures(NOW)
    assert (found.well, found.seen.partition(" within")[0]) == (
        False,
        f"{MANY} of the last {MANY + 1} jobs have failed",
    )
    for number in range(100, 120):
        many.changed(job(number, JobState.DONE))
    assert (await many.failures(NOW)).well


async def test_floods() -> None:
    now = time.time()
    trouble = trouble_with()
    for number in range(FLOODS - 1):
        trouble.changed(job(number, JobState.WAITING, reason="Telegram asks to wait 2 min.", not_before=now + 120))
    assert (await trouble.floods(now)).well
    trouble.changed(job(0, JobState.WAITING, reason="Telegram asks to wait 40 min.", not_before=now + 2400))
    assert (await trouble.floods(now)).seen == f"Telegram makes {FLOODS - 1} jobs wait, for 40 min 0 s yet."
    assert (await trouble.floods(now + 2 * HOUR)).well


@pytest.mark.parametrize(
    ("version", "fails", "well"),
    [("2026.01.01", True, False), ("2026.01.01", False, True), ("2026.09.20", True, True), ("nightly", True, True)],
)
async def test_ytdlp(version: str, fails: bool, well: bool) -> None:
    assert (await checks.ytdlp_check(lambda: version, lambda _: fails)(NOW)).well is well


async def test_disk_memory_and_backup(tmp_path: Path) -> None:
    async def disk(free: Callable[[], tuple[int, int]]) -> bool:
        return (await checks.disk_check("state", free, "Jobs wait.")(NOW)).well

    assert await disk(lambda: checks.free_for_state(tmp_path))
    assert not await disk(lambda: checks.free_for_state(tmp_path / "gone"))
    assert not await disk(lambda: (1, 2))
    assert (await checks.look_at_memory(NOW)).well
    late = [await checks.backup_check(lambda at=at: at)(NOW) for at in (None, NOW, NOW - 9 * 86400, 0.0)]  # type: ignore[misc]
    assert [one.well for one in late] == [True, True, False, False]


def test_the_words_of_health() -> None:
    well, wrong = Finding("disk", True, "5 GB free"), Finding("jobs", False, "<b>x</b> fails.", "Mend it.")
    assert worded([well]) == "<b>All is well.</b>\n✓ <b>disk</b> 5 GB free"
    assert worded([well, wrong]).splitlines() == [
        "<b>One thing is wrong:</b>",
        "✗ <b>jobs</b> &lt;b&gt;x&lt;/b&gt; fails. Mend it.",
        "✓ <b>disk</b> 5 GB free",
    ]
