"""What makes jobs wait, and what ends it: troubles they share, busy hosts, closed gates, taken slots."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from medusa.config import Slots
from medusa.errors import Scope, Transient
from medusa.model import Hold, JobState, Order, Priority, Progress, Stage
from medusa.runs import Run
from medusa.storage import Store, open_store
from medusa.storage.jobs import Jobs
from tests.integration.scheduler_kit import HERE, scheduling


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "sessions") as store:
        yield store


async def test_what_waits_is_tried_at_once_when_the_owner_says_so(store: Store, tmp_path: Path) -> None:
    errors: list[Exception] = [Transient("Busy.", after=1000)]

    async def work(_: Run) -> None:
        if errors:
            raise errors.pop()

    async with scheduling(store, tmp_path, work) as (scheduler, told):
        [job] = await scheduler.submit([Order("https://a.b")], *HERE)
        while not told:
            await asyncio.sleep(0.001)
        assert (told[-1].state, told[-1].reason) == (JobState.WAITING, "Busy.")
        again = await scheduler.retry(job.id)
        assert (again.state, again.reason, again.not_before, again.attempts) == (JobState.QUEUED, "", 0, 0)
        await scheduler.idle()
    assert told[-1].state is JobState.DONE


@pytest.mark.parametrize(("scope", "meets"), [(Scope.JOB, {1}), (Scope.HOST, {1, 2}), (Scope.CHAT, {1, 3})])
async def test_a_trouble_keeps_those_waiting_whom_it_meets(
    store: Store, tmp_path: Path, scope: Scope, meets: set[int]
) -> None:
    ran: list[int] = []
    troubled = True

    async def work(run: Run) -> None:
        ran.append(run.job.id)
        if troubled and run.job.id == 1:
            raise Transient("Closed.", after=1000, scope=scope)

    async with scheduling(store, tmp_path, work, slots=Slots(fetch=1, process=1, upload=1)) as (scheduler, _):
        places = [("https://www.a.b/1", 1), ("https://a.b/2", 2), ("https://c.d/3", 1), ("https://c.d/4", 2)]
        for message, (link, chat) in enumerate(places):
            await scheduler.submit([Order(link)], chat, 10 + message)
        while (await Jobs(store).counts())[JobState.QUEUED] or scheduler.live():
            await asyncio.sleep(0.005)
        waiting = [await Jobs(store).get(number) for number in meets]
        assert {(job.state, job.reason) for job in waiting if job} == {(JobState.WAITING, "Closed.")}
        assert set(ran) == {1, 2, 3, 4} - (meets - {1})
        troubled = False
        await scheduler.retry(1)
        await scheduler.idle()
    assert sorted(ran) == [1, 1, 2, 3, 4]


async def test_who_met_a_shared_trouble_first_is_let_go_too(store: Store, tmp_path: Path) -> None:
    both, met = asyncio.Barrier(2), 0

    async def work(run: Run) -> None:
        nonlocal met
        if met < 2:
            await both.wait()
            met += 1
            raise Transient("Closed.", after=1000, scope=Scope.CHAT)

    async with scheduling(store, tmp_path, work) as (scheduler, told):
        await scheduler.submit([Order("https://a.b"), Order("https://c.d")], *HERE)
        while len(told) < 2:
            await asyncio.sleep(0.005)
        assert {job.state for job in told} == {JobState.WAITING}
        await scheduler.retry(told[-1].id)
        async with asyncio.timeout(10):
            await scheduler.idle()


async def test_a_host_gets_no_more_visitors_at_once_than_is_polite(store: Store, tmp_path: Path) -> None:
    there: Counter[str] = Counter()
    most: Counter[str] = Counter()
    order: list[int] = []
    four = asyncio.Event()

    async def work(run: Run) -> None:
        host = run.job.order.host
        order.append(run.job.id)
        async with run.stage(Stage.FETCH):
            there[host] += 1
            most[host] = max(most[host], there[host])
            if there.total() == 4:
                four.set()
            await four.wait()
            await asyncio.sleep(0.01)
            there[host] -= 1
        async with run.stage(Stage.UPLOAD):
            await asyncio.sleep(0)

    async with scheduling(store, tmp_path, work, slots=Slots(fetch=4, process=1, upload=4)) as (scheduler, _):
        scheduler.visit(2)
        await scheduler.submit([Order(f"https://a.b/{number}") for number in range(6)], *HERE)
        await scheduler.submit([Order(f"https://c.d/{number}") for number in range(6)], 1, 11)
        await scheduler.idle()
    assert most == {"a.b": 2, "c.d": 2}
    assert order[:4] == [1, 2, 7, 8]


async def test_a_closed_gate_stops_what_moves_bytes_and_says_why(store: Store, tmp_path: Path) -> None:
    hold: Hold | None = None
    fetching, processing = asyncio.Event(), asyncio.Event()
    ran: list[int] = []

    async def work(run: Run) -> None:
        ran.append(run.job.id)
        async with run.stage(Stage.PROCESS if run.job.id == 2 else Stage.FETCH):
            (processing if run.job.id == 2 else fetching).set()
            await (asyncio.sleep(0.05) if run.job.id == 2 or ran.count(1) == 2 else asyncio.Event().wait())

    def gate(_: float) -> Hold | None:
        return hold

    slots = Slots(fetch=1, process=1, upload=1)
    async with scheduling(store, tmp_path, work, slots=slots, gates=[gate]) as (scheduler, told):
        await scheduler.submit([Order("https://a.b/1")], 1, 10)
        await fetching.wait()
        [second] = await scheduler.submit([Order("https://a.b/2")], 1, 11)
        await Jobs(store).save(replace(second, stage=Stage.PROCESS))
        scheduler.look_again()
        await processing.wait()
        await scheduler.submit([Order("https://a.b/3")], 1, 12)
        hold = Hold(time.time() + 1000, "Quiet.")
        scheduler.look_again()
        while scheduler.live() or (await Jobs(store).counts())[JobState.QUEUED]:
            await asyncio.sleep(0.005)
        jobs = [await Jobs(store).get(number) for number in (1, 2, 3)]
        waiting = (JobState.WAITING, "Quiet.", hold.until)
        assert [(job.state, job.reason, job.not_before) for job in jobs if job and job.id != 2] == [waiting] * 2
        assert jobs[1] is not None
        assert jobs[1].state is JobState.DONE
        [fourth] = await scheduler.submit([Order("https://a.b/4")], 1, 13)
        while (await Jobs(store).counts())[JobState.QUEUED]:
            await asyncio.sleep(0.005)
        assert {job.id for job in told if (job.state, job.reason) == waiting[:2]} == {1, 3, fourth.id}
        again = await scheduler.retry(fourth.id)
        assert (again.state, again.reason, again.not_before) == waiting
        await scheduler.pause(fourth.id)
        again = await scheduler.resume(fourth.id)
        assert (again.state, again.reason, again.not_before) == waiting
        await scheduler.pause(fourth.id)
        hold = None
        scheduler.look_again()
        fetching.clear()
        while ran != [1, 2, 1]:
            await asyncio.sleep(0.005)
        paused = await Jobs(store).get(fourth.id)
        assert paused is not None
        assert (paused.state, paused.not_before, paused.reason) == (JobState.PAUSED, 0.0, "")
        for number in (3, fourth.id):
            await scheduler.cancel(number)
        await scheduler.idle()
    assert ran == [1, 2, 1]


async def test_whose_turn_it_is_gets_the_next_slot(store: Store, tmp_path: Path) -> None:
    gone: list[int] = []
    first, all_wait = asyncio.Event(), asyncio.Event()

    async def work(run: Run) -> None:
        async with run.stage(Stage.PROCESS):
            if run.job.id == 1:
                first.set()
                await all_wait.wait()
            gone.append(run.job.id)

    async with scheduling(store, tmp_path, work, slots=Slots(fetch=4, process=1, upload=1)) as (scheduler, _):
        scheduler.visit(9)
        await scheduler.submit([Order(f"https://a.b/{number}") for number in range(4)], *HERE)
        await first.wait()
        while len(scheduler.live()) < 4:
            await asyncio.sleep(0.005)
        await scheduler.prioritise(4, Priority.HIGH)
        all_wait.set()
        await scheduler.idle()
    assert gone == [1, 4, 2, 3]


async def test_files_that_wait_for_an_upload_keep_nobody_from_fetching(store: Store, tmp_path: Path) -> None:
    jobs = Jobs(store)
    for job in await jobs.add([Order(f"https://a.b/{n}") for n in range(30)], *HERE, now=0.0):
        await jobs.save(replace(job, stage=Stage.UPLOAD))
    fetching = asyncio.Event()

    async def work(run: Run) -> None:
        async with run.stage(run.job.stage):
            if run.job.stage is Stage.RESOLVE:
                fetching.set()
            await asyncio.Event().wait()

    async with scheduling(store, tmp_path, work) as (scheduler, _):
        await scheduler.submit([Order("https://c.d")], 1, 11)
        async with asyncio.timeout(10):
            await fetching.wait()


async def test_jobs_that_have_stepped_aside_keep_nobody_from_starting(store: Store, tmp_path: Path) -> None:
    aside: list[int] = []
    fetching = asyncio.Event()

    async def work(run: Run) -> None:
        if run.job.order.host == "c.d":
            fetching.set()
        elif run.job.id > 1:
            aside.append(run.job.id)
            run.step_aside(Progress(note="waits for #1, which fetches the same"))
        await asyncio.Event().wait()

    async with scheduling(store, tmp_path, work) as (scheduler, _):
        await scheduler.submit([Order("https://a.b")] * 30, *HERE)
        await scheduler.submit([Order("https://c.d")], 1, 11)
        async with asyncio.timeout(10):
            await fetching.wait()
    assert len(aside) == 29
