"""/batch: a list of links becomes posts in order."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from markupsafe import Markup

from medusa.batches import parsing, words
from medusa.batches.parsing import Item, Listing, Rejected
from medusa.commands import Answer, Call, Choice, Command, Menu, Option
from medusa.commands.ordering import ASK, POSTING, QUALITY_OPTION, option_of, order_of
from medusa.commands.parsing import numbers, split_options
from medusa.errors import UserError
from medusa.model import Order, Spot
from medusa.names import display_name
from medusa.steps import all_wishes
from medusa.storage.batches import Batch, BatchState, ItemState, Places
from medusa.words import moment

_ACTS = ("go", "pause", "resume", "cancel", "retry", "failed", "only")
_MOST_REJECTED = 5
"""Rejected lines that are shown; more are counted."""
_OF_A_LINE = (QUALITY_OPTION, *POSTING, *map(option_of, all_wishes().values()))
"""What may stand behind a link of a list."""


async def _run(call: Call) -> Answer:
    acts = [word.lower() for word in call.words if word.lower() in _ACTS]
    others = [word for word in call.words if word.lower() not in _ACTS]
    if acts or (others and all(re.fullmatch(r"[#\d,–-]+", word) for word in others)):
        return await _act(call, acts[0] if acts else "", others)
    text, name = await _list(call)
    return await _planned(call, parsing.parse(text), call.options.get("name") or name)


async def _list(call: Call) -> tuple[str, str]:
    """The text of a list and what to call it: what stands in the message, else the file that it replies to."""
    rest = call.text.partition("\n")[2]
    if rest.strip():
        return rest, ""
    if call.words:
        return "\n".join(call.words), ""
    for number in filter(None, (call.message.message_id, call.message.reply_to)):
        file = await call.desk.messenger.enclosed(call.message.chat_id, number, parsing.MOST_BYTES)
        if file is not None and file.data is None:
            raise UserError(f"That file has more than {parsing.MOST_BYTES // 2**20} MB; cut the list in several.")
        if file is not None and file.data is not None:
            return parsing.decoded(file.data), display_name(PurePosixPath(file.name).stem)
    lines = "lines such as Name:https://example.com/a.mp4"
    raise UserError(f"Which list? Reply to a .txt file with {call.prefix}batch, or write {lines} below it.")


async def _planned(call: Call, listing: Listing, name: str) -> Answer:
    if not listing.items:
        raise UserError(
            "\n".join(["There is no link in that list.", *map(_rejection, listing.rejected[:_MOST_REJECTED])])
        )
    name = display_name(name or next((item.section for item in listing.items if item.section), "")) or "without a name"
    orders, refused = _orders(call, listing.items, name)
    spot = orders[0][2].spots[0] if orders else None
    if spot is None:
        raise UserError(_without_any("No line of that list can be used.", refused))
    places = Places.NONE if "fast" in call.options else Places.UNTRIED
    message = call.message
    batch = await call.desk.conductor.batches.add(
        message.chat_id, message.message_id, name, str(spot), places, orders, time.time()
    )
    return _menu(call, batch, orders, sorted((*listing.rejected, *refused), key=lambda one: one.line))


def _orders(call: Call, items: Sequence[Item], name: str) -> tuple[list[tuple[int, str, Order]], list[Rejected]]:
    """The orders of the items, and those that have options which mean nothing."""
    found: list[tuple[int, str, Order]] = []
    refused: list[Rejected] = []
    for item in items:
        try:
            found.append((item.line, item.name, _order(call, item)))
        except UserError as error:
            refused.append(Rejected(item.line, item.name or item.link, error.user_text))
    total = len(found)
    numbered = [
        (line, called, replace(order, index=index, total=total, batch=name))
        for index, (line, called, order) in enumerate(found, start=1)
    ]
    return numbered, refused


def _order(call: Call, item: Item) -> Order:
    rest, options = split_options(item.options, _OF_A_LINE)
    if rest:
        raise UserError("something stands behind its link that is no option")
    given: Mapping[str, str] = {**call.options, **options}
    if given.get("quality") == ASK:
        raise UserError("-q ask is for one link; name the quality here")
    order = order_of(item.link, replace(call, options={**given, "name": options.get("name", item.name)}))
    return replace(order, name=order.name or None, to=order.to or str(Spot(call.message.chat_id)), section=item.section)


def _menu(call: Call, batch: Batch, orders: Sequence[tuple[int, str, Order]], rejected: Sequence[Rejected]) -> Menu:
    links = [order.link for _, _, order in orders]
    doubled = len(links) - len(set(links))
    lines = [f"Batch {batch.id} “{batch.name}”: {len(orders)} items"]
    lines += [f"{doubled} of the links stand there more than once"] if doubled else []
    if rejected:
        more = len(rejected) - _MOST_REJECTED
        lines += [f"{len(rejected)} lines are left out:", *map(_rejection, rejected[:_MOST_REJECTED])]
        lines += [f"… and {more} more"] if more > 0 else []
    choices = (
        Choice("go, in this order", f"{batch.id} go"),
        Choice("go, as fast as they come", f"{batch.id} go --fast"),
        Choice("drop it", f"{batch.id} cancel"),
    )
    note = f"{call.prefix}batch {batch.id} only 12-80 takes a part of it."
    return Menu("\n".join(lines), choices, "batch {}", many=False, note=note)


def _without_any(why: str, rejected: Sequence[Rejected]) -> str:
    return "\n".join([why, *map(_rejection, rejected[:_MOST_REJECTED])])


def _rejection(one: Rejected) -> str:
    return f"line {one.line}: {one.reason}: {one.text}"


async def _act(call: Call, act: str, others: Sequence[str]) -> Answer:
    """Do something to a batch that is named by its number; the numbers behind it are places in it."""
    batch = await _named(call, others[:1])
    conductor = call.desk.conductor
    match act:
        case "go" | "resume":
            if "fast" in call.options and batch.state is BatchState.PLANNED:
                batch = replace(batch, places=Places.NONE)
            return words.head(await conductor.start(batch)) + " is under way; its message says how far it is."
        case "pause":
            return words.head(await conductor.pause(batch)) + " is paused."
        case "cancel":
            return words.summary(await conductor.cancel(batch), await conductor.batches.counts(batch.id))
        case "retry":
            count = await conductor.retry(batch, numbers(others[1:]))
            return words.head(batch) + (f": {count} tried again." if count else ": none of them has failed.")
        case "failed":
            return await _failed(call, batch)
        case "only":
            return await _only(call, batch, numbers(others[1:]))
    counts = await conductor.batches.counts(batch.id)
    if batch.state in (BatchState.DONE, BatchState.CANCELLED):
        return words.summary(batch, counts)
    return words.progress(batch, counts, time.time())


async def _named(call: Call, named: Sequence[str]) -> Batch:
    batches = call.desk.conductor.batches
    if not named:
        recent = await batches.recent(1)
        if not recent:
            raise UserError(f"There is no batch yet. Reply to a list with {call.prefix}batch.")
        return recent[0]
    [number] = numbers(named)[:1]
    batch = await batches.get(number)
    if batch is None:
        raise UserError(f"There is no batch {number}. {call.prefix}batches lists them.")
    return batch


async def _failed(call: Call, batch: Batch) -> Answer:
    failed = await call.desk.conductor.batches.items(batch.id, ItemState.FAILED)
    if not failed:
        return words.head(batch) + ": nothing of it has failed."
    lines = [Markup("{}:{}  {}").format(item.name or item.seq, item.order.link, item.reason) for item in failed]
    return Markup("\n").join([words.head(batch), *lines])


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


COMMAND = Command(
    name="batch",
    family="Batch",
    about="post a list of links in order",
    usage="in reply to a .txt, or with lines below it | N go, pause, resume or cancel | retry N [PLACES] | failed N",
    run=_run,
    lines=True,
    options=(
        Option(("--fast",), "post as they come, without keeping the order"),
        *_OF_A_LINE,
    ),
    examples=("batch", "batch 3", "batch 3 go", "batch 3 only 12-80", "batch retry 3", "batch -q 720 --silent"),
)
