"""Remembers the commands that are taking long, so that none is lost with the process."""

from medusa.storage.store import Row, Store


class SlowCommands:
    """The commands under way: chat, message, text, reply to, whether in private, topic, who, original message."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, row: Row, now: float) -> None:
        """Note a command; noting it again changes nothing."""
        columns = "chat_id, message_id, text, reply_to, private, topic, person, original, at"
        sql = f"INSERT INTO slow_commands ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"  # noqa: S608
        async with self._store.write() as db:
            await db.run(sql, (*row, now))

    async def done(self, chat_id: int, message_id: int) -> None:
        """Forget a command that has its answer."""
        async with self._store.write() as db:
            await db.run("DELETE FROM slow_commands WHERE chat_id = ? AND message_id = ?", (chat_id, message_id))

    async def all(self) -> list[Row]:
        """What a process that was killed has left, in the order in which it was asked for."""
        columns = "chat_id, message_id, text, reply_to, private, topic, person, original"
        return await self._store.read(f"SELECT {columns} FROM slow_commands ORDER BY at, message_id")  # noqa: S608
