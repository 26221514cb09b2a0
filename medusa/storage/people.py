"""Keeps who is obeyed beside the owner, and counts what they have asked for."""

from medusa.model import Person, Role
from medusa.storage.store import Row, Store, Transaction
from medusa.storage.text import storable

_COLUMNS = "id, name, role, bytes_a_day, jobs_an_hour, trusted"


class PeopleTable:
    """The people by Telegram's id. Times are Unix seconds."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self) -> list[Person]:
        """All of them, in the order in which they came."""
        return [_person(row) for row in await self._store.read(f"SELECT {_COLUMNS} FROM people ORDER BY added, id")]  # noqa: S608

    async def used(self, person: int, since: float) -> int:
        """Bytes of all jobs that a person has asked for since then, as far as their sizes are known."""
        sql = "SELECT ifnull(sum(size), 0) FROM jobs WHERE person = ? AND person <> 0 AND created >= ?"
        row = await self._store.read_one(sql, (person, since))
        return int(row[0]) if row else 0

    async def asked(self, person: int, since: float) -> list[float]:
        """When the jobs were asked for that a person has asked for since then, the oldest first."""
        sql = "SELECT created FROM jobs WHERE person = ? AND person <> 0 AND created >= ? ORDER BY created"
        return [row[0] for row in await self._store.read(sql, (person, since))]


async def put(db: Transaction, person: Person, now: float) -> None:
    """Keep a person as part of a transaction; one who is there already keeps the time of coming."""
    values = (
        person.id, storable(person.name), str(person.role), person.bytes_a_day, person.jobs_an_hour, person.trusted, now
    )  # fmt: skip
    await db.run(
        f"INSERT INTO people ({_COLUMNS}, added) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "  # noqa: S608
        "name = excluded.name, role = excluded.role, bytes_a_day = excluded.bytes_a_day, "
        "jobs_an_hour = excluded.jobs_an_hour, trusted = excluded.trusted",
        values,
    )


async def remove(db: Transaction, person: int) -> None:
    """Forget a person as part of a transaction; jobs and posts stay."""
    await db.run("DELETE FROM people WHERE id = ?", (person,))


def _person(row: Row) -> Person:
    number, name, role, bytes_a_day, jobs_an_hour, trusted = row
    return Person(number, name, Role[role.upper()], bytes_a_day, jobs_an_hour, trusted=bool(trusted))
