"""What the tests of tables put into them."""

from dataclasses import replace
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
    await Outbox(store).posted(job.id, 0, message_id, shown(job, message_id=message_id, **changes))
    assert store.commits == before + 1
    [post] = await Posts(store).recent(1, HIGHEST)
    return post
