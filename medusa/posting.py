"""Posts what a job's outbox holds: each entry exactly once, and in albums what belongs together."""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import structlog

from medusa.errors import MedusaError, Scope, Transient, Wait
from medusa.library import caption_of, make_post, source_key
from medusa.model import Job, LocalFile, Stage
from medusa.observe.metrics import POSTS
from medusa.runs import Run
from medusa.storage import outbox
from medusa.storage.outbox import APART, Entry, Look, Outbox
from medusa.tags import MARK_UNITS, Tags
from medusa.telegram.client import Account
from medusa.telegram.errors import MessageGone
from medusa.telegram.messages import Document, Item, Manner, Messenger, cut, new_random_id, units

log = structlog.get_logger()

NOT_PINNED = "It is posted, but this account may not pin it."
POST_WITHIN = 5.0
"""Seconds that a post under way gets to end when its job is cancelled."""
MOST_IN_ALBUM = 10
"""https://core.telegram.org/api/files#albums-grouped-media"""
_AFTER_ALL = APART - 1
"""The place of the text that does not fit under the first post: behind all files."""


@dataclass(slots=True)
class Posting:
    """What posting needs."""

    account: Account
    messenger: Messenger
    outbox: Outbox
    tags: Tags
    stood: Callable[[Job, Sequence[Entry]], Awaitable[list[int]]]
    """The messages that show already what entries are to post; none, unless this state was restored from a backup."""

    async def run(self, run: Run, new: Sequence[Entry]) -> None:
        """Post what the outbox holds of the job, ``new`` entries among it. Raises StaleReference and others."""
        async with run.stage(Stage.POST, beside=functools.partial(outbox.put, entries=new) if new else None):
            heads: dict[int, int] = {}
            held: dict[int, Transient] = {}
            for group in groups(await self.outbox.entries(run.job.id), alone=bool(run.job.order.slot)):
                spot = group[0].spot
                if spot in held:
                    continue
                try:
                    made = await self._made(run.job, group, heads.get(spot))
                except Transient as error:
                    if error.scope is not Scope.CHAT:
                        raise
                    held[spot] = error  # the other chats have nothing to do with it
                    continue
                if heads.setdefault(spot, made[0]) == made[0] and spot == 0:
                    run.learn(post_id=heads[0])
            await self.pin(run, heads)
            _raise_first(held)

    async def pin(self, run: Run, heads: Mapping[int, int]) -> None:
        """Pin the first post in each spot, by its message id, if that is wanted; what can't be pinned stands anyway."""
        for spot, message_id in heads.items() if run.job.order.pin else ():
            try:
                await self.messenger.pin(run.job.spots[spot].chat_id, message_id)
            except MedusaError as error:
                if error.fatal or (isinstance(error, Transient) and error.scope is not Scope.CHAT):
                    raise
                run.learn(reason=NOT_PINNED)

    def overflow(self, job: Job) -> list[Entry]:
        """The entries of a caption that is too long to stand under the post."""
        if units(caption_of(job)) <= self._room(job, 0):
            return []
        spots = enumerate(job.spots)
        return [Entry(job.id, at * APART + _AFTER_ALL, spot.chat_id, new_random_id(), "text") for at, spot in spots]

    async def _made(self, job: Job, group: Sequence[Entry], first: int | None) -> list[int]:
        """Send what is not sent yet and commit its message ids; repeated after a kill, it makes no second message."""
        left = [entry for entry in group if not entry.done]
        if left:
            return await self._on_record(job, left, self._sent(job, left, first))
        return [entry.message_id or 0 for entry in group]

    async def _sent(self, job: Job, group: Sequence[Entry], first: int | None) -> list[int]:
        """Send entries together; returns their message ids."""
        head = group[0]
        topic = job.spots[head.spot].topic
        if not (job.order.slot and head.seq == 0) and (stands := await self.stood(job, group)):
            return stands
        if head.kind == "text":
            manner = Manner(silent=job.order.silent, protected=job.order.protect)
            names = (head.chat_id, caption_of(job), head.random_id, first, topic)
            return [await self.messenger.say_once(*names, manner=manner)]
        items = [self._item(job, entry) for entry in group]
        order = job.order
        manner = Manner(self._answered(job, head, first), order.spoiler, order.silent, topic, order.protect)
        if job.order.slot and head.seq == 0:
            with suppress(MessageGone):  # somebody has deleted it; better at the end than nowhere
                return [await self.messenger.fill(head.chat_id, job.order.slot, items[0], manner)]
        if len(items) > 1:
            return await self.messenger.post_album(head.chat_id, items, manner)
        return [await self.messenger.post(head.chat_id, items[0], manner)]

    def _answered(self, job: Job, head: Entry, first: int | None) -> int | None:
        """What a post replies to: in Saved Messages the command, behind a place that was kept the post there."""
        if job.order.slot and head.spot == 0:
            return first
        at_home = job.chat_id == self.account.user_id == head.chat_id
        return job.message_id if at_home and not (job.order.secret or job.unasked) else None

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
            POSTS.inc(len(kept))
            log.info("job.posted", posts=[f"{entry.chat_id}:{message_id}" for entry, message_id in named])
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
        words = "" if entry.file else cut(caption_of(job), self._room(job, 0))
        parts = (words, _label(job, entry.file), self._mark(job, entry))
        return Item(Document(*names, photo=entry.look == "photo"), "\n".join(filter(None, parts)), entry.random_id)

    def _room(self, job: Job, seq: int) -> int:
        """UTF-16 units that a caption may have above the label of file number ``seq`` and the mark."""
        below = [_label(job, seq), "#" * MARK_UNITS if self._marks(job) else ""]
        return self.account.limits.caption - 1 - sum(units(text) + 1 for text in below if text)

    def _mark(self, job: Job, entry: Entry) -> str:
        """The mark by which a post is known again, where the owner wants one; of jobs that make one post only."""
        if entry.look == "photo" or not self._marks(job):
            return ""
        return self.tags.mark(source_key(job.order), job.size, entry.chat_id)

    def _marks(self, job: Job) -> bool:
        return self.tags.on and len(job.files) == 1


def _raise_first(held: Mapping[int, Transient]) -> None:
    """Raise what keeps a spot from its posts; only that of the first spot meets the other jobs of its chat."""
    for spot, error in sorted(held.items()):
        raise error if spot == 0 else Wait(error.user_text, after=error.retry_after) from error


def groups(entries: Sequence[Entry], *, alone: bool = False) -> Iterator[list[Entry]]:
    """The entries in their order, those together that go out with one call; the very first may have to go ``alone``."""
    if alone and entries:
        yield [entries[0]]
        entries = entries[1:]
    for (_, kind), run in groupby(entries, _company):
        some = list(run)
        most = MOST_IN_ALBUM if kind else 1
        yield from (some[start : start + most] for start in range(0, len(some), most))


def complete(entries: Sequence[Entry]) -> bool:
    """Whether all of a job's entries have been written: the first file's is the last that is."""
    return bool(entries) and entries[0].seq == 0


def media_entries(job: Job, seq: int, document: Document, file: LocalFile) -> list[Entry]:
    """The entries that post a document made of the job's file number ``seq``, one for each spot."""
    names = (document.id, document.access_hash, document.file_reference)
    look = _look(document, file, as_document=job.order.as_document)
    return [
        Entry(job.id, at * APART + seq, spot.chat_id, new_random_id(), "media", *names, None, document.content, look)
        for at, spot in enumerate(job.spots)
    ]


def _label(job: Job, seq: int) -> str:
    """What stands under file number ``seq`` beside the caption."""
    return job.files[seq].label if seq < len(job.files) else ""


def _company(entry: Entry) -> tuple[int, str]:
    """What an album may hold together, in one spot; nothing for what stands alone."""
    return entry.spot, "visual" if entry.look in ("photo", "video") else entry.look


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
