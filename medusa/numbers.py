"""What Medusa did over days, months and a year: for the owner's statistics and the panel's charts."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import reduce
from pathlib import Path

import structlog

from medusa.errors import MedusaError
from medusa.memory import used
from medusa.storage.sums import Source, Sums, SumTable

log = structlog.get_logger()

SAMPLE_EVERY = 600.0
"""Seconds between two looks at disk and memory."""
KEEP_EVERY = 6
"""Looks that are kept with one commit: few writes, since memory cards wear out."""


class Span(StrEnum):
    """The spans of time that are looked at as a whole."""

    DAY = "today"
    WEEK = "7d"
    MONTH = "30d"
    YEAR = "1y"


_DAYS = {Span.DAY: 1, Span.WEEK: 7, Span.MONTH: 30}
_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Point:
    """The sums of one piece of a span, which begins at Unix time ``at``."""

    at: float
    label: str
    """What stands under it: ``14:00``, ``2026-03-01`` or ``2026-03``."""
    sums: Sums


@dataclass(frozen=True, slots=True)
class Report:
    """A span as a whole, where a day begins at midnight.

    ``best`` is the piece in which most was posted, None when there was nothing.
    """

    span: Span
    points: tuple[Point, ...]
    total: Sums
    sources: tuple[Source, ...]
    best: Point | None


class Numbers:
    """The sums, and the watch that samples disk and memory. ``folder`` stands on the disk that jobs fill."""

    def __init__(self, table: SumTable, folder: Path, *, now: Callable[[], float] = time.time) -> None:
        self._table = table
        self._folder = folder
        self._now = now

    async def series(self, span: Span, now: float | None = None) -> list[Point]:
        """The span that ends at ``now``, the oldest piece first, those in which nothing was among them.

        A day comes as 24 hours, a week and a month as local days, a year as twelve months, each up to the one at hand.
        """
        at = self._now() if now is None else now
        if span is Span.DAY:
            return await self._hours(at)
        if span is Span.YEAR:
            return await self._months(at)
        known, days = await self._days(span, at)
        return [Point(_begin(day), str(day), known.get(str(day), Sums())) for day in days]

    async def report(self, span: Span, now: float | None = None, sources: int = 5) -> Report:
        """All that there is to say of a span; with so many sources by name."""
        at = self._now() if now is None else now
        points = await self.series(span, at)
        known, days = await self._days(span, at)
        if span is Span.DAY:  # an hour may begin on the day before, where zones differ by half hours
            points = [point for point in points if point.at > _begin(days[0]) - 3600]
        total = reduce(Sums.__add__, known.values(), Sums())
        named = await self._table.sources(str(days[0]), str(days[-1]), sources)
        best = max(points, key=lambda point: (point.sums.posted, point.sums.done))
        return Report(span, tuple(points), total, tuple(named), best if best.sums.done > 0 else None)

    async def run(self) -> None:
        """Sample disk and memory until cancelled; a kill loses the samples of an hour at most."""
        seen: list[tuple[int, int]] = []
        while True:
            seen.append(await asyncio.to_thread(self._look))
            if len(seen) >= KEEP_EVERY:
                await self._keep_all(seen)
                seen.clear()
            await asyncio.sleep(SAMPLE_EVERY)

    async def keep(self, now: float, free: int, memory: int) -> None:
        """Commit a sample, in bytes. Raises MedusaError."""
        await self._table.sample(str(_day(now)), int(now // 3600), free, memory)

    async def _keep_all(self, seen: Sequence[tuple[int, int]]) -> None:
        """Keep the lowest of the free bytes and the highest of memory, or do without: the next ones are as good."""
        try:
            await self.keep(self._now(), min(free for free, _ in seen), max(memory for _, memory in seen))
        except MedusaError as error:
            if error.fatal:
                raise
            log.info("numbers.not_kept", reason=error.user_text)

    def _look(self) -> tuple[int, int]:
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return 0, used()
        return disk.f_bavail * disk.f_frsize, used()

    async def _hours(self, at: float) -> list[Point]:
        last = int(at // 3600)
        known = await self._table.hours(last - 23, last)
        hours = range(last - 23, last + 1)
        return [
            Point(hour * 3600.0, time.strftime("%H:%M", time.localtime(hour * 3600)), known.get(hour, Sums()))
            for hour in hours
        ]

    async def _months(self, at: float) -> list[Point]:
        known, _ = await self._days(Span.YEAR, at)
        points = []
        for first in _firsts(_day(at)):
            label = f"{first:%Y-%m}"
            sums = [one for day, one in known.items() if day.startswith(label)]
            points.append(Point(_begin(first), label, reduce(Sums.__add__, sums, Sums())))
        return points

    async def _days(self, span: Span, at: float) -> tuple[dict[str, Sums], list[date]]:
        """What is known of the days of a span, and the days themselves."""
        last = _day(at)
        first = _firsts(last)[0] if span is Span.YEAR else last - timedelta(days=_DAYS[span] - 1)
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        return await self._table.days(str(first), str(last)), days


def _firsts(last: date) -> list[date]:
    """The first days of the twelve months that end with that of a day."""
    months = [last.year * 12 + last.month - 1 - back for back in range(_MONTHS - 1, -1, -1)]
    return [date(month // 12, month % 12 + 1, 1) for month in months]


def _day(at: float) -> date:
    """The local day of a Unix time."""
    return date(*time.localtime(at)[:3])


def _begin(day: date) -> float:
    """The Unix time at which a local day begins."""
    return time.mktime((day.year, day.month, day.day, 0, 0, 0, 0, 0, -1))
