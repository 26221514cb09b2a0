"""Decides which job runs when, and alone changes a job's state."""

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from medusa.config import Slots
from medusa.errors import BROKEN, MedusaError, UserError
from medusa.model import Gate, Hold, Job, JobState, Live, Order, Priority, Stage
from medusa.observe import clean
from medusa.observe.metrics import JOBS_ENDED, RETRIES
from medusa.parking import Key, Parking
from medusa.patience import Rewind, Tries, to_the_end, until_it_works
from medusa.runs import Run, Work
from medusa.shares import Shares
from medusa.slots import SLOT_OF, Claims, Slot
from medusa.storage.jobs import Beside, Jobs
from medusa.throttle import own_flow
from medusa.words import SCHEDULED
from medusa.workfolder import remove, sweep, trouble

log = structlog.get_logger()

_MOVES_BYTES = (Stage.RESOLVE, Stage.FETCH, Stage.STREAM, Stage.UPLOAD)
"""The stages that a hold interrupts."""
_WEIGHTS = {Priority.HIGH: 4, Priority.NORMAL: 2, Priority.LOW: 1}
"""The shares of the bandwidth that jobs get."""
STOP_WITHIN = 30.0
"""Seconds that a job gets to unwind before ``cancel`` and ``pause`` stop waiting for it; it is stopped all the same."""
MOST_TOLD = 20
"""Jobs put off together that the listeners hear of."""
LOOK_AGAIN = 30.0
"""Seconds after which waiting jobs are looked at even when none is known to be due."""


@dataclass(frozen=True, slots=True)
class _Stop:
    """Why a task is being cancelled: the state that its job is to have then, and for how long when it is to wait."""

    state: JobState
    hold: Hold | None = None


class Scheduler:
    """Runs queued jobs within its slots, and lets them wait for as long as one of ``gates`` is closed.

    ``work`` does one job and returns when it is posted. While ``away`` says that this machine is cut off from the
    world, no failure counts. Each of ``listeners`` hears, synchronously, of each committed change. ``claims`` knows
    what each running job needs.
    """

    def __init__(
        self,
        jobs: Jobs,
        work: Work,
        slots: Slots,
        workroot: Path,
        *,
        gates: Sequence[Gate] = (),
        away: Callable[[], bool] = lambda: False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._jobs = jobs
        self._work = work
        self._workroot = workroot
        self.listeners: list[Callable[[Job], None]] = []
        self._now = now
        self._set_back = Rewind(now)
        self._gates = gates
        self._tries = Tries(away)
        self._hold: Hold | None = None
        """What the gates said last."""
        self._shares = Shares()
        self._parking = Parking()
        self._slots = {name: Slot(getattr(slots, name)) for name in ("fetch", "process", "upload")}
        self.claims = Claims(self._slots)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._runs: dict[int, Run] = {}
        self._stopping: dict[int, _Stop] = {}
        self._picking = asyncio.Lock()
        """Held while it is decided which jobs start, so that none is started and stopped at once."""
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()

    async def submit(
        self,
        orders: Sequence[Order],
        chat_id: int,
        message_id: int,
        *,
        priority: Priority = Priority.NORMAL,
        not_before: float = 0.0,
        reason: str = "",
    ) -> list[Job]:
        """Commit one job for each order; asked again for the same message, return the jobs it already made.

        With a ``not_before`` (Unix time) to come they wait for it, and ``reason`` says so.
        """
        jobs = await self._jobs.add(
            orders, chat_id, message_id, self._now(), priority=priority, not_before=not_before, reason=reason
        )
        for job in jobs:
            log.info("job.queued", job=job.id)
        self._shares.seen(jobs)
        self._wake.set()
        return jobs

    async def cancel(self, number: int) -> Job:
        """End a job and remove its work folder. Raises UserError when there is no such job or it has ended.

        A job that was just being posted may end as done all the same.
        """
        return await self._stop(number, _Stop(JobState.CANCELLED))

    async def pause(self, number: int) -> Job:
        """Stop a job and keep what it has done. Raises UserError when there is no such job or it has ended.

        A job that was just being posted may end as done all the same.
        """
        return await self._stop(number, _Stop(JobState.PAUSED))

    async def resume(self, number: int) -> Job:
        """Queue a paused job where it stood; it goes on waiting if its time has not come. Raises UserError."""
        async with self._picking:
            job = await self._known(number, ended=False)
            if job.state is not JobState.PAUSED:
                raise UserError(f"Job #{number} is not paused: it is {job.state}.")
            waits = job.not_before > self._now()
            job = await self.commit(replace(job, state=JobState.WAITING) if waits else self._let_go(job))
        self._wake.set()
        return job

    def _let_go(self, job: Job) -> Job:
        """The job as it is when nothing holds it back but a closed gate."""
        if self._hold is None:
            return replace(job, state=JobState.QUEUED, not_before=0.0, reason="")
        return replace(job, state=JobState.WAITING, not_before=self._hold.until, reason=self._hold.reason)

    async def together(self, state: JobState, numbers: Sequence[int]) -> list[Job]:
        """Have jobs in PAUSED, QUEUED (resumed) or CANCELLED with one commit; returns those that are so now.

        The rest are those that are at work, which have to be stopped one by one, and those that can't become so.
        """
        async with self._picking:
            idle = [number for number in numbers if number not in self._tasks]
            jobs = await until_it_works(lambda: self._jobs.set_state(idle, state, self._now()))
            for job in jobs:
                self._tell(job)
            if state is JobState.CANCELLED:
                await asyncio.to_thread(remove, self._workroot, [job.id for job in jobs])
        log.info(f"jobs.{state}", jobs=len(jobs))
        self._wake.set()
        self._settled.set()
        return jobs

    async def retry(self, number: int) -> Job:
        """Queue a job anew that has failed or was cancelled, or let one that waits try at once. Raises UserError.

        A closed gate holds back one that waits. Those that wait for the same chat or host are let go with it. The work
        folder of an ended one is gone; its outbox is not, so that what was posted after all is not posted again.
        """
        async with self._picking:
            job = await self._jobs.get(number)
            if job is not None and job.state is JobState.WAITING and number not in self._tasks:
                await self._open_up(job)
                job = await self.commit(self._let_go(replace(job, attempts=0)))
            else:
                job = await self._anew(await self._known(number, ended=True))
        log.info("job.queued", job=number)
        self._wake.set()
        return job

    async def _anew(self, job: Job) -> Job:
        if job.state is JobState.DONE:
            raise UserError(f"Job #{job.id} is done: there is nothing to try again.")
        job = replace(job, state=JobState.QUEUED, stage=Stage.RESOLVE, attempts=0, reason="", ended=None, told=False)
        await self._jobs.requeue(job, self._now())
        return job

    async def prioritise(self, number: int, priority: Priority) -> Job:
        """Give a job another priority, and its share of the bandwidth with it. Raises UserError when it has ended."""
        job = await self._known(number, ended=False)
        turn = await self._jobs.prioritise(number, priority)
        if run := self._runs.get(number):
            run.flow.weight = _WEIGHTS[priority]
            run.learn(priority=priority, turn=turn)
        return replace(job, priority=priority, turn=turn)

    async def _known(self, number: int, *, ended: bool) -> Job:
        """The job of this number, which must have ended, or must not have. Raises UserError."""
        job = await self._jobs.get(number)
        if job is None:
            raise UserError(f"There is no job #{number}.")
        if job.state.ended is not ended:
            stands = f"not ended: it is {job.state}" if ended else f"already ended: {job.state}"
            raise UserError(f"Job #{number} has {stands}.")
        return job

    async def _stop(self, number: int, stop: _Stop) -> Job:
        """Have a job stopped, and then in the state that ``stop`` names unless it has ended."""
        async with self._picking:
            job = await self._known(number, ended=False)
            task = self._tasks.get(number)
            if task is None:
                return await self._stopped(job, stop)
            self._stopping[number] = stop
            task.cancel()
        await asyncio.wait({task}, timeout=STOP_WITHIN)
        async with self._picking:
            if not task.done():
                task.add_done_callback(lambda _: self._stopping.pop(number, None))
                return job
            self._stopping.pop(number, None)
            job = await self._jobs.get(number) or job
            if job.state is stop.state or job.state.ended:
                return job
            # It was stopped before its first step, or just after it had begun to wait.
            return await self._stopped(job, stop)

    async def _stopped(self, job: Job, stop: _Stop) -> Job:
        """Commit what a job is that was stopped."""
        if stop.state is JobState.CANCELLED:
            return await self._end(job, stop.state, "cancelled")
        # What the cut-off task knew may be older than what it had committed.
        kept = await until_it_works(lambda: self._jobs.get(job.id)) or job
        kept = replace(kept, state=stop.state, laps=job.laps, moved=job.moved)
        if stop.hold is not None:
            kept = replace(kept, not_before=stop.hold.until, reason=stop.hold.reason)
        stopped = await self.commit(kept)
        log.info(f"job.{stop.state}", job=job.id, stage=str(job.stage))
        self._settled.set()
        return stopped

    def live(self) -> list[Live]:
        """A sample of the jobs that are running now, by number."""
        now = time.monotonic()
        return [Live(run.job, run.progress, run.since, now - run.started) for _, run in sorted(self._runs.items())]

    async def idle(self) -> None:
        """Wait until every job has ended or is paused."""
        while True:
            self._settled.clear()
            counts = await self._jobs.counts()
            if not self._tasks and sum(counts.values()) == counts[JobState.PAUSED]:
                return
            await self._settled.wait()

    def visit(self, per_host: int) -> None:
        """Let at most so many jobs fetch from one host at the same time, from the next start on."""
        self.claims.per_host = per_host

    def look_again(self) -> None:
        """Have it looked at once whether jobs may start, or have to stop."""
        self._wake.set()

    @asynccontextmanager
    async def slot(self, stage: Stage, run: Run) -> AsyncIterator[None]:
        """Hold one of the slots in which ``stage`` runs."""
        self.claims.put(run.job.id, SLOT_OF[stage], run.job.order.host)
        async with self._slots[SLOT_OF[stage]].held(lambda: (run.job.turn, run.job.id)):
            yield

    async def commit(self, job: Job, beside: Beside | None = None) -> Job:
        """Commit a job's row, together with what ``beside`` writes, then tell of it."""
        await until_it_works(lambda: self._jobs.save(job, beside))
        self._tell(job)
        return job

    def _tell(self, job: Job) -> None:
        for tell in self.listeners:
            tell(job)

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
            if seconds := self._set_back():
                await self._keep_waits(seconds)
            due = await self._jobs.next_due()
            if due is not None and due <= self._now():
                await self._jobs.wake(self._now())
            await self._heed_gates()
            while self._hold is None and any([await self._start(group, job) for job in await self._candidates()]):
                pass

    async def _keep_waits(self, seconds: float) -> None:
        """Let what waits for a span of time, not for a time of the day, wait no longer since the clock was set back."""
        log.info("clock.set_back", seconds=round(seconds))
        if self._hold is not None:  # the gates say anew until when
            await until_it_works(functools.partial(self._jobs.bring_back, self._hold))
            self._hold = None
        await until_it_works(lambda: self._jobs.sooner(seconds, self._now(), SCHEDULED))
        self._parking.sooner(seconds)

    async def _heed_gates(self) -> None:
        """Put off what the gates forbid, and bring back what they forbid no more."""
        holds = [hold for gate in self._gates if (hold := gate(self._now())) is not None]
        hold = max(holds, key=lambda one: one.until, default=None)
        if self._hold is not None and hold != self._hold:
            await self._jobs.bring_back(self._hold)
        self._hold = hold
        if hold is None:
            return
        for number, run in self._runs.items():
            if run.job.stage in _MOVES_BYTES and number not in self._stopping:
                self._interrupt(number, _Stop(JobState.WAITING, hold))
        if fresh := await self._jobs.queued(MOST_TOLD):
            await self._put_off(fresh, hold)

    async def _put_off(self, seen: Sequence[Job], hold: Hold, key: Key | None = None) -> None:
        """Let all queued jobs wait, or those that share ``key``; told is of those ``seen``, for it may be thousands."""
        await self._jobs.put_off(hold, key)
        for job in seen:
            self._tell(replace(job, state=JobState.WAITING, not_before=hold.until, reason=hold.reason))

    def _interrupt(self, number: int, stop: _Stop) -> None:
        """Have a task stopped without waiting for it."""
        self._stopping[number] = stop
        self._tasks[number].add_done_callback(lambda _: self._stopping.pop(number, None))
        self._tasks[number].cancel()

    async def _candidates(self) -> list[Job]:
        """The queued jobs for which there may be a slot, those whose turn it is first."""
        # Those that are starting, have stepped aside, or are being stopped, may still be among the queued.
        limit = 2 * self.claims.room + len(self._tasks) + len(self._stopping)
        if not self.claims.room_beside(len(self._tasks)):
            return []
        full = [stage for stage, kind in SLOT_OF.items() if self.claims.full(kind)]
        crowded, fetched = self.claims.crowded(), Stage.FETCH in full

        def find(jobs: Jobs) -> Awaitable[list[Job]]:
            return jobs.ready(limit, full) if fetched else jobs.queued(limit, crowded, full)

        working = [run.job.order.person for run in self._runs.values()]
        return await self._shares.first(self._jobs, working, find, self._may_start)

    def _may_start(self, job: Job) -> bool:
        known = job.id in self._tasks or job.id in self._stopping
        room = self.claims.room_beside(len(self._tasks))
        return room and not known and self.claims.allow(SLOT_OF[job.stage], job.order.host)

    async def _sleep(self) -> None:
        """Sleep until something changes or the next waiting job is due; never long, for the clock may be set."""
        pause = LOOK_AGAIN
        if self.claims.room_beside(len(self._tasks)):
            due = await until_it_works(self._jobs.next_due)
            pause = LOOK_AGAIN if due is None else min(LOOK_AGAIN, max(0.05, due - self._now()))
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _start(self, group: asyncio.TaskGroup, job: Job) -> bool:
        """Start a job, or put it off with all others that its chat or host lets wait; False when neither is to be."""
        if not self._may_start(job):
            return False
        if parked := self._parking.of(job, self._now()):
            await self._put_off([job], *parked)
            return True
        self.claims.put(job.id, SLOT_OF[job.stage], job.order.host)
        run = self._runs[job.id] = Run(job, self._workroot / str(job.id), self)
        task = self._tasks[job.id] = group.create_task(self._attempt(run), name=f"job {job.id}")

        def forget(_: asyncio.Task[None]) -> None:
            del self._tasks[job.id], self._runs[job.id]
            self.claims.drop(job.id)
            self._wake.set()
            self._settled.set()

        task.add_done_callback(forget)
        return True

    async def _attempt(self, run: Run) -> None:
        """One run of a job; its outcome is committed here, whatever it was, unless the process is ending."""
        job = run.job
        structlog.contextvars.bind_contextvars(job=job.id, message=f"{job.chat_id}:{job.message_id}")
        try:
            run.workdir.mkdir(parents=True, exist_ok=True, mode=0o700)
            with own_flow(_WEIGHTS[job.priority]) as run.flow:
                try:
                    await self._work(run)
                finally:
                    run.leave()
        except asyncio.CancelledError:
            if job.id not in self._stopping:
                raise
            await to_the_end(self._stopped(run.job, self._stopping[job.id]))
        except MedusaError as error:
            if error.fatal:
                raise
            await to_the_end(self._failed(run.job, error))
        except OSError as error:
            await to_the_end(self._failed(run.job, trouble(error)))
        except Exception:
            log.exception("job.broken")
            await to_the_end(self._end(run.job, JobState.FAILED, BROKEN))
        else:
            await to_the_end(self._end(run.job, JobState.DONE, run.job.reason))

    async def _failed(self, job: Job, error: MedusaError) -> None:
        attempts, pause = self._tries.after(job, error)
        if pause is None:
            log.warning("job.failed", error=error.user_text, cause=repr(error.__cause__))
            await self._end(job, JobState.FAILED, error.user_text)
            return
        hold = Hold(self._now() + pause, clean(error.user_text))
        log.info("job.waiting", reason=hold.reason, seconds=round(pause, 1), attempts=attempts)
        RETRIES.inc()
        self._parking.park(job, error.scope, hold)
        waiting = replace(job, state=JobState.WAITING, attempts=attempts)
        await self.commit(replace(waiting, not_before=hold.until, reason=hold.reason))

    async def _end(self, job: Job, state: JobState, reason: str) -> Job:
        """Commit a final state, then remove the work folder: in this order, so that a kill loses nothing needed."""
        job = replace(job, state=state, reason=clean(reason), ended=self._now(), files=(), told=False, not_before=0.0)
        job = await self.commit(replace(job, order=job.order.without_secrets()))
        log.info("job.ended", job=job.id, state=str(state))
        if state is JobState.DONE:
            await self._open_up(job)
        await asyncio.to_thread(remove, self._workroot, [job.id])
        JOBS_ENDED.labels(state).inc()
        self._tries.forget(job.id)
        self._settled.set()
        return job

    async def _open_up(self, job: Job) -> None:
        """End the wait of other jobs for the chat and the host of this one."""
        for parked in self._parking.clear(job):
            await until_it_works(functools.partial(self._jobs.bring_back, *parked))

    async def _recover(self) -> None:
        """Queue what a previous process left running, and remove the work folders of jobs that have ended."""
        living = await until_it_works(self._jobs.live)
        self._shares.seen(living)
        for job in living:
            if job.state is JobState.RUNNING:
                log.info("job.resumed", job=job.id, stage=str(job.stage))
                await self.commit(replace(job, state=JobState.QUEUED))
        await asyncio.to_thread(sweep, self._workroot, {str(job.id) for job in living})
