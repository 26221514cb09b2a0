"""Looks at the links of a batch that is planned, and asks what is to be done with it."""

import time
from collections.abc import Sequence
from contextlib import suppress

from medusa.batches.conductor import PAUSE
from medusa.batches.flight import survey
from medusa.batches.parsing import Rejected
from medusa.commands import Answer, Call
from medusa.commands.batch_acts import offered
from medusa.errors import Transient, UserError
from medusa.model import Order
from medusa.storage.batches import Batch

MOST_REJECTED = 5
"""Rejected lines that are shown; more are counted."""


async def surveyed(
    call: Call, batch: Batch, orders: Sequence[Order], rejected: Sequence[Rejected], remark: str = ""
) -> Answer:
    """Look at the links, while the message says how far that is, and ask what is to be done."""
    flight = await call.desk.flight(orders)
    head = [*_head(batch, len(orders), rejected), *([remark] if remark else [])]
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
    return await offered(call, batch, [*head, *flight.lines()], flight.dead)


def _head(batch: Batch, count: int, rejected: Sequence[Rejected]) -> list[str]:
    lines = [f"Batch {batch.id} “{batch.name}”: {count} items"]
    if rejected:
        more = len(rejected) - MOST_REJECTED
        lines += [f"{len(rejected)} lines are left out:", *map(rejection, rejected[:MOST_REJECTED])]
        lines += [f"… and {more} more"] if more > 0 else []
    return lines


def rejection(one: Rejected) -> str:
    return f"line {one.line}: {one.reason}: {one.text}"
