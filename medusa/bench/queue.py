"""Measures what a long queue costs: taking a job in, finding the next one, showing a page."""

import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

from medusa.bench.plan import Plan
from medusa.bench.results import Results
from medusa.model import Order
from medusa.storage import open_store
from medusa.storage.jobs import Jobs

FEW = 100
"""Jobs in the short queue that the long one is compared with."""
TIMES = 50
"""How often each thing is done in a round; what counts is the median."""
_AT_ONCE = 100
_PAGE = 20
_ANOTHER = 5_000_000_001
"""Somebody who has one job among all those of the owner."""
_ORDER = Order("https://example.org/film.mp4")


async def measure_queue(plan: Plan, folder: Path, say: Callable[[str], None], results: Results) -> None:
    """Do the same with a short queue and with a long one, by turns, and set the times in relation."""
    async with AsyncExitStack() as stack:
        queues = []
        for count in (FEW, plan.queue):
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
            queues.append(Jobs(await stack.enter_async_context(open_store(home))))
            for start in range(0, count, _AT_ONCE):
                await queues[-1].add([_ORDER] * _AT_ONCE, 1, -1 - start, 0.0)
            await queues[-1].add([replace(_ORDER, person=_ANOTHER)], _ANOTHER, 1, 0.0)
        acts = {"enqueue": _enqueue, "find the next job": _find_next, "list a page": _list, "take turns": _take_turns}
        for name, act in acts.items():
            say(f"a queue of {plan.queue} jobs: {name}")
            ratios = [await _ratio(act, *queues) for _ in range(plan.rounds)]
            measure = f"{name} among {plan.queue} queued jobs ÷ among {FEW}"
            results.record(measure, ratios, ".2f", "≤ 1.50", lambda figure: figure <= 1.5)


async def _ratio(act: Callable[[Jobs], Awaitable[object]], short: Jobs, long: Jobs) -> float:
    times: dict[Jobs, list[float]] = {short: [], long: []}
    for _ in range(TIMES):
        for jobs, spent in times.items():
            began = time.perf_counter()
            await act(jobs)
            spent.append(time.perf_counter() - began)
    return median(times[long]) / median(times[short])


async def _enqueue(jobs: Jobs) -> None:
    await jobs.add([_ORDER], 1, time.monotonic_ns(), 0.0)


async def _find_next(jobs: Jobs) -> None:
    await jobs.next_due()
    await jobs.queued(10)


async def _take_turns(jobs: Jobs) -> None:
    """What it takes to find the next job when somebody else has one, too."""
    for person in await jobs.queueing():
        await jobs.of(person).queued(10)


async def _list(jobs: Jobs) -> None:
    await jobs.counts()
    await jobs.line(0, _PAGE)
