"""Keeps how many bytes were moved on each day."""

from medusa.storage.store import Store


class TrafficTable:
    """Bytes fetched and uploaded, by day (``2026-03-01``, in the time zone of this machine)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of_day(self, day: str) -> tuple[int, int]:
        """The bytes that were fetched and uploaded on a day."""
        row = await self._store.read_one("SELECT down, up FROM traffic WHERE day = ?", (day,))
        return (row[0], row[1]) if row else (0, 0)

    async def put(self, day: str, down: int, up: int) -> None:
        """Note a day's bytes in place of what was noted before."""
        sql = (
            "INSERT INTO traffic (day, down, up) VALUES (?, ?, ?) "
            "ON CONFLICT (day) DO UPDATE SET down = excluded.down, up = excluded.up"
        )
        async with self._store.write() as db:
            await db.run(sql, (day, down, up))
