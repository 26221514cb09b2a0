"""Keeps who is obeyed beside the owner, and counts what they have asked for."""

import json
from collections.abc import Sequence

from medusa.model import Person, Role
from medusa.storage.store import Row, Store, Transaction
from medusa.storage.text import storable

_COLUMNS = "id, name, role, bytes_a_day, jobs_an_hour, trusted, chats"


class PeopleTable:
    """The people by Telegram's id. Times are Unix seconds."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self) -> list[Person]:
        """All of them, in the order in which they came."""
        return [_person(row) for row in await self._store.read(f"SELECT {_COLUMNS} FROM people ORDER BY added, id")]  # noqa: S608

    async def used(self, person: int, since: float, but: Sequence[int] = ()) -> int:
        """Bytes that a person's jobs have fetched which did not end before then, without the jobs ``but``."""
        sql = (
            "SELECT ifnull(sum(moved ->> 0), 0) FROM jobs WHERE person = ? AND person <> 0 "
            "AND (ended IS NULL OR ended >= ?) AND id NOT IN (SELECT value FROM json_each(?))"
        )
        row = await self._store.read_one(sql, (person, since, json.dumps(but)))
        return int(row[0]) if row else 0

    async def asked(self, person: int, since: float) -> list[float]:
        """When the jobs were asked for that a person has asked for since then, the oldest first.

        All items of a batch count from when that was made, but for those that were left out.
        """
        sql = (
            "SELECT created FROM jobs WHERE person = ?1 AND person <> 0 AND created >= ?2 "
            "AND NOT EXISTS (SELECT 1 FROM batch_items WHERE job_id = jobs.id) UNION ALL "
            "SELECT b.created FROM batches b JOIN batch_items i ON i.batch_id = b.id "
            "WHERE b.person = ?1 AND b.created >= ?2 AND i.state <> 'dropped' "
            "AND (b.state <> 'cancelled' OR i.job_id IS NOT NULL) ORDER BY 1"
        )
        return [row[0] for row in await self._store.read(sql, (person, since))]


async def put(db: Transaction, person: Person, now: float) -> None:
    """Keep a person as part of a transaction; one who is there already keeps the time of coming."""
    chats = " ".join(map(str, person.chats))
    values = (
        person.id, storable(person.name), str(person.role), person.bytes_a_day, person.jobs_an_hour, person.trusted,
        chats, now,
    )  # fmt: skip
    await db.run(
        f"INSERT INTO people ({_COLUMNS}, added) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "  # noqa: S608
        "name = excluded.name, role = excluded.role, bytes_a_day = excluded.bytes_a_day, "
        "jobs_an_hour = excluded.jobs_an_hour, trusted = excluded.trusted, chats = excluded.chats",
        values,
    )


async def remove(db: Transaction, person: int) -> None:
    """Forget a person as part of a transaction; jobs and posts stay."""
    await db.run("DELETE FROM people WHERE id = ?", (person,))


def _person(row: Row) -> Person:
    number, name, role, bytes_a_day, jobs_an_hour, trusted, chats = row
    granted = tuple(map(int, chats.split()))
    return Person(number, name, Role[role.upper()], bytes_a_day, jobs_an_hour, trusted=bool(trusted), chats=granted)
