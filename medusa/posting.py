"""Posts what a job's outbox holds: each entry exactly once, and in albums what belongs together."""

import asyncio
import functools
import time
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from medusa.library import caption, make_post, shows_no_name
from medusa.model import Job, LocalFile, Stage
from medusa.scheduler import Run
from medusa.storage import outbox
from medusa.storage.outbox import Entry, Look, Outbox
from medusa.telegram.client import Account
from medusa.telegram.messages import Document, Item, Manner, Messenger, cut, new_random_id, units

POST_WITHIN = 5.0
"""Seconds that a post under way gets to end when its job is cancelled."""
MOST_IN_ALBUM = 10
"""https://core.telegram.org/api/files#albums-grouped-media"""
_AFTER_ALL = 1000
"""The place of the text that does not fit under the first post: behind all files."""


@dataclass(slots=True)
class Posting:
    """What posting needs."""

    account: Account
    messenger: Messenger
    outbox: Outbox

    async def run(self, run: Run, new: Sequence[Entry]) -> None:
        """Post what the outbox holds of the job, ``new`` entries among it. Raises StaleReference and others."""
        async with run.stage(Stage.POST, beside=functools.partial(outbox.put, entries=new) if new else None):
            first = None
            for group in groups(await self.outbox.entries(run.job.id)):
                made = await self._made(run.job, group, first)
                if first is None:
                    first = made[0]
                    run.learn(post_id=first)

    def overflow(self, job: Job) -> list[Entry]:
        """The entry of a caption that is too long to stand under the post."""
        if units(caption_of(job)) <= self._room(job, 0):
            return []
        return [Entry(job.id, _AFTER_ALL, job.chat_id, new_random_id(), "text")]

    async def _made(self, job: Job, group: Sequence[Entry], first: int | None) -> list[int]:
        """Send what is not sent yet and commit its message ids; repeated after a kill, it makes no second message."""
        left = [entry for entry in group if not entry.done]
        if left:
            return await self._on_record(job, left, self._sent(job, left, first))
        return [entry.message_id or 0 for entry in group]

    async def _sent(self, job: Job, group: Sequence[Entry], first: int | None) -> list[int]:
        """Send entries together; returns their message ids."""
        head = group[0]
        if head.kind == "text":
            return [await self.messenger.say_once(head.chat_id, caption_of(job), head.random_id, first)]
        reply_to = job.message_id if job.chat_id == self.account.user_id and not job.order.secret else None
        manner = Manner(reply_to, job.order.spoiler, job.order.silent)
        items = [self._item(job, entry) for entry in group]
        if len(items) > 1:
            return await self.messenger.post_album(head.chat_id, items, manner)
        return [await self.messenger.post(head.chat_id, items[0], manner)]

    async def _on_record(self, job: Job, group: Sequence[Entry], sent: Coroutine[Any, Any, list[int]]) -> list[int]:
        """Await ``sent`` and commit its message ids, together with what the library remembers of them.

        A cancel that arrives meanwhile waits a little for them: when they succeed it came too late and is dropped, and
        the job ends as done.
        """

        async def both() -> list[int]:
            made = await sent
            named = list(zip(group, made, strict=True))
            kept = [make_post(job, *one, time.time()) for one in named if one[0].kind == "media" and job.files]
            await self.outbox.posted(job.id, {entry.seq: message_id for entry, message_id in named}, kept)
            return made

        task = asyncio.ensure_future(both())
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task}, timeout=POST_WITHIN)
            if task.done() and not task.cancelled() and task.exception() is None:
                return task.result()
            task.cancel()
            await asyncio.wait({task})
            raise

    def _item(self, job: Job, entry: Entry) -> Item:
        """What is to be posted; the job's caption stands under its first post, and each file's label under its own."""
        names = (entry.document_id or 0, entry.access_hash or 0, entry.file_reference or b"")
        words = "" if entry.seq else cut(caption_of(job), self._room(job, 0))
        text = "\n".join(part for part in (words, _label(job, entry.seq)) if part)
        return Item(Document(*names, photo=entry.look == "photo"), text, entry.random_id)

    def _room(self, job: Job, seq: int) -> int:
        """UTF-16 units that a caption may have above the label of file number ``seq``."""
        label = _label(job, seq)
        return self.account.limits.caption - 1 - (units(label) + 1 if label else 0)


def groups(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """The entries in their order, those together that go out with one call."""
    for kind, run in groupby(entries, _company):
        some = list(run)
        most = MOST_IN_ALBUM if kind else 1
        yield from (some[start : start + most] for start in range(0, len(some), most))


def complete(entries: Sequence[Entry]) -> bool:
    """Whether all of a job's entries have been written: the first file's is the last that is."""
    return bool(entries) and entries[0].seq == 0


def media_entry(job: Job, seq: int, document: Document, file: LocalFile) -> Entry:
    """The entry that posts a document made of the job's file number ``seq``."""
    names = (document.id, document.access_hash, document.file_reference)
    look = _look(document, file, as_document=job.order.as_document)
    return Entry(job.id, seq, job.chat_id, new_random_id(), "media", *names, content=document.content, look=look)


def caption_of(job: Job) -> str:
    """What stands under the job's first post."""
    return caption(job.order, job.title, bool(job.files and shows_no_name(job.files[0])))


def _label(job: Job, seq: int) -> str:
    """What stands under file number ``seq`` beside the caption."""
    return job.files[seq].label if seq < len(job.files) else ""


def _company(entry: Entry) -> str:
    """What an album may hold together; nothing for what stands alone."""
    return "visual" if entry.look in ("photo", "video") else entry.look


def _look(document: Document, file: LocalFile, *, as_document: bool) -> Look:
    if document.photo:
        return "photo"
    if as_document:
        return "file"
    if file.mime == "image/gif" or file.shape:
        return ""
    if file.media is None:
        return "file"
    if file.media.video_codec and file.media.duration:
        return "video"
    return "audio" if file.media.audio_codec else "file"
