"""The scheduler over a real store: every change committed, every ending told, nothing lost."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from medusa.errors import FOREVER, Broken, DiskFull, Transient, UserError
from medusa.model import Job, JobState, Order, Priority, Progress, Stage
from medusa.patience import backoff
from medusa.runs import Run
from medusa.scheduler import Scheduler
from medusa.storage import Store, open_store
from medusa.storage.jobs import Beside, Jobs
from medusa.throttle import current_flow
from tests.integration.scheduler_kit import HERE, SLOTS, scheduling


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "sessions") as store:
        yield store


async def test_a_job_goes_through_its_stages_and_is_done(store: Store, tmp_path: Path) -> None:
    async def work(run: Run) -> None:
        for stage in Stage:
            async with run.stage(stage):
                run.report(Progress(1, 2))
        (run.workdir / "file").write_text("x")

    async with scheduling(store, tmp_path, work) as (scheduler, told):
        [job] = await scheduler.submit([Order("https://a.b")], *HERE)
        await scheduler.idle()
    assert [one.stage for one in told if one.state is JobState.RUNNING][1:] == list(Stage)[1:]
    ended = await Jobs(store).get(job.id)
    assert ended is not None
    assert (ended.state, ended.told) == (JobState.DONE, False)
    assert told[-1] == ended
    assert not (tmp_path / "work" / str(job.id)).exists()


async def test_every_change_is_committed_before_it_is_told(store: Store, tmp_path: Path) -> None:
    async def work(run: Run) -> None:
        async with run.stage(Stage.FETCH):
            pass

    async with scheduling(store, tmp_path, work) as (scheduler, _):
        commits = [store.commits]
        scheduler.listeners.append(lambda _: commits.append(store.commits))
        await scheduler.submit([Order("https://a.b")], *HERE)
        await scheduler.idle()
    assert len(commits) >= 3
    assert commits == sorted(set(commits))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (UserError("That link is private."), "That link is private."),
        (Broken("The source answers nonsense."), "The source answers nonsense."),
        (KeyError("x"), "Something went wrong inside Medusa"),
    ],
)
async def test_what_cannot_be_mended_fails_at_once(store: Store, tmp_path: Path, error: Exception, words: str) -> None:
    async def work(_: Run) -> None:
        raise error

    async with scheduling(store, tmp_path, work) as (scheduler, _):
        [job] = await scheduler.submit([Order("https://a.b")], *HERE)
        await scheduler.idle()
    ended = await Jobs(store).get(job.id)
    assert ended is not None
    assert ended.state is JobState.FAILED
    assert ended.reason.startswith(words)


async def test_what_passes_is_tried_again_and_again_but_not_for_ever(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medusa.patience.backoff", lambda *_: 0.01)
    seen: list[int] = []

    async def work(run: Run) -> None:
        seen.append(run.job.attempts)
        raise Transient("Busy.", tries=3)

    async with scheduling(store, tmp_path, work) as (scheduler, told):
        await scheduler.submit([Order("https://a.b")], *HERE)
        await scheduler.idle()
    assert seen == [0, 1, 2]
    assert [job.state for job in told if job.state is not JobState.RUNNING] == [
        JobState.WAITING,
        JobState.WAITING,
        JobState.FAILED,
    ]


async def test_reaching_a_later_stage_starts_the_tries_anew(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medusa.patience.backoff", lambda *_: 0.01)
    stages = iter([Stage.FETCH, Stage.UPLOAD, Stage.UPLOAD])
    seen: list[tuple[Stage, int]] = []

    async def work(run: Run) -> None:
        async with run.stage(next(stages)):
            seen.append((run.job.stage, run.job.attempts))
            if len(seen) < 3:
                raise Transient("Busy.", tries=9)

    async with scheduling(store, tmp_path, work) as (scheduler, _):
        await scheduler.submit([Order("https://a.b")], *HERE)
        await scheduler.idle()
    assert seen == [(Stage.FETCH, 0), (Stage.UPLOAD, 0), (Stage.UPLOAD, 1)]


async def test_cancelling_a_running_job_removes_its_folder(store: Store, tmp_path: Path) -> None:
    started = asyncio.Event()

    async def work(run: Run) -> None:
        (run.workdir / "part").write_text("x")
        started.set()
        await asyncio.Event().wait()

    async with scheduling(store, tmp_path, work) as (scheduler, _):
        [job] = await scheduler.submit([Order("https://a.b")], *HERE)
        await started.wait()
        assert (await scheduler.cancel(job.id)).state is JobState.CANCELLED
        assert not (tmp_path / "work" / str(job.id)).exists()
        with pytest.raises(UserError, match="already ended: cancelled"):
            await scheduler.cancel(job.id)
        with pytest.raises(UserError, match="no job #99"):
            await scheduler.cancel(99)


async def test_cancelling_and_starting_at_once_never_runs_a_cancelled_job(store: Store, tmp_path: Path) -> None:
    ran: list[int] = []

    async def work(run: Run) -> None:
        await asyncio.sleep(0.01)
        ran.append(run.job.id)

    async with scheduling(store, tmp_path, work) as (scheduler, _):
        for number in range(60):
            [job] = await scheduler.submit([Order("https://a.b")], 1, 100 + number)
            for _ in range(number % 12):
                await asyncio.sleep(0)
            with suppress(UserError):  # it may have ended just before
                await scheduler.cancel(job.id)
            ended = await Jobs(store).get(job.id)
            assert ended is not None
            assert ended.state is (JobState.DONE if job.id in ran else JobState.CANCELLED)
        await scheduler.idle()
    assert all(job.state.ended for job in await Jobs(store).recent(100))


async def test_a_cancel_while_a_failure_is_noted_is_not_lost(store: Store, tmp_path: Path) -> None:
    failing = asyncio.Event()

    async def work(_: Run) -> None:
        failing.set()
        raise Transient("Busy.", after=1000)

    async with scheduling(store, tmp_path, work) as (scheduler, _):
        [job] = await scheduler.submit([Order("https://a.b")], *HERE)
        await failing.wait()
        assert (await scheduler.cancel(job.id)).state is JobState.CANCELLED


async def test_a_fetch_that_fails_for_ever_gives_up(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medusa.patience.backoff", lambda *_: 0.01)
    fetches: list[int] = []

    async def work(run: Run) -> None:
        async with run.stage(Stage.RESOLVE):
            pass
        async with run.stage(Stage.FETCH):
            fetches.append(run.job.attempts)
            raise Transient("Busy.", tries=4)

    async with scheduling(store, tmp_path, work) as (scheduler, _):
        await scheduler.submit([Order("https://a.b")], *HERE)
        await scheduler.idle()
    assert fetches == [0, 1, 2, 3]


@pytest.mark.parametrize("trouble", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOMEM])
async def test_a_disk_that_takes_nothing_lets_jobs_wait_and_loses_none(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: int
) -> None:
    monkeypatch.setattr("medusa.patience.backoff", lambda *_: 0.01)
    full = [True]

    async def work(_: Run) -> None:
        if full.pop() if full else False:
            raise OSError(trouble, os.strerror(trouble))

    async with scheduling(store, tmp_path, work) as (scheduler, told):
        await scheduler.submit([Order("https://a.b")], *HERE)
        await scheduler.idle()
    assert [job.state for job in told if job.state is not JobState.RUNNING] == [JobState.WAITING, JobState.DONE]


async def test_a_machine_that_is_cut_off_fails_no_job(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does what is tried for ever take tries from what is not."""
    monkeypatch.setattr("medusa.patience.backoff", lambda *_: 0.001)
    troubles = [Transient("Cut off.", tries=2)] * 20 + [Transient("Telegram broke off.", tries=FOREVER)] * 20
    left = [*troubles, Transient("The host broke off.", tries=2)]

    async def work(_: Run) -> None:
        if left:
            raise left.pop(0)

    def away() -> bool:
        return len(left) > 20

    async with scheduling(store, tmp_path, work, away=away) as (scheduler, told):
        await scheduler.submit([Order("https://a.b")], *HERE)
        await scheduler.idle()
    assert [job.attempts for job in told if job.state is JobState.WAITING] == [0] * 40 + [1]
    assert told[-1].state is JobState.DONE


async def test_waiting_for_room_is_no_failed_try(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medusa.patience.backoff", lambda *_: 0.001)
    troubles: list[Transient] = [Transient("Broke off.", tries=2), *(DiskFull() for _ in range(5))]

    async def work(_: Run) -> None:
        if troubles:
            raise troubles.pop()

    async with scheduling(store, tmp_path, work) as (scheduler, told):
        await scheduler.submit([Order("https://a.b")], *HERE)
        await scheduler.idle()
    assert [job.attempts for job in told if job.state is JobState.WAITING] == [0, 0, 0, 0, 0, 1]
    assert told[-1].state is JobState.DONE


async def test_a_store_that_refuses_for_a_while_is_waited_for(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [Transient("The disk is full.", after=0.01) for _ in range(5)]
    save = Jobs.save

    async def refusing(self: Jobs, job: Job, beside: Beside | None) -> None:
        if refusals:
            raise refusals.pop()
        await save(self, job, beside)

    async def work(_: Run) -> None:
        return

    monkeypatch.setattr(Jobs, "save", refusing)
    async with scheduling(store, tmp_path, work) as (scheduler, _):
        [job] = await scheduler.submit([Order("https://a.b")], *HERE)
        await scheduler.idle()
    ended = await Jobs(store).get(job.id)
    assert ended is not None
    assert ended.state is JobState.DONE


async def test_a_job_that_finishes_while_it_is_cancelled_is_done(store: Store, tmp_path: Path) -> None:
    started = asyncio.Event()

    async def work(run: Run) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    async with scheduling(store, tmp_path, work) as (scheduler, _):
        [job] = await scheduler.submit([Order("https://a.b")], *HERE)
        await started.wait()
        assert (await scheduler.cancel(job.id)).state is JobState.DONE


def hanging() -> tuple[Callable[[Run], object], asyncio.Event, list[tuple[Stage, bool]]]:
    """Work that hangs in its upload the first time, leaves a file, and notes what it finds when it comes again."""
    started, found = asyncio.Event(), list[tuple[Stage, bool]]()

    async def work(run: Run) -> None:
        part = run.workdir / "part"
        found.append((run.job.stage, part.exists()))
        if len(found) == 1:
            async with run.stage(Stage.UPLOAD):
                part.write_text("x")
                started.set()
                await asyncio.Event().wait()

    return work, started, found


async def test_a_paused_job_keeps_its_folder_and_goes_on_when_resumed(store: Store, tmp_path: Path) -> None:
    work, started, found = hanging()
    async with scheduling(store, tmp_path, work) as (scheduler, told):
        [job] = await scheduler.submit([Order("https://a.b")], *HERE)
        await started.wait()
        paused = await scheduler.pause(job.id)
        assert (paused.state, paused.stage) == (JobState.PAUSED, Stage.UPLOAD)
        assert told[-1] == paused == await Jobs(store).get(job.id)
        await scheduler.idle()
        assert (await scheduler.pause(job.id)).state is JobState.PAUSED
        assert scheduler.live() == []
        assert (await scheduler.resume(job.id)).state is JobState.QUEUED
        await scheduler.idle()
        with pytest.raises(UserError, match="already ended: done"):
            await scheduler.pause(job.id)
        with pytest.raises(UserError, match="already ended: done"):
            await scheduler.resume(job.id)
    assert found == [(Stage.RESOLVE, False), (Stage.UPLOAD, True)]


async def test_a_paused_job_outlives_a_restart_and_can_be_cancelled(store: Store, tmp_path: Path) -> None:
    work, started, found = hanging()
    async with scheduling(store, tmp_path, work) as (scheduler, _):
        [job] = await scheduler.submit([Order("https://a.b")], *HERE)
        await started.wait()
        await scheduler.pause(job.id)
    async with scheduling(store, tmp_path, work) as (scheduler, _):
        await scheduler.submit([Order("https://c.d")], 1, 11)
        await scheduler.idle()
        assert (tmp_path / "work" / "1" / "part").exists()
        assert (await scheduler.cancel(job.id)).state is JobState.CANCELLED
    assert not (tmp_path / "work" / "1").exists()
    assert len(found) == 2


async def test_what_waits_can_be_paused_and_goes_on_waiting_when_resumed(store: Store, tmp_path: Path) -> None:
    async def work(_: Run) -> None:
        raise Transient("Busy.", after=1000)

    async with scheduling(store, tmp_path, work) as (scheduler, told):
        [job] = await scheduler.submit([Order("https://a.b")], *HERE)
        while not told or told[-1].state is not JobState.WAITING:
            await asyncio.sleep(0.01)
        waiting = told[-1]
        with pytest.raises(UserError, match="not paused: it is waiting"):
            await scheduler.resume(job.id)
        await scheduler.pause(job.id)
        assert await scheduler.resume(job.id) == waiting


async def test_pausing_and_starting_at_once_never_runs_a_paused_job(store: Store, tmp_path: Path) -> None:
    async def work(_: Run) -> None:
        await asyncio.sleep(0.01)

    async with scheduling(store, tmp_path, work) as (scheduler, _):
        for number in range(60):
            [job] = await scheduler.submit([Order("https://a.b")], 1, 100 + number)
            for _ in range(number % 12):
                await asyncio.sleep(0)
            with suppress(UserError):  # it may have ended just before
                await scheduler.pause(job.id)
            paused = await Jobs(store).get(job.id)
            assert paused is not None
            assert paused.state in (JobState.DONE, JobState.PAUSED)
            await asyncio.sleep(0.02)
            assert await Jobs(store).get(job.id) == paused
            assert not scheduler.live()


async def test_a_cancel_beats_a_pause_that_is_under_way(store: Store, tmp_path: Path) -> None:
    started, unwinding = asyncio.Event(), asyncio.Event()

    async def work(_: Run) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            unwinding.set()
            await asyncio.sleep(0.05)

    async with scheduling(store, tmp_path, work) as (scheduler, _):
        [job] = await scheduler.submit([Order("https://a.b")], *HERE)
        await started.wait()
        pausing = asyncio.create_task(scheduler.pause(job.id))
        await unwinding.wait()
        assert (await scheduler.cancel(job.id)).state is JobState.CANCELLED
        assert (await pausing).state is JobState.CANCELLED
        assert not (tmp_path / "work" / "1").exists()


@pytest.mark.parametrize("state", [JobState.PAUSED, JobState.CANCELLED])
async def test_a_job_that_unwinds_slowly_is_stopped_all_the_same(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: JobState
) -> None:
    monkeypatch.setattr("medusa.scheduler.STOP_WITHIN", 0.01)
    started, go = asyncio.Event(), asyncio.Event()

    async def work(run: Run) -> None:
        async with run.stage(Stage.FETCH):
            started.set()
            try:
                await asyncio.Event().wait()
            finally:
                await go.wait()

    async with scheduling(store, tmp_path, work) as (scheduler, _):
        [job] = await scheduler.submit([Order("https://a.b")], *HERE)
        await started.wait()
        stop = scheduler.pause if state is JobState.PAUSED else scheduler.cancel
        assert (await stop(job.id)).state is JobState.RUNNING
        go.set()
        await scheduler.idle()
        ended = await Jobs(store).get(job.id)
        assert ended is not None
        assert ended.state is state


async def test_a_failed_or_cancelled_job_is_tried_again_from_the_start(store: Store, tmp_path: Path) -> None:
    errors: list[Exception] = [UserError("Private.")]
    seen: list[tuple[Stage, int, bool]] = []

    async def work(run: Run) -> None:
        seen.append((run.job.stage, run.job.attempts, run.job.told))
        async with run.stage(Stage.UPLOAD):
            if errors:
                raise errors.pop()

    async with scheduling(store, tmp_path, work) as (scheduler, told):
        [job] = await scheduler.submit([Order("https://a.b")], *HERE)
        with pytest.raises(UserError, match="no job #99"):
            await scheduler.retry(99)
        await scheduler.idle()
        assert told[-1].state is JobState.FAILED
        await Jobs(store).mark_told([job.id])
        assert (await scheduler.retry(job.id)).state is JobState.QUEUED
        await scheduler.idle()
        with pytest.raises(UserError, match="is done"):
            await scheduler.retry(job.id)
        [later] = await scheduler.submit([Order("https://a.b")], 1, 11, not_before=9e9, reason="Later.")
        await scheduler.pause(later.id)
        with pytest.raises(UserError, match="not ended: it is paused"):
            await scheduler.retry(later.id)
        await scheduler.cancel(later.id)
        assert (await scheduler.retry(later.id)).state is JobState.QUEUED
        await scheduler.idle()
    assert seen == [(Stage.RESOLVE, 0, False)] * 3
    assert [job.state for job in told][-1] is JobState.DONE


async def test_jobs_run_by_priority_and_with_its_weight(store: Store, tmp_path: Path) -> None:
    ran: list[tuple[int, int]] = []
    blocked, go = asyncio.Event(), asyncio.Event()

    async def work(run: Run) -> None:
        if run.job.id <= 4:  # one for each slot, so that the others have to queue
            blocked.set()
            await go.wait()
        ran.append((run.job.id, current_flow().weight))

    async with scheduling(store, tmp_path, work) as (scheduler, _):
        await scheduler.submit([Order("https://a.b")] * 4, 1, 10)
        await blocked.wait()
        for message, priority in enumerate((Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.NORMAL), start=11):
            await scheduler.submit([Order("https://a.b")], 1, message, priority=priority)
        await scheduler.prioritise(8, Priority.HIGH)
        assert (await scheduler.prioritise(1, Priority.LOW)).priority is Priority.LOW
        go.set()
        await scheduler.idle()
    assert dict(ran) == {1: 1, 2: 2, 3: 2, 4: 2, 5: 1, 6: 2, 7: 4, 8: 4}
    assert [number for number, _ in ran if number > 4] == [7, 8, 6, 5]


async def test_a_shutdown_leaves_the_job_for_the_next_start(store: Store, tmp_path: Path) -> None:
    started = asyncio.Event()
    again: list[tuple[Stage, bool]] = []

    async def hang(run: Run) -> None:
        async with run.stage(Stage.FETCH):
            (run.workdir / "part").write_text("x")
            started.set()
            await asyncio.Event().wait()

    async def go_on(run: Run) -> None:
        again.append((run.job.stage, (run.workdir / "part").exists()))

    async with scheduling(store, tmp_path, hang) as (scheduler, _):
        await scheduler.submit([Order("https://a.b")], *HERE)
        await started.wait()
    orphan = tmp_path / "work" / "999"
    orphan.mkdir()
    async with scheduling(store, tmp_path, go_on) as (scheduler, _):
        await scheduler.idle()
    assert again == [(Stage.FETCH, True)]
    assert not orphan.exists()


async def test_the_same_message_gives_the_same_jobs(store: Store, tmp_path: Path) -> None:
    async def work(_: Run) -> None:
        return

    async with scheduling(store, tmp_path, work) as (scheduler, _):
        first = await scheduler.submit([Order("https://a.b"), Order("https://c.d")], *HERE)
        second = await scheduler.submit([Order("https://a.b"), Order("https://c.d")], *HERE)
    assert [job.id for job in first] == [job.id for job in second]


async def test_slots_bound_each_stage_and_one_stage_never_blocks_another(store: Store, tmp_path: Path) -> None:
    now = dict.fromkeys(Stage, 0)
    most = dict.fromkeys(Stage, 0)
    together: list[bool] = []

    async def work(run: Run) -> None:
        for stage in (Stage.FETCH, Stage.UPLOAD):
            async with run.stage(stage):
                now[stage] += 1
                most[stage] = max(most[stage], now[stage])
                await asyncio.sleep(0.1)
                together.append(bool(now[Stage.FETCH] and now[Stage.UPLOAD]))
                now[stage] -= 1

    async with scheduling(store, tmp_path, work) as (scheduler, _):
        await scheduler.submit([Order(f"https://a.b/{n}") for n in range(8)], *HERE)
        await scheduler.idle()
    assert most[Stage.FETCH] == SLOTS.fetch
    assert most[Stage.UPLOAD] == SLOTS.upload
    assert any(together)


async def test_a_waiting_job_goes_on_when_its_time_has_come(store: Store, tmp_path: Path) -> None:
    jobs = Jobs(store)
    ran = asyncio.Event()

    async def work(_: Run) -> None:
        ran.set()

    [job] = await jobs.add([Order("https://a.b")], *HERE, now=0.0)
    clock = [1000.0]
    await jobs.save(replace(job, state=JobState.WAITING, not_before=2000.0, reason="Busy."))
    scheduler = Scheduler(jobs, work, SLOTS, tmp_path / "work", now=lambda: clock[0])
    task = asyncio.create_task(scheduler.run())
    try:
        await asyncio.sleep(0.1)
        assert not ran.is_set()
        clock[0] = 2000.0
        await scheduler.submit([], 1, 11)
        await ran.wait()
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.mark.parametrize(("attempts", "asked"), [(1, 0.0), (3, 5.0), (5, 86400.0), (50, 1.0)])
def test_backoff_obeys_the_server_and_stays_bounded(attempts: int, asked: float) -> None:
    pause = backoff(attempts, asked)
    assert pause >= asked
    assert pause <= max(asked, 600.0) * 1.2


async def test_many_jobs_are_paused_resumed_and_cancelled_with_one_commit(store: Store, tmp_path: Path) -> None:
    """But not those that are at work; the folders of the cancelled ones go."""
    begun, going = asyncio.Semaphore(0), asyncio.Event()

    async def work(run: Run) -> None:
        begun.release()
        await going.wait()

    async with scheduling(store, tmp_path, work) as (scheduler, told):
        numbers = [job.id for job in await scheduler.submit([Order(f"https://a.b/{n}") for n in range(20)], *HERE)]
        await begun.acquire()
        busy = [live.job.id for live in scheduler.live()]
        for _ in busy[1:]:
            await begun.acquire()
        others = numbers[len(busy) :]
        assert busy == numbers[: len(busy)]
        (tmp_path / "work/20").mkdir()
        for state in (JobState.PAUSED, JobState.QUEUED, JobState.CANCELLED):
            before = store.commits
            told.clear()
            changed = await scheduler.together(state, numbers)
            assert store.commits == before + 1
            assert [(job.id, job.state) for job in changed] == [(number, state) for number in others]
            assert told == changed == [await Jobs(store).get(number) for number in others]
        assert {path.name for path in (tmp_path / "work").iterdir()} == {str(number) for number in busy}
        going.set()
        await scheduler.idle()
    assert [job.id for job in await Jobs(store).of_message(*HERE) if job.state is JobState.DONE] == busy
