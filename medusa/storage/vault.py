"""Keeps what the owner has for sites: cookies, tokens, headers."""

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from enum import StrEnum

from medusa.storage.store import Store


class Kind(StrEnum):
    """The kinds of what is kept for a site."""

    COOKIES = "cookies"
    TOKEN = "token"  # noqa: S105 (a name)
    HEADER = "header"


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing kept for a site; cookies are one thing together, and ``value`` is their cookies.txt.

    Times are Unix seconds; ``used`` is right to the day, ``warned`` is when the owner was last told that it expires.
    """

    kind: Kind
    site: str
    name: str
    value: str
    created: float
    expires: float | None = None
    used: float | None = None
    warned: float | None = None

    def __repr__(self) -> str:
        return f"Kept({self.kind}, {self.site}, {self.name})"


_COLUMNS = [field.name for field in fields(Kept)]
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM vault"  # noqa: S608 (constants only)
_PUT = f"INSERT OR REPLACE INTO vault ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608


class VaultTable:
    """Everything that is kept, by site, kind and name."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, things: Sequence[Kept]) -> None:
        """Keep these, all or none, each in place of what was kept under the same site, kind and name."""
        async with self._store.write() as db:
            await db.many(_PUT, [astuple(thing) for thing in things])

    async def all(self, kind: Kind | None = None) -> list[Kept]:
        """Everything of a kind, or of every kind, by site."""
        where = "WHERE ?1 IS NULL OR kind = ?1 ORDER BY site, kind, name"
        return await self._find(where, kind.value if kind else None)

    async def of(self, sites: Sequence[str]) -> list[Kept]:
        """Everything kept for one of the sites."""
        return await self._find("WHERE site IN (SELECT value FROM json_each(?))", json.dumps(sites))

    async def mark_used(self, sites: Sequence[str], now: float) -> None:
        """Note that what is kept for the sites was used."""
        async with self._store.write() as db:
            await db.run("UPDATE vault SET used = ? WHERE site IN (SELECT value FROM json_each(?))",
                         (now, json.dumps(sites)))  # fmt: skip

    async def mark_warned(self, thing: Kept, now: float) -> None:
        """Note that the owner was told that this expires."""
        key = (thing.kind.value, thing.site, thing.name)
        async with self._store.write() as db:
            await db.run("UPDATE vault SET warned = ? WHERE kind = ? AND site = ? AND name = ?", (now, *key))

    async def forget(self, kind: Kind, sites: Sequence[str], name: str | None = None) -> list[str]:
        """Drop what is kept of a kind for the sites, of one name or of any; returns the sites it was for."""
        sql = (
            "DELETE FROM vault WHERE kind = ?1 AND site IN (SELECT value FROM json_each(?2)) "
            "AND (?3 IS NULL OR name = ?3 COLLATE NOCASE) RETURNING site"
        )
        async with self._store.write() as db:
            rows = await db.run(sql, (kind.value, json.dumps(sites), name))
        return sorted({row[0] for row in rows})

    async def _find(self, where: str, *params: str | None) -> list[Kept]:
        rows = await self._store.read(f"{_SELECT} {where}", params)
        return [Kept(Kind(row[0]), *row[1:]) for row in rows]
