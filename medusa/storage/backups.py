"""Keeps who this state is, what opens its backups, which there are, and that it was restored from one."""

import json
import secrets
from dataclasses import dataclass, field
from typing import NamedTuple

from medusa.storage.jobs import LIVE
from medusa.storage.store import Row, Store

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Instance:
    """Who a state is: its own id, that of the first of its kind, and a number that grows with each restoring."""

    id: str
    lineage: str
    generation: int


@dataclass(frozen=True, slots=True)
class Record:
    """One backup in one place: a folder or a chat's marked id. ``at`` is Unix seconds, ``size`` bytes.

    ``messages`` hold its parts, and ``good`` says that it was read back from there, whole and right.
    """

    name: str
    place: str
    at: float
    size: int
    messages: tuple[int, ...] = ()
    good: bool = False


@dataclass(frozen=True, slots=True)
class Restored:
    """That this state was restored: when its backup was made and when it was restored, and the last job of the backup.

    ``told`` says that the owner knows.
    """

    since: float
    until: float
    last_job: int
    told: bool


class Stilled(NamedTuple):
    """How many jobs, batches and watches were paused, and how many commands forgotten."""

    jobs: int
    batches: int
    watches: int
    commands: int


@dataclass(frozen=True, slots=True)
class StoredKey:
    """The key of the backups, and whether the owner has seen it."""

    key: bytes = field(repr=False)
    shown: bool


class BackupTable:
    """The tables around backups."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def instance(self) -> Instance:
        """Who this state is."""
        [row] = await self._store.read("SELECT id, lineage, generation FROM instance")
        return Instance(*row)

    async def key(self) -> StoredKey:
        """The key of the backups, made when it is first asked for."""
        sql = "SELECT key, shown FROM backup_key"
        row = await self._store.read_one(sql)
        if row is None:
            async with self._store.write() as db:
                made = secrets.token_bytes(_KEY_BYTES)
                await db.run(
                    "INSERT INTO backup_key (one, key, shown) VALUES (1, ?, 0) ON CONFLICT DO NOTHING", (made,)
                )
            [row] = await self._store.read(sql)
        return StoredKey(row[0], bool(row[1]))

    async def shown(self) -> None:
        """Note that the owner has seen the key."""
        async with self._store.write() as db:
            await db.run("UPDATE backup_key SET shown = 1")

    async def records(self) -> list[Record]:
        """All backups, the newest first."""
        rows = await self._store.read("SELECT name, place, at, size, messages, good FROM backups ORDER BY at DESC")
        return [_record(row) for row in rows]

    async def put(self, record: Record) -> None:
        """Note a backup, in place of what was noted of it before."""
        sql = "INSERT OR REPLACE INTO backups (name, place, at, size, messages, good) VALUES (?, ?, ?, ?, ?, ?)"
        values = (record.name, record.place, record.at, record.size, json.dumps(record.messages), record.good)
        async with self._store.write() as db:
            await db.run(sql, values)

    async def drop(self, record: Record) -> None:
        """Forget a backup."""
        async with self._store.write() as db:
            await db.run("DELETE FROM backups WHERE name = ? AND place = ?", (record.name, record.place))

    async def restored(self) -> Restored | None:
        """That this state was restored, if it was."""
        row = await self._store.read_one("SELECT since, until, last_job, told FROM restored")
        return Restored(row[0], row[1], row[2], bool(row[3])) if row else None

    async def told(self) -> None:
        """Note that the owner knows what was restored."""
        async with self._store.write() as db:
            await db.run("UPDATE restored SET told = 1")

    async def posts(self, chat_id: int) -> set[int]:
        """The messages of a chat that some job is known to have posted."""
        sql = (
            "SELECT message_id FROM outbox WHERE chat_id = ?1 AND message_id IS NOT NULL "
            "UNION SELECT message_id FROM library WHERE chat_id = ?1"
        )
        return {row[0] for row in await self._store.read(sql, (chat_id,))}

    async def renew(self, since: float, until: float, *, paused: str) -> Stilled:
        """Make of a copy another instance that does nothing by itself, and return what would go on.

        All jobs, batches and watches are paused, batches for the reason ``paused``; commands that were under way are
        forgotten, since they may have ended after the backup.
        """
        async with self._store.write() as db:
            await db.run("UPDATE instance SET id = ?, generation = generation + 1", (secrets.token_hex(8),))
            jobs = await db.run(f"UPDATE jobs SET state = 'paused' WHERE {LIVE} RETURNING id")  # noqa: S608
            batches = await db.run(
                "UPDATE batches SET state = 'paused', reason = ? WHERE state IN ('running', 'paused') RETURNING id",
                (paused,),
            )
            watches = await db.run("UPDATE watches SET active = 0 WHERE active = 1 RETURNING id")
            commands = await db.run("DELETE FROM slow_commands RETURNING message_id")
            await db.run("DELETE FROM restored")
            await db.run(
                "INSERT INTO restored (one, since, until, last_job, told) "
                "VALUES (1, ?, ?, (SELECT ifnull(max(id), 0) FROM jobs), 0)",
                (since, until),
            )
        return Stilled(len(jobs), len(batches), len(watches), len(commands))


def _record(row: Row) -> Record:
    name, place, at, size, messages, good = row
    return Record(name, place, at, size, tuple(json.loads(messages)), bool(good))
