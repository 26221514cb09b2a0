"""Keeps how far the library was made anew from what stands in chats."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from medusa.storage.library import Post, keep
from medusa.storage.store import Store


@dataclass(frozen=True, slots=True)
class Rebuild:
    """How far a chat was read: down to the message ``before`` (0: nothing yet); counts are messages and posts."""

    chat_id: int
    before: int = 0
    seen: int = 0
    made: int = 0
    over: bool = False


class Rebuilds:
    """The chats that were read, or are."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, chat_id: int) -> Rebuild:
        """How far a chat was read; from the newest message on when it was never, or to its end."""
        sql = "SELECT chat_id, before, seen, made FROM rebuilds WHERE chat_id = ? AND over = 0"
        row = await self._store.read_one(sql, (chat_id,))
        return Rebuild(*row) if row else Rebuild(chat_id)

    async def put(self, rebuild: Rebuild, posts: Sequence[Post]) -> Rebuild:
        """Commit how far it is, and of the posts those that the library does not know; returns it with their number."""
        known = "SELECT 1 FROM library WHERE chat_id = ? AND message_id = ? AND document_id = ?"
        sql = "INSERT OR REPLACE INTO rebuilds (chat_id, before, seen, made, over) VALUES (?, ?, ?, ?, ?)"
        made = rebuild.made
        async with self._store.write() as db:
            for post in posts:
                if not await db.run(known, (post.chat_id, post.message_id, post.document_id)):
                    await keep(db, post)
                    made += 1
            await db.run(sql, (rebuild.chat_id, rebuild.before, rebuild.seen, made, rebuild.over))
        return replace(rebuild, made=made)
