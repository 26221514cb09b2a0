"""What Medusa did over days, months and a year: for the owner's statistics and the panel's charts."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
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

_SOURCES = 5
"""Sources that a report has by name."""


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

    async def series(self, span: Span) -> list[Point]:
        """The span that ends now, the oldest piece first, those in which nothing was among them.

        A day comes as 24 hours, a week and a month as local days, a year as twelve months, each up to the one at hand.
        """
        now = self._now()
        return await self._pieces(span, now, await self._days(span, now))

    async def report(self, span: Span) -> Report:
        """All that there is to say of the span that ends now."""
        now = self._now()
        days = await self._days(span, now)
        points, first, last = await self._pieces(span, now, days), min(days), max(days)
        if span is Span.DAY:  # an hour may begin on the day before, where zones differ by half hours
            points = [point for point in points if point.at > _begin(first) - 3600]
        named = await self._table.sources(str(first), str(last), _SOURCES)
        best = max(points, key=lambda point: (point.sums.posted, point.sums.done))
        total = reduce(Sums.__add__, days.values(), Sums())
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

    async def _pieces(self, span: Span, at: float, days: Mapping[date, Sums]) -> list[Point]:
        match span:
            case Span.DAY:
                return await self._hours(at)
            case Span.YEAR:
                return [_month(first, days) for first in _firsts(_day(at))]
            case _:
                return [Point(_begin(day), str(day), sums) for day, sums in days.items()]

    async def _hours(self, at: float) -> list[Point]:
        last = int(at // 3600)
        known = await self._table.hours(last - 23, last)
        hours = range(last - 23, last + 1)
        return [
            Point(hour * 3600.0, time.strftime("%H:%M", time.localtime(hour * 3600)), known.get(hour, Sums()))
            for hour in hours
        ]

    async def _days(self, span: Span, at: float) -> dict[date, Sums]:
        """The days of a span in their order, those in which nothing was among them."""
        last = _day(at)
        first = _firsts(last)[0] if span is Span.YEAR else last - timedelta(days=_DAYS[span] - 1)
        known = await self._table.days(str(first), str(last))
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        return {day: known.get(str(day), Sums()) for day in days}


def _month(first: date, days: Mapping[date, Sums]) -> Point:
    sums = [one for day, one in days.items() if (day.year, day.month) == (first.year, first.month)]
    return Point(_begin(first), f"{first:%Y-%m}", reduce(Sums.__add__, sums, Sums()))


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
