"""Reads the sums over jobs that have ended, and keeps samples of disk and memory beside them.

The sums themselves are kept by the state (see the migration ``sums``), in the very commits that end jobs.
"""

from dataclasses import dataclass, fields
from typing import Any

from medusa.storage.store import Store

RING = 192
"""Hours that are kept one by one."""
MOST_A_DAY = 12
"""Sources of a day that are kept once it is over; the others are put together under the empty name."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What was done in a span of time: jobs that ended in it, and all that those have moved over their runs.

    ``posted``, ``down``, ``up``, ``saved`` (posted without being uploaded) and ``streamed`` (posted without being on
    the disk) are bytes, ``fetching``, ``sending`` and ``making`` milliseconds. ``free`` is the least free bytes of the
    disk and ``memory`` the most bytes of memory that were seen, None where nobody looked.
    """

    done: int = 0
    failed: int = 0
    cancelled: int = 0
    posted: int = 0
    down: int = 0
    up: int = 0
    saved: int = 0
    streamed: int = 0
    fetching: int = 0
    sending: int = 0
    making: int = 0
    free: int | None = None
    memory: int | None = None

    @property
    def success(self) -> float | None:
        """The share of jobs that were done among those that were done or have failed; None when there were none."""
        return self.done / (self.done + self.failed) if self.done + self.failed > 0 else None

    @property
    def down_speed(self) -> float | None:
        """Mean bytes a second while fetching."""
        return self.down * 1000 / self.fetching if self.fetching > 0 and self.down > 0 else None

    @property
    def up_speed(self) -> float | None:
        """Mean bytes a second while uploading."""
        return self.up * 1000 / self.sending if self.sending > 0 and self.up > 0 else None

    def __add__(self, other: "Sums") -> "Sums":
        added = {name: getattr(self, name) + getattr(other, name) for name in _ADDED}
        frees = [one for one in (self.free, other.free) if one is not None]
        memories = [one for one in (self.memory, other.memory) if one is not None]
        return Sums(**added, free=min(frees, default=None), memory=max(memories, default=None))


@dataclass(frozen=True, slots=True)
class Source:
    """What came from one host; the empty one stands for all that are not kept one by one."""

    host: str
    done: int
    failed: int
    posted: int


_ALL = tuple(field.name for field in fields(Sums))
_ADDED = _ALL[:-2]
_COLUMNS = ", ".join(_ALL)
_SAMPLED = "free = min(coalesce(free, ?2), ?2), memory = max(coalesce(memory, ?3), ?3)"


class SumTable:
    """Sums by local day (``2026-03-01``) and by hour (Unix time / 3600)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def days(self, first: str, last: str) -> dict[str, Sums]:
        """The sums of the days from ``first`` to ``last`` in which there was something."""
        rows = await self._store.read(
            f"SELECT day, {_COLUMNS} FROM day_sums WHERE day BETWEEN ? AND ?",  # noqa: S608 (constants)
            (first, last),
        )
        return {row[0]: _sums(row[1:]) for row in rows}

    async def hours(self, first: int, last: int) -> dict[int, Sums]:
        """The sums of the hours from ``first`` to ``last`` that are in the ring."""
        sql = f"SELECT hour, {_COLUMNS} FROM hour_sums WHERE hour BETWEEN ? AND ?"  # noqa: S608 (constants)
        return {row[0]: _sums(row[1:]) for row in await self._store.read(sql, (first, last))}

    async def sources(self, first: str, last: str, limit: int) -> list[Source]:
        """The sources of most jobs in the days from ``first`` to ``last``; what came from others stands last."""
        rows = await self._store.read(
            "SELECT host, sum(done), sum(failed), sum(posted) FROM source_sums WHERE day BETWEEN ? AND ? "
            "GROUP BY host HAVING sum(done) + sum(failed) > 0 ORDER BY sum(done) + sum(failed) DESC, host",
            (first, last),
        )
        named = [Source(*row) for row in rows if row[0]]
        rest = [*named[limit:], *(Source(*row) for row in rows if not row[0])]
        if not rest:
            return named
        counts = (sum(getattr(one, name) for one in rest) for name in ("done", "failed", "posted"))
        return [*named[:limit], Source("", *counts)]

    async def sample(self, day: str, hour: int, free: int, memory: int) -> None:
        """Keep what was seen of disk and memory, in bytes, and put the sources of days that are over together."""
        async with self._store.write() as db:
            await db.run("INSERT INTO day_sums (day) VALUES (?) ON CONFLICT DO NOTHING", (day,))
            await db.run(f"UPDATE day_sums SET {_SAMPLED} WHERE day = ?1", (day, free, memory))  # noqa: S608
            await db.run("DELETE FROM hour_sums WHERE slot = ?1 % 192 AND hour <> ?1", (hour,))
            await db.run("INSERT INTO hour_sums (slot, hour) VALUES (?1 % 192, ?1) ON CONFLICT DO NOTHING", (hour,))
            await db.run(f"UPDATE hour_sums SET {_SAMPLED} WHERE hour = ?1", (hour, free, memory))  # noqa: S608
            long = await db.run(
                "SELECT day FROM source_sums WHERE day BETWEEN date(?1, '-8 days') AND date(?1, '-1 day') "
                "GROUP BY day HAVING count(nullif(host, '')) > ?2",
                (day, MOST_A_DAY),
            )
            for (over,) in long:
                await db.run(_TOGETHER, (over, MOST_A_DAY))
                await db.run(_DROPPED, (over, MOST_A_DAY))


_FEW = (
    "SELECT host FROM source_sums WHERE day = ?1 AND host <> '' ORDER BY done + failed DESC, posted DESC, host LIMIT ?2"
)
_TOGETHER = (
    "INSERT INTO source_sums (day, host, done, failed, posted) "  # noqa: S608 (constants)
    "SELECT ?1, '', sum(done), sum(failed), sum(posted) FROM source_sums "
    f"WHERE day = ?1 AND host <> '' AND host NOT IN ({_FEW}) "
    "ON CONFLICT DO UPDATE SET done = done + excluded.done, failed = failed + excluded.failed, "
    "posted = posted + excluded.posted"
)
_DROPPED = f"DELETE FROM source_sums WHERE day = ?1 AND host <> '' AND host NOT IN ({_FEW})"  # noqa: S608 (constants)


def _sums(row: tuple[Any, ...]) -> Sums:
    return Sums(**dict(zip(_ALL, row, strict=True)))
