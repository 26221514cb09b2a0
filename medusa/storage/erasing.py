"""Removes what belongs to a person from every table."""

from medusa.storage.audit import forget
from medusa.storage.contents import COLUMNS, TABLES, mine, schema_of
from medusa.storage.jobs import LIVE
from medusa.storage.store import Store, Transaction


async def unfinished(store: Store, person: int) -> list[int]:
    """The numbers of a person's jobs that have not ended."""
    schema = schema_of(await store.read(COLUMNS))
    sql = f"SELECT id FROM jobs WHERE ({mine('jobs', schema)}) AND {LIVE} ORDER BY id"  # noqa: S608 (constants only)
    return [row[0] for row in await store.read(sql.replace(":person", "?1"), (person,))]


async def erase_person(store: Store, person: int) -> tuple[dict[str, int], list[int]]:
    """Delete all rows that belong to a person, in one transaction.

    Entries of the audit lose what they say of the person and the salt that ties them to it, and their chain still
    holds. The cached answers of sites, which belong to nobody, and the index of words go whole; the index is made anew
    when somebody looks for words. Returns how many rows of each table went, and the numbers of the jobs.
    """
    async with store.write() as db:
        schema = schema_of(await db.run(COLUMNS))
        await db.run("PRAGMA defer_foreign_keys = ON")
        conditions = {name: mine(name, schema) for name in schema}
        sql = f"SELECT id FROM jobs WHERE {conditions['jobs']}".replace(":person", "?1")  # noqa: S608
        jobs = [row[0] for row in await db.run(sql, (person,))]
        gone = {}
        for name in reversed(list(schema)):
            condition = conditions[name]
            if condition is not None:
                condition = condition.replace(":person", "?1")
                await _untie(db, name, condition, person, set(schema))
                gone[name] = len(await db.run(f'DELETE FROM "{name}" WHERE {condition} RETURNING 1', (person,)))  # noqa: S608
        if "audit" in schema:
            gone["audit"] = await forget(db, person)
        gone["answers"] = len(await db.run("DELETE FROM answers RETURNING 1"))
        await db.run("INSERT INTO library_words (library_words) VALUES ('delete-all')")
    return {name: count for name, count in gone.items() if count}, jobs


async def _untie(db: Transaction, name: str, condition: str, person: int, there: set[str]) -> None:
    """Have what others keep refer to none of the rows that go; posts remember the number of their job for good."""
    for other in there - {"library"}:
        for column, table in TABLES[other].refers.items():
            if table == name:
                those = f'SELECT id FROM "{name}" WHERE {condition}'  # noqa: S608 (constants only)
                sql = f'UPDATE "{other}" SET "{column}" = NULL WHERE "{column}" IN ({those})'  # noqa: S608
                await db.run(sql, (person,))
