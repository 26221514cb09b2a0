"""Remembers each chat's live message, so that a restart goes on with it instead of leaving it behind."""

from medusa.storage.store import Store


class Boards:
    """The live messages: marked chat id to the random id (signed 64 bits) under which the message is sent."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self) -> list[tuple[int, int]]:
        """Every chat with a live message, and its random id."""
        return [(row[0], row[1]) for row in await self._store.read("SELECT chat_id, random_id FROM boards")]

    async def put(self, chat_id: int, random_id: int) -> None:
        """Note the live message that a chat is about to get, in place of a former one."""
        sql = (
            "INSERT INTO boards (chat_id, random_id) VALUES (?, ?) "
            "ON CONFLICT (chat_id) DO UPDATE SET random_id = excluded.random_id"
        )
        async with self._store.write() as db:
            await db.run(sql, (chat_id, random_id))

    async def forget(self, chat_id: int) -> None:
        """Note that the chat has no live message any more."""
        async with self._store.write() as db:
            await db.run("DELETE FROM boards WHERE chat_id = ?", (chat_id,))
