"""Keeps batches: their items, the places that are kept for them, and the jobs that fill these."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from medusa.model import Job, JobState, Order, Priority, Spot
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
    nothing goes on just now, ``indexed`` whether it has an index of its posts. Times are Unix seconds.
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
    indexed: bool = False
    person: int = 0
    """Who asked for it; 0 is the owner."""

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


@dataclass(frozen=True, slots=True)
class Outcome:
    """An item, and what its job has come to: None where there is none.

    ``title`` is that of the post that stands in its place, ``post_id`` its message.
    """

    item: BatchItem
    state: JobState | None
    reason: str
    title: str
    post_id: int | None


_BATCH = (
    "id, chat_id, message_id, name, state, places, spot, items, reason, created, started, ended, priority, "
    "not_before, indexed, person"
)
_COLUMNS = ("batch_id", "seq", "line", "name", '"order"', "state", "random_id", "slot", "job_id", "reason")
_ITEM = ", ".join(_COLUMNS)
_OUTCOME = (
    f"SELECT {', '.join('i.' + name for name in _COLUMNS)}, j.state, j.reason, "  # noqa: S608 (constants)
    "coalesce((SELECT title FROM library WHERE chat_id = ?2 AND message_id = coalesce(j.post_id, i.slot) "
    "ORDER BY id DESC LIMIT 1), j.title, ''), coalesce(j.post_id, i.slot) "
    "FROM batch_items i LEFT JOIN jobs j ON j.id = i.job_id WHERE i.batch_id = ?1"
)


class Batches:
    """All batches."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(
        self, chat_id: int, message_id: int, name: str, spot: str, places: Places,
        items: Sequence[tuple[int, str, Order]], now: float, *, indexed: bool = False,
    ) -> Batch:  # fmt: skip
        """Keep a new batch of ``(line, name, order)`` items; asked again for the same message, return the one made."""
        async with self._store.write() as db:
            return await add_batch(db, (chat_id, message_id), name, spot, places, items, now, indexed=indexed)

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

    async def recent(self, limit: int, before: int = 2**63 - 1) -> list[Batch]:
        """The newest batches among those with lower numbers than ``before``, the newest first."""
        sql = f"SELECT {_BATCH} FROM batches WHERE id < ? ORDER BY id DESC LIMIT ?"  # noqa: S608
        return [_batch(row) for row in await self._store.read(sql, (before, limit))]

    async def put(self, batch: Batch) -> None:
        """Commit what may change of a batch: all but its message, its items and when it was made."""
        sql = (
            "UPDATE batches SET name = ?, state = ?, places = ?, spot = ?, reason = ?, started = ?, ended = ?, "
            "priority = ?, not_before = ?, indexed = ? WHERE id = ?"
        )
        values = (
            storable(batch.name), batch.state, batch.places, batch.spot, storable(batch.reason), batch.started,
            batch.ended, batch.priority, batch.not_before, batch.indexed, batch.id,
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

    async def outcomes(self, batch: Batch, *states: ItemState, first: int = 1, limit: int = -1) -> list[Outcome]:
        """The items of a batch in some states, or all, with what their jobs have come to, in their order.

        At most ``limit`` of them, from the place ``first`` on.
        """
        where = f" AND i.state IN ({', '.join('?' * len(states))})" if states else ""
        chat_id = Spot.read(batch.spot).chat_id
        sql = f"{_OUTCOME}{where} AND i.seq >= ? ORDER BY i.seq LIMIT ?"
        rows = await self._store.read(sql, (batch.id, chat_id, *states, first, limit))
        return [_outcome(row) for row in rows]

    async def at_slot(self, chat_id: int, message_id: int) -> BatchItem | None:
        """The item whose place in a chat, or post, is a message; of several the newest."""
        sql = (
            f"SELECT {', '.join('i.' + name for name in _COLUMNS)} FROM batch_items i "  # noqa: S608
            "JOIN batches b ON b.id = i.batch_id LEFT JOIN jobs j ON j.id = i.job_id "
            "WHERE (b.spot = ?1 OR b.spot LIKE ?1 || '/%') AND coalesce(j.post_id, i.slot) = ?2 "
            "ORDER BY i.batch_id DESC LIMIT 1"
        )
        row = await self._store.read_one(sql, (str(chat_id), message_id))
        return _item(row) if row else None

    async def of_job(self, job_id: int) -> BatchItem | None:
        """The item that a job fills, or None."""
        row = await self._store.read_one(f"SELECT {_ITEM} FROM batch_items WHERE job_id = ?", (job_id,))  # noqa: S608
        return _item(row) if row else None

    async def at(self, number: int, seq: int) -> BatchItem | None:
        """The item of a batch at a place, or None."""
        sql = f"SELECT {_ITEM} FROM batch_items WHERE batch_id = ? AND seq = ?"  # noqa: S608
        row = await self._store.read_one(sql, (number, seq))
        return _item(row) if row else None

    async def left_before(self, item: BatchItem) -> list[int]:
        """The places before this one whose items are still to come."""
        sql = "SELECT seq FROM batch_items WHERE batch_id = ? AND state IN ('waiting', 'open') AND seq < ?"
        return [row[0] for row in await self._store.read(sql, (item.batch_id, item.seq))]

    async def keep_places(self, numbers: Mapping[int, int], batch: Batch) -> None:
        """Commit under which random ids the messages are sent that keep places, by place, before they are sent.

        How the batch keeps its places is committed with them.
        """
        sql = "UPDATE batch_items SET random_id = ?, slot = NULL WHERE batch_id = ? AND seq = ?"
        async with self._store.write() as db:
            await db.many(sql, [(number, batch.id, seq) for seq, number in numbers.items()])
            await db.run("UPDATE batches SET places = ? WHERE id = ?", (batch.places, batch.id))

    async def hold(self, item: BatchItem, slot: int) -> None:
        """Commit the message that keeps the place of an item whose job is not to begin yet."""
        await self._set(item, "slot = ?", slot)

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
        """Commit what has become of an item, and that the owner knows how its job has ended."""
        scrubbed = f", {SCRUBBED}" if state is ItemState.CANCELLED else ""
        sql = f"UPDATE batch_items SET state = ?, reason = ?{scrubbed} WHERE batch_id = ? AND seq = ?"  # noqa: S608
        told = "UPDATE jobs SET told = 1 WHERE id = ? AND state IN ('done', 'failed', 'cancelled')"
        async with self._store.write() as db:
            await db.run(sql, (state.value, storable(reason), item.batch_id, item.seq))
            if state is not ItemState.OPEN:
                await db.run(told, (item.job_id,))

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
    db: Transaction, message: tuple[int, int], name: str, spot: str, places: Places,
    items: Sequence[tuple[int, str, Order]], now: float, *, indexed: bool = False,
) -> Batch:  # fmt: skip
    """Add a batch within a transaction, unless its message (chat id, message id) has one; see `Batches.add`."""
    insert = (
        "INSERT INTO batches (chat_id, message_id, name, state, places, spot, items, reason, created, indexed, person) "
        "VALUES (?, ?, ?, 'planned', ?, ?, ?, '', ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id"
    )
    made = await db.run(insert, (*message, storable(name), places, spot, len(items), now, indexed, items[0][2].person))
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
    [row] = await db.run(f"SELECT {_BATCH} FROM batches {where}", message)  # noqa: S608
    return _batch(row)


def _batch(row: Row) -> Batch:
    number, chat_id, message_id, name, state, places, *rest = row
    *rest, priority, not_before, indexed, person = rest
    fresh = Batch(number, chat_id, message_id, name, BatchState(state), Places(places), *rest)
    return replace(fresh, priority=Priority(priority), not_before=not_before, indexed=bool(indexed), person=person)


def _item(row: Row) -> BatchItem:
    batch_id, seq, line, name, order, state, *rest = row
    return BatchItem(batch_id, seq, line, name, order_from(order), ItemState(state), *rest)


def _outcome(row: Row) -> Outcome:
    *item, state, reason, title, post_id = row
    return Outcome(_item(tuple(item)), JobState(state) if state else None, reason or "", title, post_id)


_ENDED = {JobState.DONE: ItemState.DONE, JobState.FAILED: ItemState.FAILED, JobState.CANCELLED: ItemState.CANCELLED}


def state_after(state: JobState | None) -> ItemState:
    """What an item is whose job is in this state."""
    return ItemState.OPEN if state is None else _ENDED.get(state, ItemState.OPEN)
