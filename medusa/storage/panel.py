"""Keeps who is logged in to the panel, and the hash of its password."""

from dataclasses import dataclass, field

from medusa.storage.store import Store


@dataclass(frozen=True, slots=True)
class StoredSession:
    """One login: who it is, and when it began and was last seen (Unix seconds)."""

    person: int
    created: float
    seen: float


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """What is kept of the password."""

    salt: bytes = field(repr=False)
    hash: bytes = field(repr=False)


class PanelTable:
    """Sessions by the hash of their token, and the one password, if there is any."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def begin(self, token: bytes, session: StoredSession, oldest: float, unseen: float) -> None:
        """Keep a session, and forget those that began before ``oldest`` or were not seen since ``unseen``."""
        values = (token, session.person, session.created, session.seen)
        async with self._store.write() as db:
            await db.run("DELETE FROM panel_sessions WHERE created < ? OR seen < ?", (oldest, unseen))
            await db.run("INSERT INTO panel_sessions (token, person, created, seen) VALUES (?, ?, ?, ?)", values)

    async def get(self, token: bytes) -> StoredSession | None:
        """The session of a token."""
        row = await self._store.read_one("SELECT person, created, seen FROM panel_sessions WHERE token = ?", (token,))
        return StoredSession(*row) if row else None

    async def seen(self, token: bytes, now: float) -> None:
        """Note that a session is in use."""
        async with self._store.write() as db:
            await db.run("UPDATE panel_sessions SET seen = ? WHERE token = ?", (now, token))

    async def end(self, token: bytes) -> None:
        """Forget a session."""
        async with self._store.write() as db:
            await db.run("DELETE FROM panel_sessions WHERE token = ?", (token,))

    async def end_all(self, person: int) -> None:
        """Forget the sessions of a person."""
        async with self._store.write() as db:
            await db.run("DELETE FROM panel_sessions WHERE person = ?", (person,))

    async def of(self, person: int) -> list[StoredSession]:
        """The sessions of a person, the latest first."""
        sql = "SELECT person, created, seen FROM panel_sessions WHERE person = ? ORDER BY seen DESC"
        return [StoredSession(*row) for row in await self._store.read(sql, (person,))]

    async def password(self) -> PasswordHash | None:
        """The hash of the password."""
        row = await self._store.read_one("SELECT salt, hash FROM panel_password")
        return PasswordHash(*row) if row else None

    async def set_password(self, password: PasswordHash | None) -> None:
        """Keep another password, or none; with it go all sessions."""
        async with self._store.write() as db:
            await db.run("DELETE FROM panel_sessions")
            await db.run("DELETE FROM panel_password")
            if password is not None:
                values = (password.salt, password.hash)
                await db.run("INSERT INTO panel_password (one, salt, hash) VALUES (1, ?, ?)", values)
