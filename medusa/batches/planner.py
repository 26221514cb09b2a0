"""Begins the plan of a batch with what is known without looking at its links."""

from collections.abc import Sequence
from statistics import median

from medusa.batches.flight import Flight
from medusa.config import Slots
from medusa.library import Library, link_of
from medusa.model import Job, JobState, Order
from medusa.storage.jobs import Jobs

_LATEST = 50
_LEAST = 1_000_000
"""Bytes from which a job tells something of the rate; smaller ones spend their time on asking."""


class Planner:
    """Knows what was posted before, and how fast jobs have been of late."""

    def __init__(self, library: Library, jobs: Jobs, limit: int, slots: Slots) -> None:
        self._library = library
        self._jobs = jobs
        self._limit = limit
        self._slots = slots

    async def begin(self, orders: Sequence[Order]) -> Flight:
        """The plan of a batch with these orders."""
        posted: dict[int, str] = {}
        for place, order in enumerate(orders, start=1):
            post = await self._library.newest(order)
            if post is not None:
                posted[place] = link_of(post) or ""
        links = tuple(order.link for order in orders)
        kept = self._slots.fetch + self._slots.process + self._slots.upload
        return Flight(links, posted, self._limit, self._slots.fetch, kept, await self._rate())

    async def _rate(self) -> float | None:
        rates = [rate for job in await self._jobs.recent(_LATEST) if (rate := _rate_of(job)) is not None]
        return median(rates) if rates else None


def _rate_of(job: Job) -> float | None:
    if job.state is not JobState.DONE or job.ended is None or job.size < _LEAST or job.reason:
        return None
    return job.size / max(1.0, job.ended - job.created)
