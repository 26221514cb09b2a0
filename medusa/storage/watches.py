"""Keeps the lists that are watched: what is known of them, and what was taken."""

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from medusa.model import Order
from medusa.storage.batches import Batch, BatchState, Places, add_batch
from medusa.storage.jobs import order_from, order_text
from medusa.storage.store import Row, Store, Transaction
from medusa.storage.text import storable

_KEY = 32
"""Hexadecimal digits of a key that are kept: 128 bits."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A watched list; ``id`` is the number the owner sees.

    ``chat_id`` and ``message_id`` name the command's message. ``order`` says how items are posted; its link is the
    list's. ``times`` and ``filters`` are as `medusa.watches` writes them. ``due`` is when it is looked at next,
    ``items`` how many it had at the last look, which was at ``looked``; since then it has failed ``fails`` times, the
    last time for the ``reason``. ``tail`` says that new items stand at its end. Times are Unix seconds.
    """

    id: int
    chat_id: int
    message_id: int
    title: str
    order: Order
    times: str
    filters: str
    active: bool
    due: float
    tail: bool
    items: int | None
    looked: float
    fails: int
    reason: str
    created: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes of one look: items to post as ``(line, name, order)``, and the keys of all that is known from now on.

    ``passed`` counts the new ones that are not wanted.
    """

    taken: Sequence[tuple[int, str, Order]] = ()
    keys: Collection[str] = field(default_factory=tuple)
    passed: int = 0
    places: Places = Places.TURNS


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that has taken something: when, how many items, and as which batch."""

    at: float
    taken: int
    passed: int
    batch_id: int


@dataclass(frozen=True, slots=True)
class Taken:
    """An item that was taken: when, its name and link, what has come of it, and the message of its post."""

    at: float
    name: str
    link: str
    state: str
    post_id: int | None


_WATCH = (
    'id, chat_id, message_id, title, "order", times, filters, active, due, tail, items, looked, fails, reason, created'
)


class Watches:
    """All watches."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, watch: Watch, outcome: Outcome) -> tuple[Watch, Batch | None]:
        """Keep a new watch together with what the first look has told; its number is given here.

        When its message has made one before, or its list is watched for the same place, that one is returned.
        """
        insert = (
            'INSERT INTO watches (chat_id, message_id, link, title, spot, "order", times, filters, active, due, tail, '
            "items, looked, fails, reason, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, 0, '', ?) "
            "ON CONFLICT DO NOTHING RETURNING id"
        )
        order = watch.order
        values = (
            watch.chat_id, watch.message_id, order.link, storable(watch.title), order.to, order_text(order),
            watch.times, watch.filters, watch.due, watch.tail, watch.items, watch.looked, watch.created,
        )  # fmt: skip
        batch = None
        async with self._store.write() as db:
            made = await db.run(insert, values)
            where = "WHERE (chat_id = ? AND message_id = ?) OR (link = ? AND spot = ?)"
            rows = await db.run(f"SELECT {_WATCH} FROM watches {where}", (*values[:3], order.to))  # noqa: S608
            kept = _watch(rows[0])
            if made:
                batch = await _take(db, kept, outcome, watch.created)
        return kept, batch

    async def like(self, link: str, spot: str) -> Watch | None:
        """The watch of this list that posts to this place, or None."""
        return await self._one("link = ? AND spot = ?", link, spot)

    async def of_message(self, chat_id: int, message_id: int) -> Watch | None:
        """The watch that a message has asked for, or None."""
        return await self._one("chat_id = ? AND message_id = ?", chat_id, message_id)

    async def get(self, number: int) -> Watch | None:
        """The watch with this number, or None."""
        return await self._one("id = ?", number)

    async def all(self) -> list[Watch]:
        """All watches, by number."""
        return [_watch(row) for row in await self._store.read(f"SELECT {_WATCH} FROM watches ORDER BY id")]  # noqa: S608

    async def seen(self, number: int, keys: Iterable[str]) -> set[str]:
        """Those of the keys that are known."""
        short = {_short(key): key for key in keys}
        sql = "SELECT key FROM watch_seen WHERE watch_id = ? AND key IN (SELECT value FROM json_each(?))"
        return {short[row[0]] for row in await self._store.read(sql, (number, json.dumps(list(short))))}

    async def conclude(self, watch: Watch, outcome: Outcome, now: float) -> Batch | None:
        """Commit what has come of a look together with the batch that posts it, unless it is watched no more.

        Its title, due time, end, count and failures are as ``watch`` says.
        """
        sql = (
            "UPDATE watches SET title = ?, due = ?, tail = ?, items = ?, looked = ?, fails = ?, reason = ? "
            "WHERE id = ? AND active = 1 RETURNING id"
        )
        values = (
            storable(watch.title), watch.due, watch.tail, watch.items, watch.looked, watch.fails,
            storable(watch.reason), watch.id,
        )  # fmt: skip
        async with self._store.write() as db:
            return await _take(db, watch, outcome, now) if await db.run(sql, values) else None

    async def put_due(self, number: int, due: float, *, active: bool = True) -> None:
        """Commit when a watch is looked at next, and whether it is at all."""
        async with self._store.write() as db:
            await db.run("UPDATE watches SET due = ?, active = ? WHERE id = ?", (due, active, number))

    async def remove(self, number: int) -> None:
        """Forget a watch; what it has taken is posted all the same."""
        async with self._store.write() as db:
            await db.run("DELETE FROM watches WHERE id = ?", (number,))

    async def runs(self, number: int, limit: int) -> list[Ran]:
        """The latest runs that have taken something, the newest first."""
        sql = "SELECT at, taken, passed, batch_id FROM watch_runs WHERE watch_id = ? ORDER BY id DESC LIMIT ?"
        return [Ran(*row) for row in await self._store.read(sql, (number, limit))]

    async def taken(self, number: int, limit: int) -> list[Taken]:
        """The latest items that were taken, the newest first."""
        sql = (
            """SELECT r.at, i.name, json_extract(i."order", '$.link'), i.state, j.post_id """
            "FROM watch_runs r JOIN batch_items i ON i.batch_id = r.batch_id LEFT JOIN jobs j ON j.id = i.job_id "
            "WHERE r.watch_id = ? ORDER BY r.id DESC, i.seq DESC LIMIT ?"
        )
        return [Taken(*row) for row in await self._store.read(sql, (number, limit))]

    async def _one(self, where: str, *values: object) -> Watch | None:
        row = await self._store.read_one(f"SELECT {_WATCH} FROM watches WHERE {where}", values)  # noqa: S608
        return _watch(row) if row else None


async def _take(db: Transaction, watch: Watch, outcome: Outcome, now: float) -> Batch | None:
    """Know what was seen, and have what is taken posted."""
    known = "INSERT INTO watch_seen (watch_id, key) VALUES (?, ?) ON CONFLICT DO NOTHING"
    await db.many(known, [(watch.id, _short(key)) for key in outcome.keys])
    if not outcome.taken:
        return None
    run = "INSERT INTO watch_runs (watch_id, at, taken, passed) VALUES (?, ?, ?, ?) RETURNING id"
    [(number,)] = await db.run(run, (watch.id, now, len(outcome.taken), outcome.passed))
    name, spot = outcome.taken[0][2].batch, str(watch.order.spots[0])
    batch = await add_batch(db, (watch.chat_id, -number), name, spot, outcome.places, outcome.taken, now)
    await db.run("UPDATE batches SET state = 'running', started = ? WHERE id = ?", (now, batch.id))
    await db.run("UPDATE watch_runs SET batch_id = ? WHERE id = ?", (batch.id, number))
    return replace(batch, state=BatchState.RUNNING, started=now)


def _short(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:_KEY]


def _watch(row: Row) -> Watch:
    number, chat_id, message_id, title, order, times, filters, active, due, tail, *rest = row
    return Watch(
        number, chat_id, message_id, title, order_from(order), times, filters, bool(active), due, bool(tail), *rest
    )
