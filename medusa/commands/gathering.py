"""Where a batch goes and how it is kept: what lists of links and playlists have in common."""

import time
from collections.abc import Collection, Sequence
from dataclasses import replace

from medusa.batches.index import FROM
from medusa.commands import Call
from medusa.commands.ordering import later
from medusa.commands.parsing import priority
from medusa.errors import UserError
from medusa.model import Order, Spot
from medusa.storage.batches import Batch, BatchState, Places
from medusa.words import message_link

ONE_CHAT = "A batch goes to one chat: its items keep their order in that one."
Item = tuple[int, str, Order]
"""A line's number, what the item is called, and what is asked for with it."""


async def placed(call: Call, orders: Sequence[tuple[int, str, Order, Collection[str]]]) -> list[Item]:
    """The items with where they go and what holds there, given the names of each one's options. Raises UserError."""
    spot = await one_spot(call, ONE_CHAT)
    return [(line, name, going(call, order, spot, given)) for line, name, order, given in orders]


async def one_spot(call: Call, refusal: str) -> Spot:
    """The one place that --to names, or here. Raises UserError, with these words when it names several."""
    message = call.message
    here, key = Spot(message.chat_id, message.topic), f"{message.chat_id} {message.message_id}"
    first, *others = await call.desk.destinations.together(call.options, here, key)
    if others:
        raise UserError(refusal)
    return first


def going(call: Call, order: Order, spot: Spot, given: Collection[str]) -> Order:
    """The order with the place that it goes to, whichever it is, and what holds there."""
    here = Spot(call.message.chat_id, call.message.topic)
    return replace(call.desk.destinations.going(order, (spot,), here, given), to=str(spot))


async def kept(call: Call, name: str, items: Sequence[Item], at: str = "") -> Batch:
    """The batch of a command's message; it is made once. ``at`` is what --at gives. Raises UserError."""
    message, batches = call.message, call.desk.conductor.batches
    not_before, turn = later(at), priority(call.options.get("prio", "normal"))
    if call.person.id and await batches.of_message(message.chat_id, message.message_id) is None:
        await call.desk.access.books.expect_jobs(call.person, len(items))
    spot = items[0][2].spots[0]
    places = Places.NONE if "fast" in call.options else Places.UNTRIED
    many = message_link(spot.chat_id, 1) is not None and len(items) >= FROM
    # An index is pinned, which is not for users to have done in chats of others.
    indexed = ("index" in call.options or (many and not call.person.alone)) and "no-index" not in call.options
    batch = await batches.add(
        message.chat_id, message.message_id, name, str(spot), places, items, time.time(), indexed=indexed
    )
    if batch.state is BatchState.PLANNED and (batch.not_before, batch.priority) != (not_before, turn):
        batch = replace(batch, not_before=not_before, priority=turn)
        await batches.put(batch)
    return batch
