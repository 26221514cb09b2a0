"""Remembers which messages were handled, so that none is obeyed twice."""

from medusa.storage.store import Store, Transaction


class Handled:
    """The handled messages, by marked chat id and message id. Times are Unix seconds."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def seen(self, chat_id: int, message_id: int) -> bool:
        """Whether the message was handled before."""
        sql = "SELECT 1 FROM handled WHERE chat_id = ? AND message_id = ?"
        return await self._store.read_one(sql, (chat_id, message_id)) is not None

    async def mark(self, chat_id: int, message_id: int, now: float) -> None:
        """Note that the message was handled; once it is noted, marking it again changes nothing."""
        if not await self.seen(chat_id, message_id):
            async with self._store.write() as db:
                await note(db, chat_id, message_id, now)

    async def prune(self, older_than: float) -> None:
        """Forget the messages that were handled before the time ``older_than``."""
        async with self._store.write() as db:
            await db.run("DELETE FROM handled WHERE at < ?", (older_than,))


async def note(db: Transaction, chat_id: int, message_id: int, now: float) -> bool:
    """Note as part of a transaction that the message was handled; False when that was noted before."""
    sql = "INSERT INTO handled (chat_id, message_id, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING 1"
    return bool(await db.run(sql, (chat_id, message_id, now)))
