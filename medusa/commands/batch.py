"""/batch: a list of links becomes posts in order."""

import re
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath

from medusa.batches import parsing
from medusa.batches.conductor import PAUSE
from medusa.batches.flight import survey
from medusa.batches.index import FROM
from medusa.batches.parsing import Item, Listing, Rejected
from medusa.commands import Answer, Call, Command, Later, Option
from medusa.commands.batch_acts import ACTS, act, offered
from medusa.commands.ordering import ASK, POSTING, QUALITY_OPTION, option_of, order_of
from medusa.commands.parsing import split_options
from medusa.errors import Transient, UserError
from medusa.model import Order, Spot
from medusa.names import display_name
from medusa.steps import all_wishes
from medusa.storage.batches import Batch, Places
from medusa.words import message_link

_MOST_REJECTED = 5
"""Rejected lines that are shown; more are counted."""
_OPTIONS = (QUALITY_OPTION, *POSTING, *map(option_of, all_wishes().values()))
_OF_A_LINE = tuple(one for one in _OPTIONS if one.name != "to")
"""What may stand behind a link of a list; all of them go to the same chat."""


async def _run(call: Call) -> Answer:
    acts = [word.lower() for word in call.words if word.lower() in ACTS]
    others = [word for word in call.words if word.lower() not in ACTS]
    if acts or (others and all(re.fullmatch(r"[#\d,–-]+", word) for word in others)):
        return await act(call, acts[0] if acts else "", others)
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
    asked, refused = _orders(call, listing.items, name)
    if not asked:
        raise UserError(_without_any("No line of that list can be used.", refused))
    spot, orders = await _placed(call, asked)
    places = Places.NONE if "fast" in call.options else Places.UNTRIED
    many = message_link(spot.chat_id, 1) is not None and len(orders) >= FROM
    indexed = ("index" in call.options or many) and "no-index" not in call.options
    message = call.message
    batch = await call.desk.conductor.batches.add(
        message.chat_id, message.message_id, name, str(spot), places, orders, time.time(), indexed=indexed
    )
    rejected = sorted((*listing.rejected, *refused), key=lambda one: one.line)
    return Later(partial(_surveyed, call, batch, [order for _, _, order in orders], rejected))


async def _surveyed(call: Call, batch: Batch, orders: Sequence[Order], rejected: Sequence[Rejected]) -> Answer:
    """Look at the links, while the message says how far that is, and ask what is to be done."""
    flight = await call.desk.flight(orders)
    head = _head(batch, len(orders), rejected)
    written = time.monotonic()

    async def told() -> None:
        nonlocal written
        if time.monotonic() - written >= PAUSE:
            written = time.monotonic()
            so_far = f"Looked at {len(flight.seen)} of {len(orders)} links …"
            text = "\n".join([*head, *flight.lines(), so_far])
            with suppress(UserError, Transient):  # the plan is what counts
                await call.desk.messenger.edit(call.message.chat_id, call.message.message_id, text)

    await survey(flight, orders, lambda order: call.desk.look(order, ""), told)
    return offered(call, batch, [*head, *flight.lines()], flight.dead)


async def _placed(
    call: Call, orders: Sequence[tuple[int, str, Order, Collection[str]]]
) -> tuple[Spot, list[tuple[int, str, Order]]]:
    """Where the batch goes, and its orders with what holds there."""
    message = call.message
    here, key = Spot(message.chat_id, message.topic), f"{message.chat_id} {message.message_id}"
    first, *others = await call.desk.destinations.together(call.options, here, key)
    if others:
        raise UserError("A batch goes to one chat: its items keep their order in that one.")
    going = call.desk.destinations.going
    placed = [
        (line, name, replace(going(order, (first,), here, given), to=str(first))) for line, name, order, given in orders
    ]
    return first, placed


def _orders(
    call: Call, items: Sequence[Item], name: str
) -> tuple[list[tuple[int, str, Order, Collection[str]]], list[Rejected]]:
    """The orders of the items with the names of their options, and the items whose options mean nothing."""
    found: list[tuple[int, str, Order, Collection[str]]] = []
    refused: list[Rejected] = []
    for item in items:
        try:
            found.append((item.line, item.name, *_order(call, item)))
        except UserError as error:
            refused.append(Rejected(item.line, item.name or item.link, error.user_text))
    total = len(found)
    numbered = [
        (line, called, replace(order, index=index, total=total, batch=name), given)
        for index, (line, called, order, given) in enumerate(found, start=1)
    ]
    return numbered, refused


def _order(call: Call, item: Item) -> tuple[Order, Collection[str]]:
    rest, options = split_options(item.options, _OF_A_LINE)
    if rest:
        raise UserError("something stands behind its link that is no option")
    given: Mapping[str, str] = {**call.options, **options}
    if given.get("quality") == ASK:
        raise UserError("-q ask is for one link; name the quality here")
    order = order_of(item.link, replace(call, options={**given, "name": options.get("name", item.name)}))
    return replace(order, name=order.name or None, section=item.section), given


def _head(batch: Batch, count: int, rejected: Sequence[Rejected]) -> list[str]:
    lines = [f"Batch {batch.id} “{batch.name}”: {count} items"]
    if rejected:
        more = len(rejected) - _MOST_REJECTED
        lines += [f"{len(rejected)} lines are left out:", *map(_rejection, rejected[:_MOST_REJECTED])]
        lines += [f"… and {more} more"] if more > 0 else []
    return lines


def _without_any(why: str, rejected: Sequence[Rejected]) -> str:
    return "\n".join([why, *map(_rejection, rejected[:_MOST_REJECTED])])


def _rejection(one: Rejected) -> str:
    return f"line {one.line}: {one.reason}: {one.text}"


COMMAND = Command(
    name="batch",
    family="Batch",
    about="post a list of links in order",
    usage="in reply to a .txt, or with lines below it | N go, pause, resume or cancel | retry N [PLACES] | "
    "failed N | links N",
    run=_run,
    lines=True,
    options=(
        Option(("--fast",), "post as they come, without keeping the order"),
        Option(("--living",), "leave out what is dead"),
        *_OPTIONS,
        Option(("--index",), "pin an index of the posts at the end; the rule for more than five in a channel"),
        Option(("--no-index",), "make no index"),
    ),
    examples=(
        "batch",
        "batch 3",
        "batch 3 go",
        "batch 3 only 12-80",
        "batch retry 3",
        "batch links 3",
        "batch -q 720 --silent",
    ),
)
