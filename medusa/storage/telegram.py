"""Keeps what Telethon must not forget: the login, known peers, and the place in each stream of updates."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from medusa.storage.store import Store, Transaction


@dataclass(frozen=True, slots=True)
class Login:
    """A data centre and the authorization key (256 bytes, less its leading zeros) that it knows this account by."""

    dc_id: int
    address: str
    port: int
    auth_key: bytes = field(repr=False)
    takeout_id: int | None = None


class Entity(NamedTuple):
    """A user, group or channel: marked peer id, access hash, lower-case username, phone without +, display name."""

    id: int
    hash: int
    username: str | None
    phone: str | None
    name: str | None


class UpdateState(NamedTuple):
    """How far the updates of the account (0) or of a channel were seen; ``date`` is Unix seconds.

    See https://core.telegram.org/api/updates.
    """

    entity_id: int
    pts: int
    qts: int
    date: int
    seq: int


class TelegramState:
    """The Telegram session's tables."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def login(self) -> Login | None:
        """The login, or None when nobody has logged in."""
        row = await self._store.read_one("SELECT dc_id, address, port, auth_key, takeout_id FROM telegram_login")
        return Login(*row) if row else None

    async def updates(self) -> list[UpdateState]:
        """The place in every stream of updates."""
        rows = await self._store.read("SELECT entity_id, pts, qts, date, seq FROM telegram_updates")
        return [UpdateState(*row) for row in rows]

    async def save(
        self, login: Login | None, entities: Iterable[Entity] = (), updates: Iterable[UpdateState] = ()
    ) -> None:
        """Commit all of it together; a login of None leaves the stored one as it is."""
        async with self._store.write() as db:
            if login is not None:
                await _put_login(db, login)
            await _put_entities(db, list(entities))
            await db.many(
                "INSERT INTO telegram_updates (entity_id, pts, qts, date, seq) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (entity_id) DO UPDATE SET "
                "pts = excluded.pts, qts = excluded.qts, date = excluded.date, seq = excluded.seq",
                list(updates),
            )

    async def replace(self, login: Login | None) -> None:
        """Forget everything and commit another login with that, or none."""
        async with self._store.write() as db:
            for table in ("telegram_login", "telegram_entities", "telegram_updates"):
                await db.run(f"DELETE FROM {table}")  # noqa: S608 (constants only)
            if login is not None:
                await _put_login(db, login)

    async def by_ids(self, ids: Sequence[int]) -> Entity | None:
        """The first known entity of these marked ids."""
        for number in ids:
            if entity := await self._entity("id", number):
                return entity
        return None

    async def by_username(self, username: str) -> Entity | None:
        """The entity with this username, in lower case."""
        return await self._entity("username", username)

    async def by_phone(self, phone: str) -> Entity | None:
        """The user with this phone number, digits only."""
        return await self._entity("phone", phone)

    async def by_name(self, name: str) -> Entity | None:
        """An entity with exactly this display name."""
        return await self._entity("name", name)

    async def _entity(self, column: str, value: int | str) -> Entity | None:
        sql = f"SELECT id, hash, username, phone, name FROM telegram_entities WHERE {column} = ?"  # noqa: S608
        row = await self._store.read_one(sql, (value,))
        return Entity(*row) if row else None


async def _put_login(db: Transaction, login: Login) -> None:
    await db.run(
        "INSERT OR REPLACE INTO telegram_login (id, dc_id, address, port, auth_key, takeout_id) "
        "VALUES (1, ?, ?, ?, ?, ?)",
        (login.dc_id, login.address, login.port, login.auth_key, login.takeout_id),
    )


async def _put_entities(db: Transaction, entities: list[Entity]) -> None:
    # A username that has moved to somebody else must not lead to its former holder any more.
    moved = [(entity.username, entity.id) for entity in entities if entity.username]
    await db.many("UPDATE telegram_entities SET username = NULL WHERE username = ? AND id <> ?", moved)
    await db.many(
        "INSERT INTO telegram_entities (id, hash, username, phone, name) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET "
        "hash = excluded.hash, username = excluded.username, phone = excluded.phone, name = excluded.name",
        entities,
    )
