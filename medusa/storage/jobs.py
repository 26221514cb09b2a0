"""Keeps the jobs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from medusa.model import Job, JobState, LocalFile, Media, Order, Stage
from medusa.storage.store import Row, Store

# The conditions are spelled as in the schema, so that SQLite uses the partial indexes.
_LIVE = "state IN ('queued', 'running', 'waiting', 'paused')"
_QUEUED = "state IN ('queued', 'waiting')"
_UNTOLD = "told = 0 AND state IN ('done', 'failed', 'cancelled')"

_CHANGING = (
    "state", "stage", '"order"', "attempts", "not_before", "reason", "title", "size", "post_id", "ended", "told",
    "files",
)  # fmt: skip
_SELECT = f"SELECT id, chat_id, message_id, created, {', '.join(_CHANGING)} FROM jobs"  # noqa: S608 (constants only)
_INSERT = (
    f"INSERT INTO jobs (chat_id, message_id, ordinal, created, {', '.join(_CHANGING)}) "  # noqa: S608
    f"VALUES (?, ?, ?, ?{', ?' * len(_CHANGING)})"
)
_UPDATE = f"UPDATE jobs SET {', '.join(f'{name} = ?' for name in _CHANGING)} WHERE id = ? RETURNING id"  # noqa: S608


class Jobs:
    """All jobs, ended ones too, by the number that the owner sees. Times are Unix seconds."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, orders: Sequence[Order], chat_id: int, message_id: int, now: float) -> list[Job]:
        """Queue the orders of one message, all or none, and return their jobs in the same order.

        When the message has given jobs before, those are returned and nothing is added.
        """
        sql = f"{_SELECT} WHERE chat_id = ? AND message_id = ? ORDER BY ordinal"
        async with self._store.write() as db:
            rows = await db.run(sql, (chat_id, message_id))
            if not rows:
                fresh = [Job(0, JobState.QUEUED, order, chat_id, message_id, now) for order in orders]
                keys = [(chat_id, message_id, ordinal, now) for ordinal in range(len(fresh))]
                await db.many(_INSERT, [key + _encode(job) for key, job in zip(keys, fresh, strict=True)])
                rows = await db.run(sql, (chat_id, message_id))
        return [_decode(row) for row in rows]

    async def get(self, job_id: int) -> Job | None:
        """The job with this number, or None."""
        row = await self._store.read_one(f"{_SELECT} WHERE id = ?", (job_id,))
        return _decode(row) if row else None

    async def save(self, job: Job) -> None:
        """Commit the job as it is now. Raises LookupError when it was never added."""
        async with self._store.write() as db:
            if not await db.run(_UPDATE, (*_encode(job), job.id)):
                raise LookupError(f"there is no job {job.id}")

    async def live(self) -> list[Job]:
        """The jobs that have not ended, the oldest first."""
        return await self._find(f"WHERE {_LIVE} ORDER BY id")

    async def queued(self, now: float, limit: int) -> list[Job]:
        """Up to ``limit`` jobs that may start at the time ``now``, the oldest first: queued, or done waiting."""
        return await self._find(f"WHERE {_QUEUED} AND not_before <= ? ORDER BY id LIMIT ?", now, limit)

    async def recent(self, limit: int, before_id: int | None = None) -> list[Job]:
        """The newest jobs, the newest first; with ``before_id`` those that are older than it."""
        if before_id is None:
            return await self._find("ORDER BY id DESC LIMIT ?", limit)
        return await self._find("WHERE id < ? ORDER BY id DESC LIMIT ?", before_id, limit)

    async def untold(self) -> list[Job]:
        """The jobs that have ended without the owner having been told, the oldest first."""
        return await self._find(f"WHERE {_UNTOLD} ORDER BY id")

    async def of_message(self, chat_id: int, message_id: int) -> list[Job]:
        """The jobs that one command message gave, in the order of its links."""
        return await self._find("WHERE chat_id = ? AND message_id = ? ORDER BY ordinal", chat_id, message_id)

    async def mark_told(self, job_ids: Sequence[int]) -> None:
        """Note that the owner has been told how these jobs ended."""
        async with self._store.write() as db:
            await db.many("UPDATE jobs SET told = 1 WHERE id = ?", [(job_id,) for job_id in job_ids])

    async def next_due(self) -> float | None:
        """The earliest time at which a waiting job may go on, or None when none is waiting."""
        row = await self._store.read_one("SELECT min(not_before) FROM jobs WHERE state = 'waiting'")
        return row[0] if row else None

    async def _find(self, condition: str, *params: float) -> list[Job]:
        return [_decode(row) for row in await self._store.read(f"{_SELECT} {condition}", params)]


def _encode(job: Job) -> Row:
    """The values of the columns in _CHANGING."""
    return (
        job.state.value,
        job.stage.value,
        json.dumps(asdict(job.order)),
        job.attempts,
        job.not_before,
        _text(job.reason),
        _text(job.title),
        job.size,
        job.post_id,
        job.ended,
        job.told,
        json.dumps([asdict(file) for file in job.files], default=str),
    )


def _text(text: str) -> str:
    """The text without lone surrogates, which hostile titles and old file names bring and SQLite refuses."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _decode(row: Row) -> Job:
    (number, chat_id, message_id, created, state, stage, order, attempts, not_before, reason, title, size, post_id,
     ended, told, files) = row  # fmt: skip
    return Job(
        id=number,
        state=JobState(state),
        order=Order(**json.loads(order)),
        chat_id=chat_id,
        message_id=message_id,
        created=created,
        stage=Stage(stage),
        attempts=attempts,
        not_before=not_before,
        reason=reason,
        title=title,
        size=size,
        post_id=post_id,
        ended=ended,
        told=bool(told),
        files=tuple(_decode_file(file) for file in json.loads(files)),
    )


def _decode_file(values: dict[str, Any]) -> LocalFile:
    media, thumb = values.pop("media"), values.pop("thumb")
    return LocalFile(
        path=Path(values.pop("path")),
        media=None if media is None else Media(**media),
        thumb=None if thumb is None else Path(thumb),
        **values,
    )
