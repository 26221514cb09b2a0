"""Says when nothing may be fetched or uploaded: in quiet hours, and once the bytes of a day are used up."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from medusa.errors import Transient
from medusa.model import Hold, Hours
from medusa.patience import to_the_end, until_it_works
from medusa.storage.traffic import TrafficTable
from medusa.throttle import Throttle
from medusa.words import QUIET, clock, size

log = structlog.get_logger()

COMMIT_EVERY = 60.0
"""Seconds between two notes of the bytes moved; a kill may forget that much of them."""
LOOK_EVERY = 1.0


def _day_at(now: float, minutes: int, later: int = 0) -> float:
    """The Unix time to come at which the local day of ``now``, or one some days later, is so many minutes old."""
    day = time.localtime(now)
    found = time.mktime((day.tm_year, day.tm_mon, day.tm_mday + later, 0, minutes, 0, 0, 0, -1))
    # When the clocks go back, an hour comes twice, and mktime may mean the one that is over.
    return found if found > now else found + 3600.0


def _date(now: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(now))


class QuietHours:
    """The gate that is closed at some hours of the day, by the clock of this machine."""

    def __init__(self) -> None:
        self.hours: Hours = ()

    def set(self, hours: Hours) -> None:
        """Keep to other hours from now on."""
        self.hours = hours

    def __call__(self, now: float) -> Hold | None:
        """The hold of the hours that ``now`` (Unix time) falls into."""
        moment = time.localtime(now)
        minute = moment.tm_hour * 60 + moment.tm_min
        for begin, end in self.hours:
            within = begin <= minute < end if begin < end else minute >= begin or minute < end
            if within:
                until = _day_at(now, end, later=int(minute >= end))
                return Hold(until, f"{QUIET} until {clock(until, now)}.")
        return None


@dataclass(slots=True)
class Count:
    """The bytes of the day at hand in one direction, the limit of a day (None for none), and what the limit is of."""

    throttle: Throttle
    word: str
    limit: int | None = None
    _before: int = 0
    """What was moved on that day before ``throttle`` had counted ``_from`` bytes."""
    _from: int = 0

    def __str__(self) -> str:
        of = "" if self.limit is None else f" of {size(self.limit)}"
        return f"{size(self.bytes)}{of} {self.word}"

    def allow(self, limit: int | None) -> None:
        """Set the limit."""
        self.limit = limit

    @property
    def bytes(self) -> int:
        return self._before + self.throttle.passed - self._from

    def begin(self, count: int, *, first: bool) -> None:
        """Begin a day of which so many bytes are known; what has passed so far belongs to the ``first``."""
        self._before, self._from = count, 0 if first else self.throttle.passed

    @property
    def used_up(self) -> bool:
        return self.limit is not None and self.bytes >= self.limit


class Budget:
    """The gate that is closed for the rest of a day once its bytes are used up; it counts them, too."""

    def __init__(self, table: TrafficTable, down: Throttle, up: Throttle) -> None:
        self.down, self.up = Count(down, "fetched"), Count(up, "uploaded")
        self._table = table
        self._day = ""
        self._noted = (0, 0)

    def __call__(self, now: float) -> Hold | None:
        """The hold of a direction whose bytes are used up; those of a day that is over hold nobody back."""
        if self._day not in ("", _date(now)):
            return None
        for count in (self.down, self.up):
            if count.limit is not None and count.used_up:
                reason = f"Today's {size(count.limit)} to be {count.word} are used up."
                return Hold(_day_at(now, 0, later=1), reason)
        return None

    async def run(self, spent: Callable[[], None]) -> None:
        """Count until cancelled, and call ``spent`` as soon as a limit is reached."""
        closed, noted_at = False, time.monotonic()
        try:
            while True:
                await self._turn_page(time.time())
                used_up = self.down.used_up or self.up.used_up
                if used_up and not closed:
                    spent()
                closed = used_up
                if time.monotonic() - noted_at >= COMMIT_EVERY:
                    await self._note_or_not()
                    noted_at = time.monotonic()
                await asyncio.sleep(LOOK_EVERY)
        finally:
            await to_the_end(self._note_or_not())

    async def _turn_page(self, now: float) -> None:
        """Begin a day, which may be one that is partly known."""
        day = _date(now)
        if day != self._day:
            await until_it_works(self._note)
            known = await until_it_works(lambda: self._table.of_day(day))
            for count, moved in zip((self.down, self.up), known, strict=True):
                count.begin(moved, first=not self._day)
            self._day, self._noted = day, known

    async def _note_or_not(self) -> None:
        """Commit the day's bytes, or do without while the disk is full: the next note has them, too."""
        try:
            await self._note()
        except Transient as error:
            log.warning("budget.not_noted", reason=error.user_text)

    async def _note(self) -> None:
        """Commit the day's bytes if there are more than are noted."""
        now = (self.down.bytes, self.up.bytes)
        if self._day and now != self._noted:
            await self._table.put(self._day, *now)
            self._noted = now
