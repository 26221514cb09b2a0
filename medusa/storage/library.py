"""Keeps what was posted where."""

import json
import re
from dataclasses import dataclass, fields

from medusa.model import Media
from medusa.storage.sparse import media_of, media_text
from medusa.storage.store import Row, Store, Transaction
from medusa.storage.text import storable


@dataclass(frozen=True, slots=True)
class Post:
    """One post: what it came from, what it looks like, the document that it shows, and where it stands.

    ``source`` is the key of the order (see medusa.library), ``content`` the SHA-256 of the file's bytes where it is
    known, ``size`` bytes, ``at`` Unix seconds. Of a job that posted several files this is number ``part``, counted from
    0, of ``parts``; lists show the first alone. ``id`` is the number that lists show, 0 before it is kept.
    """

    source: bytes
    link: str
    as_document: bool
    content: bytes | None
    size: int
    name: str
    title: str
    mime: str
    media: Media | None
    caption: str
    spoiler: bool
    document_id: int
    access_hash: int
    file_reference: bytes
    chat_id: int
    message_id: int
    at: float
    job_id: int
    photo: bool = False
    part: int = 0
    parts: int = 1
    person: int = 0
    """Who asked for it; 0 is the owner."""
    id: int = 0


_COLUMNS = [field.name for field in fields(Post)]
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM library"  # noqa: S608 (constants only)
_INSERT = (
    f"INSERT INTO library ({', '.join(_COLUMNS[:-1])}) "  # noqa: S608
    f"VALUES ({', '.join('?' * (len(_COLUMNS) - 1))})"
)


class Posts:
    """All posts that still stand, as far as is known, by number; the newest is found first.

    ``of`` gives the same for one person: lists then show only that person's.
    """

    def __init__(self, store: Store, person: int | None = None) -> None:
        self._store = store
        self._theirs = "" if person is None else f" AND person = {person:d}"

    def of(self, person: int) -> "Posts":
        """The posts that a person has asked for."""
        return Posts(self._store, person)

    async def get(self, number: int) -> Post | None:
        """The post with this number, or None."""
        return await self._one(f"WHERE id = ?{self._theirs}", number)

    async def of_source(self, source: bytes, chat_id: int | None = None) -> Post | None:
        """The newest post of an order with this key, in one chat or anywhere."""
        if chat_id is None:
            return await self._one("WHERE source = ? AND part = 0 ORDER BY id DESC LIMIT 1", source)
        where = "WHERE source = ? AND chat_id = ? AND part = 0 ORDER BY id DESC LIMIT 1"
        return await self._one(where, source, chat_id)

    async def together(self, first: Post) -> list[Post]:
        """All posts that a job made at once, in their order, the ``first`` among them."""
        if first.parts == 1:
            return [first]
        where = "WHERE source = ? AND chat_id = ? AND job_id = ? ORDER BY part"
        return await self._many(where, first.source, first.chat_id, first.job_id)

    async def of_job(self, job_id: int) -> list[Post]:
        """All posts that a job has made, in their order."""
        return await self._many("WHERE job_id = ? ORDER BY part", job_id)

    async def of_content(self, size: int, content: bytes, *, as_document: bool, name: str | None) -> Post | None:
        """The newest post of a file of this size and SHA-256 that looks the same; a ``name`` of None is any."""
        where = "WHERE size = ? AND content = ? AND as_document = ? AND (?4 IS NULL OR name = ?4)"
        return await self._one(f"{where} ORDER BY id DESC LIMIT 1", size, content, as_document, name)

    async def has_size(self, size: int) -> bool:
        """Whether there is a post of a file of so many bytes whose SHA-256 is known."""
        sql = "SELECT 1 FROM library WHERE size = ? AND content IS NOT NULL LIMIT 1"
        return await self._store.read_one(sql, (size,)) is not None

    async def of_document(self, document_id: int) -> Post | None:
        """The newest post that shows this document."""
        return await self._one("WHERE document_id = ? ORDER BY id DESC LIMIT 1", document_id)

    async def recent(self, limit: int, before: int) -> list[Post]:
        """The newest posts with numbers below ``before``, the newest first."""
        return await self._many(f"WHERE part = 0 AND id < ?{self._theirs} ORDER BY id DESC LIMIT ?", before, limit)

    async def find(self, text: str, limit: int, before: int) -> list[Post]:
        """The newest posts below number ``before`` that hold all words of the text, or words that begin with them."""
        words = " ".join(f'"{word}"*' for word in re.findall(r"\w+", storable(text)))
        if not words:
            return []
        await self._index_words()
        theirs = f" AND rowid IN (SELECT id FROM library WHERE part = 0{self._theirs})"  # noqa: S608
        sql = (
            "SELECT rowid FROM library_words WHERE library_words MATCH ? AND rowid < ?"  # noqa: S608
            f"{theirs if self._theirs else ''} ORDER BY rowid DESC LIMIT ?"
        )
        numbers = [row[0] for row in await self._store.read(sql, (words, before, limit))]
        marks = ", ".join("?" * len(numbers))
        return await self._many(f"WHERE id IN ({marks}) ORDER BY id DESC", *numbers)

    async def _index_words(self) -> None:
        """Index the words of the posts that were kept since they were last looked for."""
        new = "FROM library WHERE part = 0 AND id > (SELECT ifnull(max(id), 0) FROM library_words_docsize)"
        if await self._store.read_one(f"SELECT 1 {new} LIMIT 1"):
            async with self._store.write() as db:
                words = "title, name, caption, link"
                await db.run(f"INSERT INTO library_words (rowid, {words}) SELECT id, {words} {new}")

    async def forget(self, *numbers: int) -> None:
        """Drop posts that no longer stand."""
        async with self._store.write() as db:
            await db.many("DELETE FROM library WHERE id = ?", [(number,) for number in numbers])

    async def _one(self, where: str, *params: object) -> Post | None:
        row = await self._store.read_one(f"{_SELECT} {where}", params)
        return _decode(row) if row else None

    async def _many(self, where: str, *params: object) -> list[Post]:
        return [_decode(row) for row in await self._store.read(f"{_SELECT} {where}", params)]


async def keep(db: Transaction, post: Post) -> None:
    """Add a post as part of a transaction, in place of what its message showed before."""
    await db.run("DELETE FROM library WHERE chat_id = ? AND message_id = ?", (post.chat_id, post.message_id))
    await db.run(_INSERT, [_stored(getattr(post, name)) for name in _COLUMNS[:-1]])


def _stored(value: object) -> object:
    if isinstance(value, Media):
        return media_text(value)
    return storable(value) if isinstance(value, str) else value


def _decode(row: Row) -> Post:
    values = dict(zip(_COLUMNS, row, strict=True))
    media = values.pop("media")
    for flag in ("as_document", "spoiler", "photo"):
        values[flag] = bool(values[flag])
    return Post(media=None if media is None else media_of(json.loads(media)), **values)
