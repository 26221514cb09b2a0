"""Which items of a playlist are meant, and how they become a batch."""

import re
from collections.abc import Sequence
from dataclasses import replace

from medusa.batches.items import for_item
from medusa.batches.parsing import MOST_LINES
from medusa.commands import Answer, Aside, Call
from medusa.commands.gathering import Item, kept, placed
from medusa.commands.surveying import surveyed
from medusa.errors import UserError
from medusa.model import Order
from medusa.sources.described import Description
from medusa.storage.batches import Batch, BatchState

MOST = MOST_LINES
"""Items of a playlist that one command fetches: as many as a batch takes."""
FEW = 20
"""So many begin without the owner being asked."""
RANGE = r"(?:\d{1,6}|\d{0,6}[-:]\d{0,6})(?:,(?:\d{1,6}|\d{0,6}[-:]\d{0,6}))*"
"""How numbers of items are written: ``1-20``, ``5,7-9``, ``:10``, ``30:``."""


def items(text: str) -> str:
    """Numbers of items as yt-dlp writes them, at most so many as one command fetches; all when ``text`` is empty.

    Raises UserError for what names none.
    """
    kept, room = [], MOST
    for part in (text or ":").split(","):
        first, last = _bounds(part)
        last = min(last, first + room - 1)
        if last >= first:
            kept.append(f"{first}:{last}")
            room -= last - first + 1
    return ",".join(kept)


def wanted(text: str, count: int | None) -> int | None:
    """How many items of a playlist with ``count`` are meant; None while that is unknown."""
    spans = [_bounds(part) for part in (text or ":").split(",")]
    if count is None:
        return None
    return len({number for first, last in spans for number in range(first, min(last, count) + 1)})


async def fetched(call: Call, order: Order, found: Description, numbers: str, at: str) -> Answer:
    """Make a batch of those items that ``found`` holds, and begin at once where it is clear what is meant."""
    orders, remark = orders_of(order, found), left_out(found, numbers)
    batch = await made(call, orders, at)
    if not numbers and len(orders) > FEW and batch.state is BatchState.PLANNED:
        return await surveyed(call, batch, [one for _, _, one in orders], (), remark)
    if batch.state is BatchState.PLANNED:
        batch = await call.desk.conductor.start(batch)
    if {"header", "key"} & call.options.keys():
        return (
            f"Batch {batch.id}: {batch.items} items. What is secret is forgotten when they are done. {remark}".strip()
        )
    return Aside(remark) if remark else None


async def made(call: Call, orders: Sequence[Item], at: str = "") -> Batch:
    """The batch of a command's message, where the command says that it goes; it is made once. Raises UserError."""
    items = await placed(call, [(*one, call.options.keys()) for one in orders])
    return await kept(call, items[0][2].batch, items, at)


def orders_of(order: Order, found: Description, name: str = "") -> list[Item]:
    """What is asked for with each item of a playlist, as the items of a batch. Raises UserError for none."""
    if not found.entries:
        raise UserError(f"The playlist “{found.title}” has nothing there that can be fetched.")
    whole = replace(order, total=len(found.entries), batch=name or found.title)
    return [
        (index, one.title, replace(for_item(whole, one, found.title), index=index))
        for index, one in enumerate(found.entries, start=1)
    ]


def left_out(found: Description, numbers: str) -> str:
    """What of a playlist is not fetched, and why."""
    meant = wanted(numbers, found.count)
    skipped = f"{found.skipped} of its items lead nowhere that may be fetched. " if found.skipped else ""
    cut = f"That is {meant} items; these are the first {MOST}." if (meant or 0) > MOST else ""
    return f"“{found.title}”: {skipped}{cut}".strip() if skipped or cut else ""


def _bounds(part: str) -> tuple[int, int]:
    first, dash, last = re.sub("[-–]", ":", part).partition(":")
    begin, end = int(first or 1), int(last or 999_999) if dash else int(first or 0)
    if not 1 <= begin <= end:
        raise UserError(f"“{part}” names no items of a playlist. They are written 1-20, 5,7-9, :10 or 30:")
    return begin, end
