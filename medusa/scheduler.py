"""Decides which job runs when, and alone changes a job's state."""

import asyncio
import errno
import random
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from medusa.config import Slots
from medusa.errors import DISK_FULL, FOREVER, Broken, MedusaError, Transient, UserError
from medusa.model import Job, JobState, LocalFile, Order, Progress, Stage
from medusa.patience import to_the_end, until_it_works
from medusa.storage.jobs import Jobs

log = structlog.get_logger()

_SLOT_OF = {
    Stage.RESOLVE: "fetch",
    Stage.FETCH: "fetch",
    # Its source is what a stream waits for, and that must keep no finished file from being uploaded.
    Stage.STREAM: "fetch",
    Stage.PROCESS: "process",
    Stage.UPLOAD: "upload",
    Stage.POST: "upload",
}
_ORDER = list(Stage)
_FETCHED = _ORDER.index(Stage.STREAM)
CANCEL_WITHIN = 30.0
"""Seconds that a job gets to unwind before ``cancel`` stops waiting for it; it is ended all the same."""
LONGEST_WAIT = 600.0
"""Seconds; the ceiling of the growing pauses between tries (Telegram's own numbers are obeyed whatever they are)."""


_BROKEN = "Something went wrong inside Medusa; see its log."
LOOK_AGAIN = 30.0
"""Seconds after which waiting jobs are looked at even when none is known to be due."""


@dataclass(frozen=True, slots=True)
class Live:
    """A sample of a job under way.

    ``since`` is when its stage began (monotonic seconds), ``age`` for how many seconds the job has been running.
    """

    job: Job
    progress: Progress
    since: float
    age: float


class Run:
    """One run of one job: what the work may know of the job, and the only way in which it reports."""

    def __init__(self, job: Job, workdir: Path, scheduler: "Scheduler") -> None:
        self.job = job
        self.workdir = workdir
        self.progress = Progress()
        self.started = self.since = time.monotonic()
        self._scheduler = scheduler

    def report(self, progress: Progress) -> None:
        """Overwrite the progress cell."""
        self.progress = progress

    @asynccontextmanager
    async def stage(self, stage: Stage, **facts: Any) -> AsyncIterator[None]:
        """Wait for a slot of this stage's kind and commit the stage, with ``facts``, further columns of the job.

        Having a whole file is a success that no later failure takes back: the tries start anew.
        """
        async with self._scheduler.slot(stage):
            further = _ORDER.index(stage) > max(_ORDER.index(self.job.stage), _FETCHED)
            attempts = 0 if further else self.job.attempts
            await self.enter(stage, attempts=attempts, **facts)
            yield

    async def enter(self, stage: Stage, **facts: Any) -> None:
        """Commit a stage that needs no other slot than the one that is held."""
        self.progress, self.since = Progress(), time.monotonic()
        await self.note(stage=stage, **facts)

    async def note(self, **facts: Any) -> None:
        """Commit columns of the job, when they differ, before anyone is told."""
        job = replace(self.job, **facts)
        if job != self.job:
            self.job = await self._scheduler.commit(job)

    async def keep(self, file: LocalFile) -> None:
        """Commit what the work folder now holds, so that a restart goes on from it."""
        await self.note(files=(file,), title=file.title or file.name, size=file.path.stat().st_size)


Work = Callable[[Run], Awaitable[None]]


class Scheduler:
    """Runs queued jobs within its slots.

    ``work`` does one job and returns when it is posted. Each of ``listeners`` hears, synchronously, of each
    committed change.
    """

    def __init__(
        self,
        jobs: Jobs,
        work: Work,
        slots: Slots,
        workroot: Path,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._jobs = jobs
        self._work = work
        self._workroot = workroot
        self.listeners: list[Callable[[Job], None]] = []
        self._now = now
        self._slots = {name: asyncio.Semaphore(getattr(slots, name)) for name in ("fetch", "process", "upload")}
        self._room = slots.fetch + slots.process + slots.upload
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._runs: dict[int, Run] = {}
        self._cancelled: set[int] = set()
        self._picking = asyncio.Lock()
        """Held while it is decided which jobs start, so that none is started and cancelled at once."""
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()

    async def submit(self, orders: Sequence[Order], chat_id: int, message_id: int) -> list[Job]:
        """Commit one job for each order; asked again for the same message, return the jobs it already made."""
        jobs = await self._jobs.add(orders, chat_id, message_id, self._now())
        for job in jobs:
            log.info("job.queued", job=job.id)
        self._wake.set()
        return jobs

    async def cancel(self, number: int) -> Job:
        """End a job and remove its work folder. Raises UserError when there is no such job or it has ended.

        A job that was just being posted may end as done all the same.
        """
        async with self._picking:
            job = await self._jobs.get(number)
            if job is None:
                raise UserError(f"There is no job #{number}.")
            if job.state.ended:
                raise UserError(f"Job #{number} has already ended: {job.state}.")
            task = self._tasks.get(number)
            if task is None:
                return await self._end(job, JobState.CANCELLED, "cancelled")
            self._cancelled.add(number)
            task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_WITHIN)
        self._cancelled.discard(number)
        job = await self._jobs.get(number) or job
        if job.state.ended or not task.done():
            return job
        # It was stopped before its first step, or just after it had begun to wait.
        return await self._end(job, JobState.CANCELLED, "cancelled")

    def live(self) -> list[Live]:
        """A sample of the jobs that are running now, by number."""
        now = time.monotonic()
        return [Live(run.job, run.progress, run.since, now - run.started) for _, run in sorted(self._runs.items())]

    async def idle(self) -> None:
        """Wait until no job is queued, waiting or running."""
        while True:
            self._settled.clear()
            if not self._tasks and not await self._jobs.live():
                return
            await self._settled.wait()

    @asynccontextmanager
    async def slot(self, stage: Stage) -> AsyncIterator[None]:
        """Hold one of the slots in which ``stage`` runs."""
        async with self._slots[_SLOT_OF[stage]]:
            yield

    async def commit(self, job: Job) -> Job:
        """Commit a job's row, then tell of it."""
        await until_it_works(lambda: self._jobs.save(job))
        for tell in self.listeners:
            tell(job)
        return job

    async def run(self) -> None:
        """Run jobs until cancelled; what was running when the process last ended goes on first."""
        await self._recover()
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                await until_it_works(lambda: self._pick(group))
                await self._sleep()

    async def _pick(self, group: asyncio.TaskGroup) -> None:
        """Start what may start now."""
        async with self._picking:
            for job in await self._jobs.queued(self._now(), self._room):
                if job.id not in self._tasks and len(self._tasks) < self._room:
                    self._start(group, job)

    async def _sleep(self) -> None:
        """Sleep until something changes or the next waiting job is due; never long, for the clock may be set."""
        pause = LOOK_AGAIN
        if len(self._tasks) < self._room:
            due = await until_it_works(self._jobs.next_due)
            pause = LOOK_AGAIN if due is None else min(LOOK_AGAIN, max(0.05, due - self._now()))
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            return

    def _start(self, group: asyncio.TaskGroup, job: Job) -> None:
        task = group.create_task(self._attempt(job), name=f"job {job.id}")
        self._tasks[job.id] = task

        def forget(_: asyncio.Task[None]) -> None:
            del self._tasks[job.id]
            self._wake.set()
            self._settled.set()

        task.add_done_callback(forget)

    async def _attempt(self, job: Job) -> None:
        """One run of a job; its outcome is committed here, whatever it was, unless the process is ending."""
        run = Run(job, self._workroot / str(job.id), self)
        structlog.contextvars.bind_contextvars(job=job.id)
        self._runs[job.id] = run
        try:
            run.workdir.mkdir(parents=True, exist_ok=True, mode=0o700)
            await run.note(state=JobState.RUNNING, reason="", not_before=0.0)
            await self._work(run)
        except asyncio.CancelledError:
            if job.id not in self._cancelled:
                raise
            await to_the_end(self._end(run.job, JobState.CANCELLED, "cancelled"))
        except MedusaError as error:
            if error.fatal:
                raise
            await to_the_end(self._failed(run.job, error))
        except OSError as error:
            await to_the_end(self._failed(run.job, _of_the_disk(error)))
        except Exception:
            log.exception("job.broken")
            await to_the_end(self._end(run.job, JobState.FAILED, _BROKEN))
        else:
            await to_the_end(self._end(run.job, JobState.DONE, ""))
        finally:
            del self._runs[job.id]

    async def _failed(self, job: Job, error: MedusaError) -> None:
        attempts = job.attempts + 1
        if error.retry_after is None or attempts >= error.tries:
            log.warning("job.failed", error=error.user_text, cause=repr(error.__cause__))
            await self._end(job, JobState.FAILED, error.user_text)
            return
        pause = backoff(attempts, error.retry_after)
        log.info("job.waiting", reason=error.user_text, seconds=round(pause, 1), attempts=attempts)
        await self.commit(
            replace(
                job,
                state=JobState.WAITING,
                not_before=self._now() + pause,
                reason=error.user_text,
                attempts=attempts,
            )
        )

    async def _end(self, job: Job, state: JobState, reason: str) -> Job:
        """Commit a final state, then remove the work folder: in this order, so that a kill loses nothing needed."""
        job = await self.commit(
            replace(job, state=state, reason=reason, ended=self._now(), files=(), told=False, not_before=0.0)
        )
        log.info("job.ended", job=job.id, state=str(state))
        await asyncio.to_thread(shutil.rmtree, self._workroot / str(job.id), ignore_errors=True)
        self._settled.set()
        return job

    async def _recover(self) -> None:
        """Queue what a previous process left running, and remove the work folders of jobs that have ended."""
        living = await until_it_works(self._jobs.live)
        for job in living:
            if job.state is JobState.RUNNING:
                log.info("job.resumed", job=job.id, stage=str(job.stage))
                await self.commit(replace(job, state=JobState.QUEUED))
        try:
            await asyncio.to_thread(_sweep, self._workroot, {str(job.id) for job in living})
        except OSError as error:
            raise UserError(
                f"The work folder {self._workroot} can't be used ({error.strerror}). Set MEDUSA_WORK to one that can."
            ) from error


def backoff(attempts: int, asked: float) -> float:
    """Seconds to wait after ``attempts`` failures: at least those ``asked`` for, growing, and a little uneven."""
    grown = min(LONGEST_WAIT, 2.0**attempts)
    return max(asked, grown) * random.uniform(1.0, 1.2)  # noqa: S311 (spreads load, guards nothing)


def _of_the_disk(error: OSError) -> MedusaError:
    """What an error of the work folder's disk means for a job."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Transient(DISK_FULL, after=60, tries=FOREVER)
    if error.errno == errno.EROFS:
        words = "The work folder can only be read; the job goes on when it can be written."
        return Transient(words, after=60, tries=FOREVER)
    log.error("job.broken", exc_info=error)
    return Broken(_BROKEN)


def _sweep(workroot: Path, keep: set[str]) -> None:
    workroot.mkdir(parents=True, exist_ok=True, mode=0o700)
    for folder in workroot.iterdir():
        if folder.name.isdigit() and folder.name not in keep:
            shutil.rmtree(folder, ignore_errors=True)
