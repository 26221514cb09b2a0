"""What one run of a job may know and say of it: where it stands, how far it is, how long each stage took."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from medusa.model import Job, JobState, Progress, Stage
from medusa.slots import Claims
from medusa.stopwatch import MOST_LAPS, Stopwatch
from medusa.storage.jobs import Beside
from medusa.throttle import Flow

_ORDER = list(Stage)
_FETCHED = _ORDER.index(Stage.STREAM)


class Host(Protocol):
    """What runs jobs, and alone commits what becomes of them."""

    claims: Claims

    def look_again(self) -> None:
        """Have it looked at once whether jobs may start."""

    def slot(self, stage: Stage, run: "Run") -> AbstractAsyncContextManager[None]:
        """Hold one of the slots in which the stage runs."""

    async def commit(self, job: Job, beside: Beside | None = None) -> Job:
        """Commit a job's row, together with what ``beside`` writes, then tell of it."""


class Run:
    """One run of one job: what the work may know of the job, and the only way in which it reports."""

    def __init__(self, job: Job, workdir: Path, scheduler: Host) -> None:
        self.job = job
        self.workdir = workdir
        self.progress = Progress()
        self.flow = Flow()
        self.started = self.since = time.monotonic()
        self._scheduler = scheduler
        self._counted = (0, 0)
        """The bytes of ``flow`` that are in the job."""
        self._stopwatch: Stopwatch | None = None

    @property
    def fetched(self) -> int:
        """Bytes that all runs of the job have fetched by now."""
        return self.job.moved.down + self.flow.down - self._counted[0]

    def report(self, progress: Progress) -> None:
        """Overwrite the progress cell."""
        self.progress = progress
        if self._stopwatch is not None:
            self._stopwatch.moved(progress)

    def step_aside(self, progress: Progress) -> None:
        """Report what the job waits for, and let another one have the slot meanwhile."""
        self.report(progress)
        self._scheduler.claims.drop(self.job.id)
        self._scheduler.look_again()

    @asynccontextmanager
    async def stage(self, stage: Stage, *, beside: Beside | None = None, **facts: Any) -> AsyncIterator[None]:
        """Wait for a slot of this stage's kind and commit the stage, with ``facts``, further columns of the job.

        Having a whole file is a success that no later failure takes back: the tries start anew.
        """
        async with self._scheduler.slot(stage, self):
            further = _ORDER.index(stage) > max(_ORDER.index(self.job.stage), _FETCHED)
            attempts = 0 if further else self.job.attempts
            await self.enter(stage, beside=beside, attempts=attempts, **facts)
            try:
                yield
            finally:
                self.leave()

    async def enter(self, stage: Stage, *, beside: Beside | None = None, **facts: Any) -> None:
        """Commit a stage that needs no other slot than the one that is held, and what ``beside`` writes with it."""
        self.leave()
        self.progress, self.since = Progress(), time.monotonic()
        self._stopwatch = Stopwatch(stage)
        self.learn(state=JobState.RUNNING, stage=stage, reason="", not_before=0.0, **facts)
        self.job = await self._scheduler.commit(self.job, beside)

    def leave(self) -> None:
        """Note how long the stage at hand took, if there is one, and what was moved.

        It is committed with the next stage, or with the end.
        """
        passed = (self.flow.down, self.flow.up)
        down, up = (now - before for now, before in zip(passed, self._counted, strict=True))
        self._counted, stage, took = passed, self.job.stage, 0
        if self._stopwatch is not None:
            lap, self._stopwatch = self._stopwatch.stop(), None
            stage, took = lap.stage, round(lap.seconds * 1000)
            self.learn(laps=(*self.job.laps, lap)[-MOST_LAPS:])
        self.learn(moved=self.job.moved.after(stage, took, down, up))

    def learn(self, **facts: Any) -> None:
        """Keep in mind columns of the job, to be committed with its next stage or its end."""
        self.job = replace(self.job, **facts)


Work = Callable[[Run], Awaitable[None]]
"""Does one job; it returns once everything is posted."""
