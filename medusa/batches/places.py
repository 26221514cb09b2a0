"""Keeps the places of a batch's items in a chat: as messages that later become the posts."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from medusa.batches.words import place_text
from medusa.errors import MedusaError, Scope, Transient, UserError
from medusa.model import LocalFile, Order, Spot
from medusa.storage.batches import Batch, Batches, BatchItem, Places
from medusa.telegram.errors import NoPlace
from medusa.telegram.messages import Document, Item, Manner, Messenger, new_random_id
from medusa.telegram.transfer import Uploader, new_ledger

_NAME = "place.txt"
_TEXT = b"This file keeps a place and will be replaced.\n"


class Keeper:
    """Makes the messages that keep places, each once, and finds out what a chat allows.

    Most chats let a text become a file. Where that is refused, a tiny file keeps the place, sent once and posted by
    reference; where nothing may be edited, nothing is kept and the posts are made in turn.
    """

    def __init__(self, batches: Batches, messenger: Messenger, uploader: Uploader, folder: Path) -> None:
        self._batches = batches
        self._messenger = messenger
        self._uploader = uploader
        self._folder = folder
        self._small: dict[int, Document] = {}
        """The small file that keeps places, by chat."""

    async def kept(self, batch: Batch, item: BatchItem) -> tuple[Batch, int | None]:
        """Keep an item's place; returns the batch, and the message that keeps it, None where none is to be kept.

        Repeated, it makes no second message. Raises MedusaError when the chat does not take one just now.
        """
        if batch.places is Places.UNTRIED:
            batch = await self._tried(batch, item)
            item = await self._batches.at(batch.id, item.seq) or item
        if batch.places in (Places.NONE, Places.TURNS):
            return batch, None
        number = item.random_id
        if number is None:
            number = new_random_id()
            await self._batches.keep_place(item, number)
        return batch, await self._send(batch, item, number)

    async def say(self, batch: Batch, slot: int, text: str) -> None:
        """Have the message that keeps a place say something; one that is gone says nothing."""
        with suppress(UserError):
            await self._messenger.edit(spot_of(batch).chat_id, slot, text)

    async def remove(self, batch: Batch, slot: int) -> None:
        """Take away a message that keeps a place which nothing will fill."""
        with suppress(UserError):
            await self._messenger.delete(spot_of(batch).chat_id, [slot])

    async def _send(self, batch: Batch, item: BatchItem, number: int) -> int:
        """Send the message that keeps a place; it is protected if the post is to be, which an edit can't change."""
        spot, order = spot_of(batch), item.order
        if batch.places is Places.FILE:
            small = await self._file(spot.chat_id)
            manner = Manner(silent=True, topic=spot.topic, protected=order.protect)
            return await self._messenger.post(spot.chat_id, Item(small, place_text(item), number), manner)
        manner = Manner(silent=order.silent, protected=order.protect)
        return await self._messenger.say_once(spot.chat_id, place_text(item), number, topic=spot.topic, manner=manner)

    async def _tried(self, batch: Batch, item: BatchItem) -> Batch:
        """Find out with the first place how the chat lets the order be kept."""
        number = item.random_id or new_random_id()
        if item.random_id is None:
            await self._batches.keep_place(item, number)
        batch = replace(batch, places=Places.TEXT)
        spot = spot_of(batch)
        slot = await self._send(batch, item, number)
        try:
            item_there = Item(await self._file(spot.chat_id), place_text(item), number)
            await self._messenger.fill(spot.chat_id, slot, item_there, Manner(topic=spot.topic))
        except NoPlace:
            return await self._otherwise(batch, item, slot, Places.FILE)
        except MedusaError as error:
            if error.fatal or (isinstance(error, Transient) and error.scope is not Scope.CHAT):
                raise
            return await self._otherwise(batch, item, slot, Places.TURNS)
        await self._batches.put(batch)
        return batch

    async def _otherwise(self, batch: Batch, item: BatchItem, slot: int, places: Places) -> Batch:
        """Take away the place that was tried, and keep places in another way."""
        await self.remove(batch, slot)
        await self._batches.keep_place(item, new_random_id())
        batch = replace(batch, places=places)
        await self._batches.put(batch)
        return batch

    async def _file(self, chat_id: int) -> Document:
        if chat_id not in self._small:
            path = self._folder / _NAME
            await asyncio.to_thread(_write, path)
            sent = await self._uploader.upload(path, _NAME, new_ledger(path), lambda _: None)
            file = LocalFile(path, _NAME, "text/plain")
            self._small[chat_id] = await self._messenger.store(chat_id, sent, file, thumb=None, as_document=True)
        return self._small[chat_id]


def spot_of(batch: Batch) -> Spot:
    """Where a batch is posted."""
    return Order("", to=batch.spot).spots[0]


def _write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_bytes(_TEXT)
