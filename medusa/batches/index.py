"""Says what a batch has come to: an index of its posts, pinned, and a summary in Saved Messages, each sent once."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import structlog
from markupsafe import Markup

from medusa.batches.places import spot_of
from medusa.batches.words import numbered
from medusa.errors import MedusaError, Scope, Transient
from medusa.model import Spot
from medusa.names import brief, display_name
from medusa.storage.batch_pages import BatchPages, Page
from medusa.storage.batches import Batch, Batches, ItemState, Outcome
from medusa.telegram.messages import Messenger, new_random_id, units
from medusa.words import message_link

log = structlog.get_logger()

MOST_UNITS = 3900
MOST_ENTITIES = 95
"""Of one message: less than the 4096 and 100 that Telegram takes (https://core.telegram.org/api/entities)."""
FROM = 6
"""Items from which on a batch in a channel has an index when nothing else was said."""
_SIGNS = {ItemState.DONE: "", ItemState.FAILED: "✗ "}
_UNSEEN = (ItemState.DROPPED, ItemState.CANCELLED)
_SUMMARY = 0


@dataclass(frozen=True, slots=True)
class _Line:
    """One line: how it is written, how long it is in UTF-16 units, and how many entities it takes."""

    text: Markup
    units: int
    entities: int


class Index:
    """Writes the pages of batches. Whatever it sends is committed before, so that a kill repeats nothing."""

    def __init__(self, batches: Batches, pages: BatchPages, messenger: Messenger, home: int) -> None:
        self._batches = batches
        self._pages = pages
        self._messenger = messenger
        self.home = home

    async def publish(self, batch: Batch, *, anew: bool = False) -> None:
        """Have the index of a batch read as it should, if it is to have one.

        A page that was deleted is left alone unless asked for ``anew``. What a chat refuses is passed over. Raises
        Transient for what passes by itself.
        """
        if not batch.indexed:
            return
        spot = spot_of(batch)
        texts = index_of(batch, await self._batches.outcomes(batch), spot)
        try:
            await self._publish(batch, spot, texts, anew=anew)
        except MedusaError as error:
            if error.fatal or (isinstance(error, Transient) and error.scope is not Scope.CHAT):
                raise
            log.info("batch.no_index", batch=batch.id, reason=error.user_text)

    async def say(self, batch: Batch, text: str) -> None:
        """Say the summary of a batch in Saved Messages, once until it is ``reopened``."""
        page = (await self._pages.all(batch.id)).get(_SUMMARY)
        if page is None:
            page = Page(batch.id, _SUMMARY, new_random_id())
            await self._pages.put([page])
        await self._messenger.say_once(self.home, text, page.random_id)

    async def reopened(self, batch: Batch) -> None:
        """Have another summary said of a batch when it ends again."""
        await self._pages.forget([Page(batch.id, _SUMMARY, 0)])

    async def _publish(self, batch: Batch, spot: Spot, texts: Sequence[Markup], *, anew: bool) -> None:
        known = await self._pages.all(batch.id)
        fresh = [Page(batch.id, at, new_random_id()) for at in range(1, len(texts) + 1) if at not in known]
        if fresh:
            await self._pages.put(fresh)
        pages = {**known, **{page.number: page for page in fresh}}
        for number, text in enumerate(texts, start=1):
            digest = hashlib.sha256(text.encode()).digest()
            if anew or pages[number].digest != digest:
                page = await self._written(spot, pages[number], text, first=number not in known, anew=anew)
                await self._pages.put([replace(page, digest=digest)])
        over = [page for number, page in known.items() if number > len(texts)]
        for page in over:
            if page.message_id:
                await self._messenger.delete(spot.chat_id, [page.message_id])
        if over:
            await self._pages.forget(over)

    async def _written(self, spot: Spot, page: Page, text: str, *, first: bool, anew: bool) -> Page:
        """Have a page read so; ``first`` says that nobody can have sent it before."""
        if page.message_id is not None:
            if await self._messenger.edit(spot.chat_id, page.message_id, text) or not anew:
                return page
            page = replace(page, random_id=new_random_id(), message_id=None, digest=b"")
            await self._pages.put([page])
        message_id = await self._messenger.say_once(spot.chat_id, text, page.random_id, topic=spot.topic)
        if not first:  # it may stand there since before a kill, and read as it did then
            await self._messenger.edit(spot.chat_id, message_id, text)
        if page.number == 1:
            await self._pinned(spot.chat_id, message_id)
        return replace(page, message_id=message_id)

    async def _pinned(self, chat_id: int, message_id: int) -> None:
        """Pin a message where that is allowed."""
        try:
            await self._messenger.pin(chat_id, message_id)
        except MedusaError as error:
            if error.fatal or isinstance(error, Transient):
                raise
            log.info("batch.not_pinned", reason=error.user_text)


def index_of(batch: Batch, outcomes: Iterable[Outcome], spot: Spot) -> list[Markup]:
    """The messages of a batch's index: titles by section, with links in chats whose messages have some."""
    blocks: list[list[_Line]] = []
    section = ""
    for one in outcomes:
        if one.item.state in _UNSEEN:
            continue
        heading = one.item.order.section
        block = [_heading(heading)] if heading != section and heading else []
        section = heading
        blocks.append([*block, _entry(one, spot)])
    pages: list[list[_Line]] = [[_title(batch, 1)]]
    for block in blocks:
        if _over([*pages[-1], *block]):
            pages.append([_title(batch, len(pages) + 1)])
        pages[-1] += block
    return [Markup("\n").join(line.text for line in page) for page in pages]


def _over(lines: Sequence[_Line]) -> bool:
    return sum(line.units + 1 for line in lines) > MOST_UNITS or sum(line.entities for line in lines) > MOST_ENTITIES


def _title(batch: Batch, page: int) -> _Line:
    text = batch.name if page == 1 else f"{batch.name} · {page}"
    return _Line(Markup("<b>{}</b>").format(text), units(text), 1)


def _heading(section: str) -> _Line:
    text = display_name(section)
    return _Line(Markup("\n<b>{}</b>").format(text), units(text) + 1, 1)


def _entry(one: Outcome, spot: Spot) -> _Line:
    text = _SIGNS.get(one.item.state, "… ") + numbered(
        one.item, brief(one.item.name or one.title or one.item.order.link)
    )
    link = message_link(spot.chat_id, one.post_id) if one.post_id else None
    if link is None:
        return _Line(Markup("{}").format(text), units(text), 1)  # a link in a title is an entity, too
    return _Line(Markup('<a href="{}">{}</a>').format(link, text), units(text), 1)
