"""A clock that is set forward or back while jobs wait: for a time of the day, for some seconds, for quiet hours."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from medusa.config import Slots
from medusa.errors import Scope, Transient, Wait
from medusa.gates import QuietHours
from medusa.model import Job, JobState, Order
from medusa.runs import Run
from medusa.scheduler import Scheduler
from medusa.storage import Store, open_store
from medusa.storage.jobs import Jobs
from medusa.words import SCHEDULED
from tests.integration.scheduler_kit import HERE, scheduling

NOON = time.mktime((2026, 6, 15, 12, 0, 0, 0, 0, -1))
HOUR, DAY = 3600.0, 86400.0


class Wall:
    """A clock that stands where it was set."""

    def __init__(self, at: float = NOON) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at

    def turn(self, scheduler: Scheduler, seconds: float) -> None:
        """Set it forward, or back, as the scheduler would notice by itself within half a minute."""
        self.at += seconds
        scheduler.look_again()


@pytest.fixture
async def jobs(store: Store) -> Jobs:
    return Jobs(store)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "sessions") as store:
        yield store


async def reaches(jobs: Jobs, number: int, what: Callable[[Job], bool]) -> Job:
    """The job, once this is true of it."""
    async with asyncio.timeout(10):
        while (job := await jobs.get(number)) is None or not what(job):
            await asyncio.sleep(0.005)
    return job


def waits(job: Job) -> bool:
    return job.state is JobState.WAITING


async def test_a_clock_that_goes_forward_ends_every_wait_that_is_over_by_it(
    store: Store, jobs: Jobs, tmp_path: Path
) -> None:
    wall, errors = Wall(), [Wait("Telegram asks to wait 1 h 0 min.", after=HOUR)]

    async def work(_: Run) -> None:
        if errors:
            raise errors.pop()

    async with scheduling(store, tmp_path, work, now=wall) as (scheduler, _):
        await scheduler.submit([Order("https://a.b")], *HERE)
        await scheduler.submit([Order("https://c.d")], 1, 11, not_before=NOON + 2 * HOUR, reason=f"{SCHEDULED} 14:00.")
        await reaches(jobs, 1, waits)
        wall.turn(scheduler, 1.5 * HOUR)
        await reaches(jobs, 1, lambda job: job.state is JobState.DONE)
        assert waits(await reaches(jobs, 2, lambda _: True))
        wall.turn(scheduler, DAY)
        await scheduler.idle()


@pytest.mark.parametrize("scope", [Scope.JOB, Scope.CHAT])
async def test_a_clock_that_is_set_back_makes_no_wait_longer_than_it_was_to_be(
    store: Store, jobs: Jobs, tmp_path: Path, scope: Scope
) -> None:
    wall, errors = Wall(), [Wait("Slow mode.", after=HOUR, scope=scope)]

    async def work(_: Run) -> None:
        if errors:
            raise errors.pop()

    async with scheduling(store, tmp_path, work, now=wall) as (scheduler, _):
        await scheduler.submit([Order("https://a.b")], *HERE)
        until = (await reaches(jobs, 1, waits)).not_before
        await scheduler.submit([Order("https://a.b/2")], 1, 11)
        wall.turn(scheduler, -DAY)
        job = await reaches(jobs, 1, lambda job: job.not_before < until)
        assert job.not_before == pytest.approx(until - DAY, abs=1)
        await scheduler.pause(1)
        wall.turn(scheduler, -DAY)
        job = await reaches(jobs, 1, lambda job: job.not_before < until - 1.5 * DAY)
        assert job.not_before == pytest.approx(until - 2 * DAY, abs=1)
        assert (await scheduler.resume(1)).state is JobState.WAITING
        [third] = await scheduler.submit([Order("https://e.f")], 1, 12)
        third = await reaches(jobs, third.id, lambda job: job.state is not JobState.QUEUED or scope is Scope.JOB)
        assert third.not_before == (job.not_before if scope is Scope.CHAT else 0.0)
        wall.turn(scheduler, 1.3 * HOUR)
        await scheduler.idle()


async def test_what_is_scheduled_starts_when_the_clock_says_so_though_it_was_set_back(
    store: Store, jobs: Jobs, tmp_path: Path
) -> None:
    wall, at = Wall(), NOON + HOUR

    async def work(_: Run) -> None:
        return

    async with scheduling(store, tmp_path, work, now=wall) as (scheduler, _):
        [job] = await scheduler.submit([Order("https://a.b")], *HERE, not_before=at, reason=f"{SCHEDULED} 13:00.")
        wall.turn(scheduler, -2 * HOUR)
        [other] = await scheduler.submit([Order("https://c.d")], 1, 11)
        await reaches(jobs, other.id, lambda job: job.state is JobState.DONE)
        assert (await reaches(jobs, job.id, waits)).not_before == at
        wall.turn(scheduler, 3 * HOUR)
        await scheduler.idle()


async def test_quiet_hours_follow_the_clock_forward_and_back(store: Store, jobs: Jobs, tmp_path: Path) -> None:
    wall, quiet, ran = Wall(NOON), QuietHours(), list[int]()
    quiet.set(((11 * 60, 13 * 60),))

    async def work(run: Run) -> None:
        ran.append(run.job.id)

    async with scheduling(store, tmp_path, work, gates=[quiet], now=wall) as (scheduler, _):
        await scheduler.submit([Order("https://a.b")], *HERE)
        assert (await reaches(jobs, 1, waits)).not_before == NOON + HOUR
        wall.turn(scheduler, -DAY)
        await reaches(jobs, 1, lambda job: job.not_before == NOON + HOUR - DAY)
        wall.turn(scheduler, -2 * HOUR)
        await reaches(jobs, 1, lambda job: job.state is JobState.DONE)
        wall.turn(scheduler, DAY + 2 * HOUR)
        await scheduler.submit([Order("https://a.b/2")], 1, 11)
        assert (await reaches(jobs, 2, waits)).not_before == NOON + HOUR
        wall.turn(scheduler, 30 * DAY + 2 * HOUR)
        await scheduler.idle()
    assert ran == [1, 2]


async def test_a_clock_that_jumps_about_gives_a_job_no_tries_and_takes_none(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medusa.patience.backoff", lambda *_: 0.01)
    wall, seen = Wall(), list[int]()

    async def work(run: Run) -> None:
        seen.append(run.job.attempts)
        wall.at += DAY if len(seen) % 2 else -2 * DAY
        raise Transient("Busy.", tries=4)

    async with scheduling(store, tmp_path, work, slots=Slots(1, 1, 1), now=wall) as (scheduler, told):
        scheduler.listeners.append(lambda job: wall.turn(scheduler, 0.02) if waits(job) else None)
        await scheduler.submit([Order("https://a.b")], *HERE)
        async with asyncio.timeout(10):
            await scheduler.idle()
    assert seen == [0, 1, 2, 3]
    assert told[-1].state is JobState.FAILED
