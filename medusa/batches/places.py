"""Keeps the places of a batch's items in a chat: as messages that later become the posts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from medusa.batches.words import place_text
from medusa.errors import MedusaError, Scope, Transient, UserError
from medusa.model import Spot
from medusa.storage.batches import Batch, Batches, BatchItem, Places
from medusa.telegram.errors import MessageGone, NoPlace
from medusa.telegram.messages import Document, Item, Manner, Messenger, new_random_id
from medusa.telegram.small import SmallFiles

_NAME = "place.txt"
_TEXT = "This file keeps a place and will be replaced.\n"


class Keeper:
    """Makes the messages that keep places, each once, and finds out what a chat allows.

    Most chats let a text become a file. Where that is refused, a tiny file keeps the place, sent once and posted by
    reference; where nothing may be edited, nothing is kept and the posts are made in turn.
    """

    def __init__(self, batches: Batches, messenger: Messenger, files: SmallFiles) -> None:
        self._batches = batches
        self._messenger = messenger
        self._files = files
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
            await self._batches.keep_places({item.seq: number}, batch)
        return batch, await self._send(batch, item, number)

    async def say(self, batch: Batch, slot: int, text: str) -> None:
        """Have the message that keeps a place say something; one that is gone, or out of reach, says nothing."""
        with _as_far_as_it_goes():
            await self._messenger.edit(spot_of(batch).chat_id, slot, text)

    async def remove(self, batch: Batch, item: BatchItem) -> None:
        """Take away the message that keeps the place of an item, if there is one that nothing will fill."""
        if item.random_id is None or batch.places in (Places.UNTRIED, Places.NONE, Places.TURNS):
            return
        with _as_far_as_it_goes():
            # What was sent just before a kill is found by sending it again.
            slot = item.slot or await self._send(batch, item, item.random_id)
            await self._messenger.delete(spot_of(batch).chat_id, [slot])

    async def tidy(self, chat_id: int, message_id: int) -> None:
        """Take away any message, where that is possible."""
        with _as_far_as_it_goes():
            await self._messenger.delete(chat_id, [message_id])

    async def _send(self, batch: Batch, item: BatchItem, number: int) -> int:
        """Send the message that keeps a place; it is protected if the post is to be, which an edit can't change."""
        spot, order = _spot(batch, item), item.order
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
            await self._batches.keep_places({item.seq: number}, batch)
        spot = _spot(batch, item)
        slot = await self._send(batch, item, number)
        try:
            item_there = Item(await self._file(spot.chat_id), place_text(item), number)
            await self._messenger.fill(spot.chat_id, slot, item_there, Manner(topic=spot.topic))
        except NoPlace:
            return await self._decided(batch, item, slot, Places.FILE)
        except MessageGone:  # by a kill just before another way was committed
            return await self._decided(batch, item, slot, Places.UNTRIED)
        except MedusaError as error:
            if error.fatal or (isinstance(error, Transient) and error.scope is not Scope.CHAT):
                raise
            return await self._decided(batch, item, slot, Places.TURNS)
        return await self._decided(batch, item, slot, Places.TEXT)

    async def _decided(self, batch: Batch, item: BatchItem, slot: int, places: Places) -> Batch:
        """Take away the message that was tried, and keep places like that from now on."""
        with _as_far_as_it_goes():
            await self._messenger.delete(spot_of(batch).chat_id, [slot])
        batch, number = replace(batch, places=places), new_random_id()
        await self._batches.keep_places({item.seq: number}, batch)
        if places is Places.UNTRIED:
            return await self._tried(batch, replace(item, random_id=number))
        return batch

    async def _file(self, chat_id: int) -> Document:
        if chat_id not in self._small:
            self._small[chat_id] = await self._files.stored(chat_id, _NAME, _TEXT)
        return self._small[chat_id]


@contextmanager
def _as_far_as_it_goes() -> Iterator[None]:
    """Pass over what a chat does not take, or not any more."""
    try:
        yield
    except UserError as error:
        if error.fatal:
            raise
    except Transient as error:
        if error.scope is not Scope.CHAT:
            raise


def spot_of(batch: Batch) -> Spot:
    """Where a batch is posted."""
    return Spot.read(batch.spot)


def _spot(batch: Batch, item: BatchItem) -> Spot:
    """Where an item is posted: in the batch's chat, but perhaps in a topic of its section's."""
    return item.order.spots[0] if item.order.spots else spot_of(batch)
