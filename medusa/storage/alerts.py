"""Keeps of what the owner was warned."""

from medusa.storage.store import Store


class AlertTable:
    """When each kind of trouble was told last (Unix seconds), and whether it was still going on after that."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self) -> dict[str, tuple[float, bool]]:
        """All kinds that were ever told, by name."""
        rows = await self._store.read("SELECT name, told, wrong FROM alerts")
        return {name: (told, bool(wrong)) for name, told, wrong in rows}

    async def put(self, name: str, told: float, *, wrong: bool) -> None:
        """Note one kind in place of what was noted before. Raises MedusaError."""
        sql = (
            "INSERT INTO alerts VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET told = excluded.told, wrong = excluded.wrong"
        )
        async with self._store.write() as db:
            await db.run(sql, (name, told, wrong))
