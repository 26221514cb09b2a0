"""Keeps what was done by whom, in a chain that shows when a row was changed or taken out."""

import hmac
import secrets
import struct
from dataclasses import dataclass

from medusa.storage.store import Row, Store, Transaction
from medusa.storage.text import storable

_KEY = 32
_SALT = 16
"""Bytes."""
ABOUT_PEOPLE = ("allow", "deny", "quota", "trust", "grant", "export", "erase")
"""Acts whose details begin with the id of whom they are about, if they name anybody; who does them notes them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What was done: ``person`` and ``detail`` are None once they were erased. ``at`` is Unix seconds."""

    id: int
    at: float
    act: str
    person: int | None
    detail: str | None


class Audit:
    """The chain. Its key lies in the encrypted state and nowhere else."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def note(self, person: int, act: str, detail: str, now: float) -> None:
        """Commit what a person has just done; the detail must hold no secret."""
        async with self._store.write() as db:
            await note(db, person, act, detail, now)

    async def recent(self, limit: int, before: int = 2**63 - 1) -> list[Entry]:
        """The newest entries with numbers below ``before``, the newest first."""
        sql = "SELECT id, at, act, person, detail FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?"
        return [Entry(*row) for row in await self._store.read(sql, (before, limit))]

    async def verified(self) -> int:
        """How many entries hold. Raises LookupError with the number of the first that does not."""
        rows = await self._store.read("SELECT id, at, act, person, detail, salt, seal, proof FROM audit ORDER BY id")
        keys = await self._store.read("SELECT key, head FROM audit_key")
        key = keys[0][0] if keys else b""
        first = await self._store.read_one("SELECT id, proof FROM audit_root")
        number, before = (first[0], first[1]) if first else (0, b"")
        for row in rows:
            if row[0] != number + 1 or not _holds(key, before, row):
                raise LookupError(row[0])
            number, before = row[0], row[7]
        if keys and keys[0][1] > number:  # the end was cut off
            raise LookupError(number + 1)
        return len(rows)

    async def erase(self, person: int) -> int:
        """Make what the entries say of a person unreadable for good; returns how many there were."""
        async with self._store.write() as db:
            return await forget(db, person)

    async def drop(self, before: float) -> int:
        """Drop the entries from before a Unix time; the chain goes on from the last of them. Returns how many."""
        async with self._store.write() as db:
            old = await db.run("SELECT id, proof FROM audit WHERE at < ? ORDER BY id DESC LIMIT 1", (before,))
            if not old:
                return 0
            await db.run("DELETE FROM audit_root")
            await db.run("INSERT INTO audit_root (id, proof) VALUES (?, ?)", old[0])
            return len(await db.run("DELETE FROM audit WHERE id <= ? RETURNING id", (old[0][0],)))


async def note(db: Transaction, person: int, act: str, detail: str, now: float) -> None:
    """Add an entry as part of a transaction; see `Audit.note`."""
    key = await _key(db)
    act, detail, salt = storable(act), storable(detail), secrets.token_bytes(_SALT)
    last = await db.run("SELECT id, proof FROM audit ORDER BY id DESC LIMIT 1")
    last = last or await db.run("SELECT id, proof FROM audit_root")
    number, before = last[0] if last else (0, b"")
    seal = _seal(salt, person, act, detail)
    proof = _proof(key, before, number + 1, now, seal)
    values = (number + 1, now, act, person, detail, salt, seal, proof)
    await db.run(
        "INSERT INTO audit (id, at, act, person, detail, salt, seal, proof) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values
    )
    await db.run("UPDATE audit_key SET head = ?", (number + 1,))


async def forget(db: Transaction, person: int) -> int:
    """Make unreadable what a person has done, and what was done to the person, as part of a transaction."""
    marks = ", ".join("?" * len(ABOUT_PEOPLE))
    sql = (
        "UPDATE audit SET person = NULL, detail = NULL, salt = NULL WHERE person = ? "  # noqa: S608
        f"OR (act IN ({marks}) AND (detail = ? OR detail LIKE ?)) RETURNING id"
    )
    return len(await db.run(sql, (person, *ABOUT_PEOPLE, str(person), f"{person} %")))


async def _key(db: Transaction) -> bytes:
    await db.run("INSERT INTO audit_key (only, key) VALUES (1, ?) ON CONFLICT DO NOTHING", (secrets.token_bytes(_KEY),))
    [(key,)] = await db.run("SELECT key FROM audit_key")
    return bytes(key)


def _seal(salt: bytes, person: int, act: str, detail: str) -> bytes:
    return hmac.digest(salt, "\0".join((str(person), act, detail)).encode(), "sha256")


def _proof(key: bytes, before: bytes, number: int, at: float, seal: bytes) -> bytes:
    return hmac.digest(key, before + struct.pack(">qd", number, at) + seal, "sha256")


def _holds(key: bytes, before: bytes, row: Row) -> bool:
    number, at, act, person, detail, salt, seal, proof = row
    sealed = salt is None or hmac.compare_digest(seal, _seal(salt, person, act, detail))
    return sealed and hmac.compare_digest(proof, _proof(key, before, number, at, seal))
