"""Keeps the settings that the owner changes by command."""

from medusa.storage.store import Store


class StoredSettings:
    """Settings as text, by key."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self) -> dict[str, str]:
        """Every setting that was set."""
        return dict(await self._store.read("SELECT key, value FROM settings ORDER BY key"))

    async def set(self, key: str, value: str) -> None:
        """Set one, in place of what it was."""
        sql = "INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        async with self._store.write() as db:
            await db.run(sql, (key, value))

    async def unset(self, key: str) -> None:
        """Go back to the default."""
        async with self._store.write() as db:
            await db.run("DELETE FROM settings WHERE key = ?", (key,))
