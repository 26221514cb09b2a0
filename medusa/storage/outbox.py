"""Keeps what is to be posted exactly once."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Literal

from medusa.storage.library import Post, keep
from medusa.storage.store import Store, Transaction

APART = 10_000
"""By how much the numbers of entries in two spots of a job differ."""
Look = Literal["", "photo", "video", "audio", "file"]
"""How a chat shows a document; what is neither of these never stands in an album."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a job in one of its spots.

    Telegram answers a repeated ``random_id`` (signed 64 bits) with the message made first.

    Media entries carry the reference of the uploaded document, and the SHA-256 of its file in ``content`` where it is
    known; ``message_id`` is None until the post is made. Their ``seq`` counts the job's files from 0, and from the next
    `APART` on in each further spot. The entry of the first file is written last: where it stands, all of the job's do.
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
    look: Look = ""

    @property
    def file(self) -> int:
        """Which of the job's files it posts, from 0 on."""
        return self.seq % APART

    @property
    def spot(self) -> int:
        """Which of the job's spots it belongs to, from 0 on."""
        return self.seq // APART

    @property
    def done(self) -> bool:
        """Whether the post is made."""
        return self.message_id is not None


class Outbox:
    """The entries of each job, in the order of ``seq``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def entries(self, job_id: int) -> list[Entry]:
        """All entries of the job, posted or not."""
        sql = (
            "SELECT job_id, seq, chat_id, random_id, kind, document_id, access_hash, file_reference, message_id, "
            "content, look FROM outbox WHERE job_id = ? ORDER BY seq"
        )
        return [Entry(*row) for row in await self._store.read(sql, (job_id,))]

    async def keep(self, entries: Sequence[Entry]) -> None:
        """Commit entries; see ``put``."""
        async with self._store.write() as db:
            await put(db, entries)

    async def posted(self, job_id: int, made: Mapping[int, int], posts: Sequence[Post] = ()) -> None:
        """Note under which message ids entries were posted in their chat, by ``seq``, together with library rows."""
        sql = "UPDATE outbox SET message_id = ? WHERE job_id = ? AND seq = ?"
        async with self._store.write() as db:
            await db.many(sql, [(message_id, job_id, seq) for seq, message_id in made.items()])
            for post in posts:
                await keep(db, post)

    async def drop(self, job_id: int) -> None:
        """Forget all entries of a job that has posted nothing yet."""
        async with self._store.write() as db:
            await db.run("DELETE FROM outbox WHERE job_id = ?", (job_id,))


async def put(db: Transaction, entries: Sequence[Entry]) -> None:
    """Write the entries within a transaction. The jobs must exist.

    Of an entry that is there already only the document's reference is renewed: its random id stays for good.
    """
    sql = (
        "INSERT INTO outbox (job_id, seq, chat_id, random_id, kind, document_id, access_hash, file_reference, "
        "message_id, content, look) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (job_id, seq) DO UPDATE SET "
        "document_id = excluded.document_id, access_hash = excluded.access_hash, "
        "file_reference = excluded.file_reference, content = excluded.content, look = excluded.look "
        "WHERE excluded.document_id IS NOT NULL"
    )
    await db.many(sql, [astuple(entry) for entry in entries])
