"""Remembers each chat's live message, so that a restart goes on with it instead of leaving it behind."""

from medusa.storage.store import Store


class Boards:
    """The live messages: marked chat id to message id."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self) -> list[tuple[int, int]]:
        """Every chat with a live message, and that message."""
        return [(row[0], row[1]) for row in await self._store.read("SELECT chat_id, message_id FROM boards")]

    async def put(self, chat_id: int, message_id: int) -> None:
        """Note the chat's live message, in place of a former one."""
        sql = (
            "INSERT INTO boards (chat_id, message_id) VALUES (?, ?) "
            "ON CONFLICT (chat_id) DO UPDATE SET message_id = excluded.message_id"
        )
        async with self._store.write() as db:
            await db.run(sql, (chat_id, message_id))

    async def forget(self, chat_id: int) -> None:
        """Note that the chat has no live message any more."""
        async with self._store.write() as db:
            await db.run("DELETE FROM boards WHERE chat_id = ?", (chat_id,))
