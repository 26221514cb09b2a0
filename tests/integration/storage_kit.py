"""What the tests of tables put into them."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from medusa.model import Job, Media, Order
from medusa.storage import Store, outbox, uploads
from medusa.storage.jobs import Jobs
from medusa.storage.library import Post, Posts
from medusa.storage.outbox import Entry, Outbox
from medusa.storage.uploads import Upload

CHAT = -1001234567890
LOWEST, HIGHEST = -(2**63), 2**63 - 1


def order(number: int) -> Order:
    return Order(f"https://example.org/{number}")


async def add(store: Store, message_id: int, count: int = 1) -> list[Job]:
    return await Jobs(store).add([order(number) for number in range(count)], CHAT, message_id, 100.0)


def shown(job: Job, **changes: Any) -> Post:
    """What the library keeps of a post of the job."""
    media = Media("mov,mp4", 12.5, 640, 360, 0, "h264", "aac", streamable=True)
    known = Post(
        source=b"s" * 32,
        link="https://example.org/watch?v=1",
        as_document=False,
        content=b"c" * 32,
        size=2**40,
        name="film.mp4",
        title="Der Fluß \udc80",
        mime="video/mp4",
        media=media,
        caption="Crème brûlée",
        spoiler=True,
        document_id=HIGHEST,
        access_hash=LOWEST,
        file_reference=b"ref",
        chat_id=CHAT,
        message_id=77,
        at=123.5,
        job_id=job.id,
    )
    return replace(known, **changes)


async def put_entries(store: Store, *entries: Entry) -> None:
    """Commit entries of the outbox."""
    async with store.write() as db:
        await outbox.put(db, entries)


async def put_upload(store: Store, upload: Upload) -> None:
    """Commit what is to be noted of an upload."""
    async with store.write() as db:
        await uploads.put(db, upload)


async def posted(store: Store, message_id: int, **changes: Any) -> Post:
    """A post as the library has it, committed together with its message id."""
    [job] = await add(store, message_id)
    await put_entries(store, Entry(job.id, 0, CHAT, message_id, "media", 1, 2, b"r", content=b"c" * 32))
    before = store.commits
    await Outbox(store).posted(job.id, {0: message_id}, [shown(job, message_id=message_id, **changes)])
    assert store.commits == before + 1
    [post] = await Posts(store).recent(1, HIGHEST)
    return post


class Log:
    """What is written to the write-ahead log of the state in ``folder``, from now on.

    Its frames bear their headers in plain: https://www.sqlite.org/fileformat2.html#the_write_ahead_log.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "medusa.db-wal"
        self._salts, self._count = b"", 0
        self.news()

    def news(self) -> list[int]:
        """The number of each page that was written since this was asked before."""
        data = self._path.read_bytes()
        page, salts = int.from_bytes(data[8:12], "big"), data[16:24]
        assert salts == self._salts or not self._count, "The log was begun anew meanwhile."
        headers = [data[start : start + 24] for start in range(32, len(data), page + 24)]
        valid = list(itertools.takewhile(lambda header: header[8:16] == salts, headers))
        news = [int.from_bytes(header[:4], "big") for header in valid[self._count :]]
        self._salts, self._count, self.page = salts, len(valid), page
        return news

    def bytes_of(self, pages: Sequence[int]) -> int:
        """Bytes that these pages took in the log and take in the file, were they taken over there right now."""
        return len(pages) * (self.page + 24) + len(set(pages)) * self.page
