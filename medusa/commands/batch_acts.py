"""What /batch does to a batch that is there already."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields, replace
from functools import partial

from medusa.batches import words
from medusa.batches.flight import survey
from medusa.batches.places import spot_of
from medusa.channels.spelling import LONGEST_NAME
from medusa.commands import Answer, Call, Choice, Later, Menu, exports
from medusa.commands.gathering import ONE_CHAT, going, one_spot
from medusa.commands.ordering import order_of
from medusa.commands.parsing import numbers
from medusa.errors import UserError
from medusa.model import Order, Spot
from medusa.names import display_name
from medusa.storage.batches import Batch, BatchItem, BatchState, ItemState
from medusa.words import moment

_LATEST = 100
_OF_SETTINGS = {"quality": "quality", "silent": "silent", "doc": "as_document", "media": "as_document"}
"""What an option says of an order where a setting says it, too, and may say the same."""


def theirs(call: Call, batch: Batch) -> bool:
    """Whether a batch is among those that the caller may see and touch."""
    return not call.person.alone or batch.person == call.person.id


async def act(call: Call, name: str, others: Sequence[str]) -> Answer:
    """Do something to a batch that is named by its number; the numbers behind it are places in it."""
    batch = await _indexed(call, await _named(call, others[:1]))
    if name:
        return await _ACTS[name](call, batch, numbers(others[1:]))
    if call.options.keys() - {"index", "no-index"} and batch.state is BatchState.PLANNED:
        return await _changed(call, batch)
    counts = await call.desk.conductor.batches.counts(batch.id)
    if batch.state in (BatchState.DONE, BatchState.CANCELLED):
        return words.summary(batch, counts)
    return words.progress(batch, counts, time.time())


async def offered(call: Call, batch: Batch, lines: Sequence[str], dead: Sequence[int]) -> Menu:
    """What may be done with a batch that has not begun."""
    choices = [Choice("go, in this order", f"{batch.id} go")]
    choices += [Choice("go without the dead ones", f"{batch.id} go --living")] if dead else []
    choices += [Choice("go, as fast as they come", f"{batch.id} go --fast")]
    if await _parted(call, batch):
        choices.append(Choice("go, each section in a topic of its own", f"{batch.id} go --topics"))
    choices.append(Choice("drop it", f"{batch.id} cancel"))
    name = f"{call.prefix}batch {batch.id}"
    note = f"{name} only 12-80 takes a part of it; {name} -q 720, -c TEMPLATE and the like change all of it."
    return Menu("\n".join(lines), tuple(choices), "batch {}", many=False, note=note)


async def _go(call: Call, batch: Batch, _: Sequence[int]) -> Answer:
    # Looking at links takes a while, in which others are heard.
    return Later(partial(_begun, call, batch)) if "living" in call.options else await _begun(call, batch)


async def _begun(call: Call, batch: Batch) -> Answer:
    if "living" in call.options:
        await _drop_dead(call, batch)
    if "topics" in call.options:
        await _into_topics(call, batch)
    batch = await call.desk.conductor.start(batch, loosely="fast" in call.options)
    return words.head(batch) + " is under way; its message says how far it is."


async def _pause(call: Call, batch: Batch, _: Sequence[int]) -> Answer:
    return words.head(await call.desk.conductor.pause(batch)) + " is paused."


async def _cancel(call: Call, batch: Batch, _: Sequence[int]) -> Answer:
    conductor = call.desk.conductor
    return words.summary(await conductor.cancel(batch), await conductor.batches.counts(batch.id))


async def _retry(call: Call, batch: Batch, places: Sequence[int]) -> Answer:
    count = await call.desk.conductor.retry(batch, places)
    return words.head(batch) + (f": {count} tried again." if count else ": none of them has failed.")


async def _named(call: Call, named: Sequence[str]) -> Batch:
    batches = call.desk.conductor.batches
    if not named:
        recent = [one for one in await batches.recent(_LATEST) if theirs(call, one)][:1]
        if not recent:
            raise UserError(f"There is no batch yet. Reply to a list with {call.prefix}batch.")
        return recent[0]
    [number] = numbers(named)[:1]
    batch = await batches.get(number)
    if batch is None or not theirs(call, batch):
        raise UserError(f"There is no batch {number}. {call.prefix}batches lists them.")
    return batch


async def _indexed(call: Call, batch: Batch) -> Batch:
    """The batch with or without an index, as the options say; one that is over gets its index at once."""
    if not {"index", "no-index"} & call.options.keys():
        return batch
    return await call.desk.conductor.index(batch, wanted="no-index" not in call.options)


async def _parted(call: Call, batch: Batch) -> list[BatchItem]:
    """The items that have not begun, if the batch goes to a forum and has sections."""
    items = await call.desk.conductor.batches.items(batch.id, ItemState.WAITING)
    parted = any(item.order.section for item in items)
    return items if parted and await call.desk.destinations.has_topics(spot_of(batch).chat_id) else []


async def _into_topics(call: Call, batch: Batch) -> None:
    """Have each section posted into the topic of its name; what stands in none stays where the batch goes."""
    items = await _parted(call, batch)
    if not items:
        raise UserError("--topics is for batches with headings that go to a forum.")
    chat_id, key = spot_of(batch).chat_id, f"batch {batch.id} {batch.created}"
    spots: dict[str, Spot] = {}
    for section in dict.fromkeys(item.order.section for item in items if item.order.section):
        name = display_name(section)[:LONGEST_NAME]
        spots[section] = await call.desk.destinations.topic(chat_id, name, key)
    parted = [(item, spots[item.order.section]) for item in items if item.order.section]
    orders = [(item.seq, replace(item.order, to=str(spot))) for item, spot in parted]
    await call.desk.conductor.batches.reorder(batch.id, orders)


async def _drop_dead(call: Call, batch: Batch) -> None:
    """Leave out the items whose links lead nowhere, as a new look says."""
    items = await call.desk.conductor.batches.items(batch.id, ItemState.WAITING)
    orders = [item.order for item in items]
    flight = await call.desk.flight(orders)
    await survey(flight, orders, lambda order: call.desk.look(order, ""), _unheard)
    await call.desk.conductor.batches.drop(batch.id, [items[place - 1].seq for place in flight.dead])


async def _unheard() -> None:
    """Nobody is told how far a second look is."""


async def _changed(call: Call, batch: Batch) -> Answer:
    """Give the items of a batch that has not begun what the options say, and ask again."""
    batches = call.desk.conductor.batches
    items = await batches.items(batch.id, ItemState.WAITING)
    asked, usual = order_of("https://a.b", call), order_of("https://a.b", replace(call, options={}))
    names = {one.name for one in fields(Order) if getattr(asked, one.name) != getattr(usual, one.name)}
    names |= {name for option, name in _OF_SETTINGS.items() if option in call.options}
    called = call.options.get("name", batch.name)
    new = {**{name: getattr(asked, name) for name in names - {"name", "edits"}}, "batch": called}
    orders = [(item.seq, replace(item.order, **new, edits={**item.order.edits, **asked.edits})) for item in items]
    batch = replace(batch, name=called)
    if "to" in call.options:
        spot = await one_spot(call, ONE_CHAT)
        said = {True: {"quality", "silent"}, False: {"quality"}}
        orders = [(seq, going(call, order, spot, given=said[order.silent])) for seq, order in orders]
        batch = replace(batch, spot=str(spot))
    await batches.reorder(batch.id, orders)
    await batches.put(batch)
    return await offered(call, batch, [f"Batch {batch.id} “{batch.name}” is changed: {len(items)} items."], [])


async def _only(call: Call, batch: Batch, kept: Sequence[int]) -> Answer:
    """Leave out all places but some of a batch that has not begun."""
    if batch.state is not BatchState.PLANNED:
        raise UserError(f"Batch {batch.id} has begun already: it is {batch.state}.")
    if not kept or max(kept) > batch.items:
        raise UserError(f"Which of its {batch.items} items? For instance: {call.prefix}batch {batch.id} only 12-80")
    batches = call.desk.conductor.batches
    left_out = sorted(set(range(1, batch.items + 1)) - set(kept))
    await batches.drop(batch.id, left_out)
    return Menu(
        f"Batch {batch.id} “{batch.name}”: {len(kept)} of {batch.items} items, made {moment(batch.created)}",
        (Choice("go, in this order", f"{batch.id} go"), Choice("drop it", f"{batch.id} cancel")),
        "batch {}",
        many=False,
    )


_ACTS: dict[str, Callable[[Call, Batch, Sequence[int]], Awaitable[Answer]]] = {
    "go": _go,
    "resume": _go,
    "pause": _pause,
    "cancel": _cancel,
    "retry": _retry,
    "failed": exports.failed,
    "links": exports.links,
    "only": _only,
}
ACTS = tuple(_ACTS)
"""The words for what can be done to a batch."""
