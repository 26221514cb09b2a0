"""A scheduler over a real store, with work that a test gives it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from medusa.config import Slots
from medusa.model import Gate, Job
from medusa.runs import Run
from medusa.scheduler import Scheduler
from medusa.storage import Store
from medusa.storage.jobs import Jobs

SLOTS = Slots(fetch=2, process=1, upload=1)
HERE = (1, 10)


@asynccontextmanager
async def scheduling(
    store: Store,
    tmp_path: Path,
    work: Callable[[Run], object],
    slots: Slots = SLOTS,
    gates: Sequence[Gate] = (),
    away: Callable[[], bool] = lambda: False,
    now: Callable[[], float] = time.time,
) -> AsyncIterator[tuple[Scheduler, list[Job]]]:
    """A scheduler at work, and the jobs as it tells of them."""
    scheduler = Scheduler(Jobs(store), work, slots, tmp_path / "work", gates=gates, away=away, now=now)  # type: ignore[arg-type]
    told: list[Job] = []
    scheduler.listeners.append(told.append)
    task = asyncio.create_task(scheduler.run())
    try:
        yield scheduler, told
    finally:
        task.cancel()
        await asyncio.wait({task})
