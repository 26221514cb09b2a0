"""Keeps what is to be posted exactly once."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Literal

from medusa.storage.library import Post, keep
from medusa.storage.store import Store, Transaction


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a job. Telegram answers a repeated ``random_id`` (signed 64 bits) with the message made first.

    Media entries carry the reference of the uploaded document, and the SHA-256 of its file in ``content`` where it is
    known; ``message_id`` is None until the post is made.
    See https://core.telegram.org/method/messages.sendMedia.
    """

    job_id: int
    seq: int
    chat_id: int
    random_id: int
    kind: Literal["media", "text"]
    document_id: int | None = None
    access_hash: int | None = None
    file_reference: bytes | None = None
    message_id: int | None = None
    content: bytes | None = None


class Outbox:
    """The entries of each job, in the order of ``seq``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def entries(self, job_id: int) -> list[Entry]:
        """All entries of the job, posted or not."""
        sql = (
            "SELECT job_id, seq, chat_id, random_id, kind, document_id, access_hash, file_reference, message_id, "
            "content FROM outbox WHERE job_id = ? ORDER BY seq"
        )
        return [Entry(*row) for row in await self._store.read(sql, (job_id,))]

    async def posted(self, job_id: int, seq: int, message_id: int, post: Post | None = None) -> None:
        """Note that the entry was posted as message ``message_id`` of its chat, together with its library row."""
        async with self._store.write() as db:
            await db.run("UPDATE outbox SET message_id = ? WHERE job_id = ? AND seq = ?", (message_id, job_id, seq))
            if post is not None:
                await keep(db, post)


async def put(db: Transaction, entries: Sequence[Entry]) -> None:
    """Write the entries within a transaction. The jobs must exist.

    Of an entry that is there already only the document's reference is renewed: its random id stays for good.
    """
    sql = (
        "INSERT INTO outbox (job_id, seq, chat_id, random_id, kind, document_id, access_hash, file_reference, "
        "message_id, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (job_id, seq) DO UPDATE SET "
        "document_id = excluded.document_id, access_hash = excluded.access_hash, "
        "file_reference = excluded.file_reference, content = excluded.content "
        "WHERE excluded.document_id IS NOT NULL"
    )
    await db.many(sql, [astuple(entry) for entry in entries])
