"""Keeps the books of what people use: bytes of a day and jobs of an hour, and holds jobs to that while they run."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from medusa.errors import UserError
from medusa.model import Person
from medusa.patience import until_it_works
from medusa.storage.people import PeopleTable
from medusa.words import clock, size

HOUR = 3600.0
_LOOK = 1.0
"""Seconds between two looks at what a job has fetched."""


@dataclass(slots=True)
class _Use:
    """What a job that is at work takes of somebody's bytes: what it has ``fetched``, and will have."""

    person: int
    fetched: Callable[[], int]
    foreseen: int = 0

    @property
    def bytes(self) -> int:
        return max(self.foreseen, self.fetched())


class Books:
    """Who has used how much. ``find`` knows people by their ids, ``now`` gives Unix seconds.

    A job's bytes are those that it has fetched, over all its runs; they stand in its row, so that nothing is committed
    here. They count on the day on which the job ends, and before.
    """

    def __init__(
        self, table: PeopleTable, find: Callable[[int], Person | None], now: Callable[[], float] = time.time
    ) -> None:
        self._table = table
        self._find = find
        self._now = now
        self._uses: dict[int, _Use] = {}
        """By job."""
        self._deciding = asyncio.Lock()
        """Held while it is decided whether a job fits, so that no two take the same bytes."""

    async def used(self, person: int) -> tuple[int, int]:
        """Bytes that somebody has used today, and jobs asked for within the hour."""
        return await self._bytes(person), len(await self._table.asked(person, self._now() - HOUR))

    async def expect_jobs(self, person: Person, count: int) -> None:
        """Expect that somebody may have so many more jobs now. Raises UserError that says when."""
        now = self._now()
        if person.jobs_an_hour is not None:
            asked = await self._table.asked(person.id, now - HOUR)
            over = len(asked) + count - person.jobs_an_hour
            if over > 0:
                when = f"; the next one at {clock(asked[min(over, len(asked)) - 1] + HOUR, now)}" if asked else ""
                had = f"{len(asked)} of your {person.jobs_an_hour} jobs an hour are used"
                raise UserError(f"{had}, and that is {count} more{when}.")
        if person.bytes_a_day is not None and (used := await self._bytes(person.id)) >= person.bytes_a_day:
            raise UserError(_used_up(person, used))

    async def expect_bytes(self, job: int, number: int, count: int) -> None:
        """Expect that a job at work may fetch so many bytes in all, and count them from now on. Raises UserError."""
        person = self._find(number)
        if person is None:
            raise UserError("Who asked for this is not let in any more.")
        async with self._deciding:
            others = await self._bytes(number, but=job)
            if person.bytes_a_day is not None and others + count > person.bytes_a_day:
                raise UserError(f"This takes {size(count)}. {_used_up(person, others)}")
            if job in self._uses:
                self._uses[job].foreseen = count

    @asynccontextmanager
    async def at_work(self, job: int, number: int, fetched: Callable[[], int]) -> AsyncIterator[None]:
        """Count what a job fetches while the block runs; once that is more than is left, the block ends in UserError.

        ``fetched`` tells how much it is by now. The owner (0) has no quota.
        """
        if not number:
            yield
            return
        use = self._uses[job] = _Use(number, fetched)
        try:
            async with asyncio.timeout(None) as bound:
                watch = asyncio.create_task(self._watch(use, bound))
                try:
                    yield
                finally:
                    watch.cancel()
        except TimeoutError as error:
            person = self._find(number)
            if not bound.expired() or person is None:
                raise
            raise UserError(_used_up(person, await self._bytes(number))) from error
        finally:
            del self._uses[job]

    async def _watch(self, use: _Use, bound: asyncio.Timeout) -> None:
        """Have the block end when the job has fetched more than is left."""
        seen = 0
        while True:
            await asyncio.sleep(_LOOK)
            person = self._find(use.person)
            if person is None or person.bytes_a_day is None or use.fetched() == seen:
                continue
            seen = use.fetched()
            if await until_it_works(lambda: self._bytes(use.person)) > person.bytes_a_day:
                bound.reschedule(asyncio.get_running_loop().time())
                return

    async def _bytes(self, person: int, but: int = 0) -> int:
        """Bytes of today: of the jobs at work what is foreseen, of the others what their rows say."""
        mine = {job: use for job, use in self._uses.items() if use.person == person}
        used = await self._table.used(person, midnight(self._now()), list(mine.keys() | {but}))
        return used + sum(use.bytes for job, use in mine.items() if job != but)


def midnight(now: float) -> float:
    """The Unix time at which the local day of ``now`` began."""
    day = time.localtime(now)
    return time.mktime((day.tm_year, day.tm_mon, day.tm_mday, 0, 0, 0, 0, 0, -1))


def _used_up(person: Person, used: int) -> str:
    return f"{size(used)} of your {size(person.bytes_a_day or 0)} for today are used; it begins anew at midnight."
