"""Waiting rightly: until an action has really ended, and until it succeeds."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import structlog

from medusa.errors import FOREVER, MedusaError, Transient
from medusa.model import Job

log = structlog.get_logger()

T = TypeVar("T")

LONGEST_WAIT = 600.0
"""Seconds; the ceiling of the growing pauses between tries (Telegram's own numbers are obeyed whatever they are)."""
LONGEST_SPREAD = 60.0
"""Seconds by which pauses differ at most."""
_UNEVEN = 1.0
"""Seconds by which a clock may be corrected without a word."""


def backoff(attempts: int, asked: float) -> float:
    """Seconds to wait after ``attempts`` failures: at least those ``asked`` for, growing, and a little uneven."""
    pause = max(asked, min(LONGEST_WAIT, 2.0**attempts))
    return pause + random.uniform(0.0, min(0.2 * pause, LONGEST_SPREAD))  # noqa: S311 (spreads load, guards nothing)


class Tries:
    """Decides whether a job that has failed is tried again, and when.

    Failures of kinds that are tried for ever do not count, or a long one of those would leave a job no try for others;
    nor do any while ``away`` says that this machine is cut off from the world, which is not their host's fault.
    """

    def __init__(self, away: Callable[[], bool]) -> None:
        self._away = away
        self._uncounted: Counter[int] = Counter()

    def after(self, job: Job, error: MedusaError) -> tuple[int, float | None]:
        """The job's failed tries from now on, and seconds until the next one; None when there is none."""
        asked = error.retry_after
        if asked is None:
            return job.attempts + 1, None
        unending = error.tries == FOREVER or self._away()
        attempts = job.attempts + (error.counts and not unending)
        if attempts >= error.tries and not unending:
            return attempts, None
        self._uncounted[job.id] += error.counts and unending
        return attempts, backoff(attempts + self._uncounted[job.id], asked)

    def forget(self, number: int) -> None:
        """Forget a job that has ended."""
        del self._uncounted[number]


class Rewind:
    """Notices that the clock ``now`` was set back.

    One that was set forward looks the same as a machine that has slept, and ends waits that are over by it.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._ahead = self._look()

    def __call__(self) -> float:
        """Seconds by which the clock was set back since this was last asked; 0 when it was not."""
        before, self._ahead = self._ahead, self._look()
        back = before - self._ahead
        return back if back > _UNEVEN else 0.0

    def _look(self) -> float:
        return self._now() - time.monotonic()


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await ``work`` until it has ended, however often this is cancelled meanwhile; then pass the cancel on."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                continue
        if not task.cancelled():
            task.exception()  # seen; the cancel goes first
        raise


async def until_it_works(action: Callable[[], Awaitable[T]]) -> T:
    """Do ``action``, and do it again after each passing trouble, such as a full disk, for as long as it takes."""
    while True:
        try:
            return await action()
        except Transient as error:
            log.warning("waiting", reason=error.user_text, seconds=error.retry_after)
            await asyncio.sleep(error.retry_after)
