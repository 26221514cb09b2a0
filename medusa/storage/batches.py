"""Keeps batches: their items, the places that are kept for them, and the jobs that fill these."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from medusa.model import Job, JobState, Order, Priority
from medusa.storage.jobs import SCRUBBED, add_one, order_from, order_text
from medusa.storage.store import Row, Store, Transaction
from medusa.storage.text import storable


class BatchState(StrEnum):
    """Where a batch stands; the last two are final."""

    PLANNED = "planned"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"


class ItemState(StrEnum):
    """Where an item stands. ``OPEN`` ones have a job; ``DROPPED`` ones are left out by the owner."""

    WAITING = "waiting"
    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DROPPED = "dropped"


class Places(StrEnum):
    """How the order is kept: by a text or a small file that becomes the post, by posting in turn, or not at all."""

    UNTRIED = ""
    TEXT = "text"
    FILE = "file"
    TURNS = "turns"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Batch:
    """One list on its way into a chat; ``id`` is the number the owner sees.

    ``chat_id`` and ``message_id`` name the command's message, ``spot`` is as `Spot` writes itself, ``reason`` says why
    nothing goes on just now. Times are Unix seconds.
    """

    id: int
    chat_id: int
    message_id: int
    name: str
    state: BatchState
    places: Places
    spot: str
    items: int
    reason: str
    created: float
    started: float | None
    ended: float | None
    priority: Priority = Priority.NORMAL
    not_before: float = 0.0
    """When it begins at the earliest."""

    @property
    def unasked(self) -> bool:
        """Whether no message asked for it, nor shows how far it is: its ``message_id`` is then below 0."""
        return self.message_id < 0


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One item: its place ``seq`` from 1 on, its line in the list, what is to be done, and what has come of it.

    ``random_id`` and ``slot`` belong to the message that keeps its place.
    """

    batch_id: int
    seq: int
    line: int
    name: str
    order: Order
    state: ItemState
    random_id: int | None
    slot: int | None
    job_id: int | None
    reason: str


_BATCH = (
    "id, chat_id, message_id, name, state, places, spot, items, reason, created, started, ended, priority, not_before"
)
_ITEM = 'batch_id, seq, line, name, "order", state, random_id, slot, job_id, reason'


class Batches:
    """All batches."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(
        self, chat_id: int, message_id: int, name: str, spot: str, places: Places,
        items: Sequence[tuple[int, str, Order]], now: float,
    ) -> Batch:  # fmt: skip
        """Keep a new batch of ``(line, name, order)`` items; asked again for the same message, return the one made."""
        async with self._store.write() as db:
            return await add_batch(db, chat_id, message_id, name, spot, places, items, now)

    async def of_message(self, chat_id: int, message_id: int) -> Batch | None:
        """The batch that a message has asked for, or None."""
        where = "WHERE chat_id = ? AND message_id = ?"
        row = await self._store.read_one(f"SELECT {_BATCH} FROM batches {where}", (chat_id, message_id))  # noqa: S608
        return _batch(row) if row else None

    async def get(self, number: int) -> Batch | None:
        """The batch with this number, or None."""
        row = await self._store.read_one(f"SELECT {_BATCH} FROM batches WHERE id = ?", (number,))  # noqa: S608
        return _batch(row) if row else None

    async def open(self) -> list[Batch]:
        """The batches that run or are paused, the oldest first."""
        where = "WHERE state IN ('running', 'paused') ORDER BY id"
        return [_batch(row) for row in await self._store.read(f"SELECT {_BATCH} FROM batches {where}")]  # noqa: S608

    async def recent(self, limit: int) -> list[Batch]:
        """The newest batches, the newest first."""
        sql = f"SELECT {_BATCH} FROM batches ORDER BY id DESC LIMIT ?"  # noqa: S608
        return [_batch(row) for row in await self._store.read(sql, (limit,))]

    async def put(self, batch: Batch) -> None:
        """Commit what may change of a batch: state, places, spot, reason, times, priority and name."""
        sql = (
            "UPDATE batches SET name = ?, state = ?, places = ?, spot = ?, reason = ?, started = ?, ended = ?, "
            "priority = ?, not_before = ? WHERE id = ?"
        )
        values = (
            storable(batch.name), batch.state, batch.places, batch.spot, storable(batch.reason), batch.started,
            batch.ended, batch.priority, batch.not_before, batch.id,
        )  # fmt: skip
        async with self._store.write() as db:
            await db.run(sql, values)

    async def counts(self, number: int) -> dict[ItemState, int]:
        """How many items of a batch are in each state."""
        sql = "SELECT state, count(*) FROM batch_items WHERE batch_id = ? GROUP BY state"
        found: dict[str, int] = dict(await self._store.read(sql, (number,)))
        return {state: found.get(state.value, 0) for state in ItemState}

    async def items(self, number: int, *states: ItemState, limit: int = -1) -> list[BatchItem]:
        """The items of a batch in some states, or all, in their order."""
        where = f"AND state IN ({', '.join('?' * len(states))})" if states else ""
        sql = f"SELECT {_ITEM} FROM batch_items WHERE batch_id = ? {where} ORDER BY seq LIMIT ?"  # noqa: S608
        return [_item(row) for row in await self._store.read(sql, (number, *states, limit))]

    async def of_job(self, job_id: int) -> BatchItem | None:
        """The item that a job fills, or None."""
        row = await self._store.read_one(f"SELECT {_ITEM} FROM batch_items WHERE job_id = ?", (job_id,))  # noqa: S608
        return _item(row) if row else None

    async def at(self, number: int, seq: int) -> BatchItem | None:
        """The item of a batch at a place, or None."""
        sql = f"SELECT {_ITEM} FROM batch_items WHERE batch_id = ? AND seq = ?"  # noqa: S608
        row = await self._store.read_one(sql, (number, seq))
        return _item(row) if row else None

    async def left_before(self, item: BatchItem) -> bool:
        """Whether items before this one are still to come."""
        sql = "SELECT 1 FROM batch_items WHERE batch_id = ? AND state IN ('waiting', 'open') AND seq < ? LIMIT 1"
        return await self._store.read_one(sql, (item.batch_id, item.seq)) is not None

    async def keep_place(self, item: BatchItem, random_id: int) -> None:
        """Commit under which random id the message is sent that keeps an item's place, before it is sent."""
        await self._set(item, "random_id = ?, slot = NULL", random_id)

    async def open_job(self, batch: Batch, item: BatchItem, slot: int | None, now: float) -> Job:
        """Commit an item's place and the job that is to fill it; repeated, it makes no second job.

        From then on, what the order holds of secrets is the job's, which forgets it at its end.
        """
        order = item.order if slot is None else replace(item.order, slot=slot)
        async with self._store.write() as db:
            job = await add_one(db, order, batch.chat_id, batch.message_id, item.seq, now, batch.priority)
            what = f"state = 'open', slot = ?, job_id = ?, reason = '', {SCRUBBED}"
            where = (slot, job.id, item.batch_id, item.seq)
            await db.run(f"UPDATE batch_items SET {what} WHERE batch_id = ? AND seq = ?", where)  # noqa: S608
        return job

    async def settle(self, item: BatchItem, state: ItemState, reason: str = "") -> None:
        """Commit what has become of an item."""
        scrubbed = f", {SCRUBBED}" if state is ItemState.CANCELLED else ""
        await self._set(item, f"state = ?, reason = ?{scrubbed}", state.value, storable(reason))

    async def drop(self, number: int, seqs: Sequence[int]) -> None:
        """Leave out items that have not begun."""
        sql = (
            f"UPDATE batch_items SET state = 'dropped', {SCRUBBED} "  # noqa: S608
            "WHERE batch_id = ? AND state = 'waiting' AND random_id IS NULL AND seq IN (SELECT value FROM json_each(?))"
        )
        async with self._store.write() as db:
            await db.run(sql, (number, json.dumps(list(seqs))))

    async def reorder(self, number: int, orders: Sequence[tuple[int, Order]]) -> None:
        """Give items that have not begun other orders, by place."""
        sql = """UPDATE batch_items SET "order" = ? WHERE batch_id = ? AND seq = ? AND state = 'waiting'"""
        async with self._store.write() as db:
            await db.many(sql, [(order_text(order), number, seq) for seq, order in orders])

    async def _set(self, item: BatchItem, what: str, *values: object) -> None:
        sql = f"UPDATE batch_items SET {what} WHERE batch_id = ? AND seq = ?"  # noqa: S608
        async with self._store.write() as db:
            await db.run(sql, (*values, item.batch_id, item.seq))


async def add_batch(
    db: Transaction, chat_id: int, message_id: int, name: str, spot: str, places: Places,
    items: Sequence[tuple[int, str, Order]], now: float,
) -> Batch:  # fmt: skip
    """Add a batch within a transaction, unless its message has one; see `Batches.add`."""
    insert = (
        "INSERT INTO batches (chat_id, message_id, name, state, places, spot, items, reason, created) "
        "VALUES (?, ?, ?, 'planned', ?, ?, ?, '', ?) ON CONFLICT DO NOTHING RETURNING id"
    )
    made = await db.run(insert, (chat_id, message_id, storable(name), places, spot, len(items), now))
    if made:
        [(number,)] = made
        await db.many(
            f"INSERT INTO batch_items ({_ITEM}) VALUES (?, ?, ?, ?, ?, 'waiting', NULL, NULL, NULL, '')",  # noqa: S608
            [
                (number, seq, line, storable(called), order_text(order))
                for seq, (line, called, order) in enumerate(items, start=1)
            ],
        )
    where = "WHERE chat_id = ? AND message_id = ?"
    [row] = await db.run(f"SELECT {_BATCH} FROM batches {where}", (chat_id, message_id))  # noqa: S608
    return _batch(row)


def _batch(row: Row) -> Batch:
    number, chat_id, message_id, name, state, places, *rest = row
    *rest, priority, not_before = rest
    fresh = Batch(number, chat_id, message_id, name, BatchState(state), Places(places), *rest)
    return replace(fresh, priority=Priority(priority), not_before=not_before)


def _item(row: Row) -> BatchItem:
    batch_id, seq, line, name, order, state, *rest = row
    return BatchItem(batch_id, seq, line, name, order_from(order), ItemState(state), *rest)


_ENDED = {JobState.DONE: ItemState.DONE, JobState.FAILED: ItemState.FAILED, JobState.CANCELLED: ItemState.CANCELLED}


def state_after(job: Job) -> ItemState:
    """What an item is whose job is in this state."""
    return _ENDED.get(job.state, ItemState.OPEN)
