"""Keeps the key under which posts are marked."""

import secrets

from medusa.storage.store import Store

KEY_BYTES = 20


class TagKey:
    """The one key."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load(self) -> bytes:
        """The key, which is made when there is none."""
        row = await self._store.read_one("SELECT key FROM tag_key")
        if row is None:
            await self.put(secrets.token_bytes(KEY_BYTES))
            row = await self._store.read_one("SELECT key FROM tag_key")
        return bytes(row[0]) if row else b""

    async def put(self, key: bytes) -> None:
        """Commit another key."""
        async with self._store.write() as db:
            await db.run("INSERT OR REPLACE INTO tag_key (one, key) VALUES (1, ?)", (key,))
