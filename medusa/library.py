"""Knows what was posted where, so that nothing is fetched or sent twice that need not be."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from medusa.captions import Facts, filled
from medusa.errors import Scope, Transient, UserError
from medusa.model import Job, LocalFile, Order, Progress, Report
from medusa.storage.library import Post, Posts
from medusa.storage.outbox import Entry
from medusa.tags import Tags
from medusa.telegram.messages import Document, Messenger, random_id_for
from medusa.words import message_link, moment

_TRACKING = frozenset({"fbclid", "gclid", "igsh", "igshid", "mc_cid", "mc_eid", "msclkid", "ttclid", "twclid", "yclid"})
_SHARING = frozenset({"youtube.com", "youtu.be", "open.spotify.com"})
"""Sites whose parameter ``si`` says who shared the link, and nothing else."""
_PORTS = {"http": ":80", "https": ":443"}
_BLOCK = 256 * 1024
_STRETCH = 64 * _BLOCK
"""Bytes of a file that are hashed at a stretch, 16 MB: a tenth of a second on slow machines."""


@dataclass(frozen=True, slots=True)
class Known:
    """Earlier posts of what a job is to post, of which most have one file.

    ``here`` says that they stand in the job's chat and look the same.
    """

    posts: tuple[Post, ...]
    here: bool

    @property
    def first(self) -> Post:
        """The one that stands for all of them."""
        return self.posts[0]


@dataclass(frozen=True, slots=True)
class _First:
    """The job that is under way for an order, and the sign that it has ended."""

    job: int
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Library:
    """All posts, and which of several equal orders is under way. Whether a post still stands, Telegram is asked."""

    def __init__(self, posts: Posts, messenger: Messenger, tags: Tags) -> None:
        self.posts = posts
        self._tags = tags
        self._messenger = messenger
        self._under_way: dict[bytes, _First] = {}

    def of(self, person: int) -> "Library":
        """The library as it lists one person's posts."""
        return Library(self.posts.of(person), self._messenger, self._tags)

    async def newest(self, order: Order, chat_id: int | None = None) -> Post | None:
        """The newest post of an order in a chat, or anywhere; one that only its mark gives away will do, too."""
        source = source_key(order)
        found = await self.posts.of_source(source, chat_id)
        return found or await self.posts.of_source(self._tags.alias(source), chat_id)

    @asynccontextmanager
    async def alone(self, job: Job, waits: Report) -> AsyncIterator[None]:
        """Have equal orders done one after the other, so that the later ones find what the first has posted.

        ``waits`` hears of it when the job has to wait.
        """
        if job.order.force:
            yield
            return
        source = source_key(job.order)
        while (first := self._under_way.get(source)) is not None:
            waits(Progress(note=f"waits for #{first.job}, which fetches the same"))
            await first.ended.wait()
        mine = self._under_way[source] = _First(job.id)
        try:
            yield
        finally:
            del self._under_way[source]
            mine.ended.set()

    async def known(self, job: Job) -> Known | None:
        """The earlier posts of the job's order, whose documents may be posted again; None when there are none.

        Posts in the job's chat that no longer stand are forgotten, but the documents of the newest may still serve.
        Raises Transient.
        """
        if job.order.force:
            return None
        gone = list[Post]()
        while (here := await self.newest(job.order, job.spots[0].chat_id)) is not None:
            all_here = await self.posts.together(here)
            if await self.document(here) is not None:
                facts = Facts(here.title, here.name, here.size, here.media, job.created)
                wanted = caption(job.order, facts, media=shows_no_name(here))
                alike = (wanted, job.order.spoiler) == (here.caption, here.spoiler)
                return _whole(all_here, here=alike and len(job.spots) == 1)
            await self.posts.forget(*(post.id for post in all_here))
            gone = gone or all_here
        elsewhere = await self.newest(job.order)
        found = await self.posts.together(elsewhere) if elsewhere else gone
        return _whole(found, here=False)

    async def same(self, size: int, content: Awaitable[bytes], file: LocalFile, order: Order) -> Post | None:
        """The newest post of the very same bytes that looks as the order wants, or None.

        A document keeps its thumbnail, so that one with another is made anew. The SHA-256 is waited for only when the
        size is known. A name that the owner chose is kept to; another than the file's own will do otherwise.
        """
        if order.force or "thumb" in order.edits or not await self.posts.has_size(size):
            return None
        name = file.name if order.name else None
        return await self.posts.of_content(size, await content, as_document=order.as_document, name=name)

    async def renewed(self, entry: Entry) -> Document | None:
        """A posted document with a reference that is valid again, from a post that shows it.

        None when no post has another reference than the one that has failed; those posts are forgotten, so that
        nothing leads to the document any more. Raises Transient.
        """
        while (post := await self.posts.of_document(entry.document_id or 0)) is not None:
            document = await self.document(post)
            if document is not None and document.file_reference != entry.file_reference:
                return document
            await self.posts.forget(post.id)
        return None

    async def document(self, post: Post) -> Document | None:
        """The document of a post as it stands in its chat, or None when the post is gone. Raises Transient."""
        try:
            found = await self._messenger.document(post.chat_id, post.message_id)
        except Transient as error:
            if error.scope is not Scope.CHAT:
                raise
            return None  # this account is no longer in the chat
        except UserError as error:
            if error.fatal:
                raise
            return None  # the chat is gone
        if found is None or found.id != post.document_id:
            return None
        return replace(found, content=post.content)

    async def point(self, post: Post, key: str) -> None:
        """Reply to a post, so that a tap leads there; the same ``key`` makes one reply, however often it is used."""
        text = f"Here is {post.title or post.name}."
        await self._messenger.say_once(post.chat_id, text, random_id_for(key), post.message_id)


def _whole(posts: list[Post], *, here: bool) -> Known | None:
    """All that a job has posted; None when some of it is not known any more, or there is nothing."""
    return Known(tuple(posts), here) if posts and (here or len(posts) == posts[0].parts) else None


def document_of(post: Post) -> Document:
    """The document of a post as it was when it was posted."""
    return Document(post.document_id, post.access_hash, post.file_reference, post.content, post.photo)


def shows_no_name(file: LocalFile | Post) -> bool:
    """Whether chats show what is in the file in place of its name."""
    return file.media is not None or file.photo


def make_post(job: Job, entry: Entry, message_id: int, at: float) -> Post:
    """What is to be remembered of a post that was made for a job whose files are known."""
    file = job.files[entry.file]
    return Post(
        source=source_key(job.order),
        link=job.order.link,
        as_document=job.order.as_document,
        content=entry.content,
        size=job.size if len(job.files) == 1 else file.size,
        name=file.name,
        title=job.title,
        mime=file.mime,
        media=file.media,
        caption=caption_of(job) if entry.file == 0 else "",
        spoiler=job.order.spoiler,
        document_id=entry.document_id or 0,
        access_hash=entry.access_hash or 0,
        file_reference=entry.file_reference or b"",
        chat_id=entry.chat_id,
        message_id=message_id,
        at=at,
        job_id=job.id,
        photo=entry.look == "photo",
        part=entry.file,
        parts=len(job.files),
        person=job.order.person,
    )


def file_of(post: Post, folder: Path) -> LocalFile:
    """What a post shows, as the file that a job would have made of it in its work folder."""
    path = folder / "posted"
    return LocalFile(path, post.name, post.mime, post.media, title=post.title, size=post.size, photo=post.photo)


def link_of(post: Post) -> str | None:
    """The link to a post, where its chat has such links; see `message_link`."""
    return message_link(post.chat_id, post.message_id)


def where_it_stands(post: Post) -> str:
    """Where the owner finds a post that was made before."""
    link = link_of(post)
    stands = f"Already posted: {link}" if link else f"Already posted on {moment(post.at)}; the reply to it leads there"
    return f"{stands} (--force posts it anew)"


async def sha256_of(path: Path) -> bytes:
    """The SHA-256 of a file, taken beside the event loop, little by little, so that a cancel is heeded."""
    digest, done = hashlib.sha256(), 0
    while taken := await asyncio.to_thread(_digest_some, path, done, digest):
        done += taken
    return digest.digest()


def caption_of(job: Job) -> str:
    """What stands under a job's first post."""
    file = job.files[0] if job.files else None
    facts = Facts(job.title, file.name if file else "", job.size, file.media if file else None, job.created)
    return caption(job.order, facts, media=file is not None and shows_no_name(file))


NUMBERED = "{index}. {title}"
"""What stands under a post of a batch when nothing else was said."""


def caption(order: Order, facts: Facts, *, media: bool) -> str:
    """What stands under a post: the owner's words, else a video's or song's title; a file shows its name itself."""
    if order.caption is not None or order.index:
        return filled(NUMBERED if order.caption is None else order.caption, order, facts)
    return facts.title if media else ""


def source_key(order: Order) -> bytes:
    """The SHA-256 of what decides which file an order leads to: its link, normalised, and how it is to be shaped."""
    parts = [normalised(order.link), order.quality, order.name or "", "document" if order.as_document else ""]
    further = (order.formats, order.sort, order.subtitles)
    parts += further if any(further) else ()  # none must change the keys of what was posted before there were any
    parts += [f"{name}={value}" for name, value in sorted(order.edits.items())]
    # What was fetched for others, perhaps with their login, is nothing that somebody gets by naming the link.
    parts += [f"person {order.person}"] if order.person else []
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).digest()


def normalised(link: str) -> str:
    """The link without what never changes where it leads: letter case of its host, default port, tracking marks."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return link
    login, at, host = parts.netloc.rpartition("@")
    host = host.lower().removesuffix(_PORTS.get(parts.scheme, ":"))
    site = host.removeprefix("www.").removeprefix("m.").removeprefix("music.")
    kept = [one for one in parts.query.split("&") if not _is_tracking(one.partition("=")[0].lower(), site)]
    return parts._replace(netloc=login + at + host, path=parts.path or "/", query="&".join(kept)).geturl()


def _is_tracking(name: str, site: str) -> bool:
    return name.startswith("utm_") or name in _TRACKING or (name == "si" and site in _SHARING)


def _digest_some(path: Path, start: int, digest: Any) -> int:
    """Take in the next few megabytes; returns how many bytes. A cancel leaves this running, so the file is its own."""
    room, taken = bytearray(_BLOCK), 0
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while taken < _STRETCH and (count := file.readinto(room)):
            digest.update(memoryview(room)[:count])
            taken += count
    return taken
