"""Keeps the messages that a batch has beside its posts: its summary and its index."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from medusa.storage.store import Store


@dataclass(frozen=True, slots=True)
class Page:
    """One message: number 0 is the summary, from 1 on the index.

    It is sent under ``random_id`` (signed 64 bits); ``message_id`` is None until it is known to stand there, and
    ``digest`` the SHA-256 of what it is known to read, else empty.
    """

    batch_id: int
    number: int
    random_id: int
    message_id: int | None = None
    digest: bytes = b""


class BatchPages:
    """All pages, by batch and number."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self, batch_id: int) -> dict[int, Page]:
        """The pages of a batch by their numbers."""
        sql = "SELECT batch_id, page, random_id, message_id, digest FROM batch_pages WHERE batch_id = ?"
        return {row[1]: Page(*row) for row in await self._store.read(sql, (batch_id,))}

    async def put(self, pages: Sequence[Page]) -> None:
        """Commit pages, each in place of what was kept under its number."""
        sql = (
            "INSERT OR REPLACE INTO batch_pages (batch_id, page, random_id, message_id, digest) VALUES (?, ?, ?, ?, ?)"
        )
        async with self._store.write() as db:
            await db.many(sql, [astuple(page) for page in pages])

    async def forget(self, pages: Sequence[Page]) -> None:
        """Drop pages whose messages are gone, or are to be sent anew."""
        async with self._store.write() as db:
            await db.many(
                "DELETE FROM batch_pages WHERE batch_id = ? AND page = ?",
                [(page.batch_id, page.number) for page in pages],
            )
