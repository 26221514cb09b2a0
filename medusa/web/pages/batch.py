"""One batch, place by place."""

from medusa.batches.words import numbered
from medusa.errors import UserError
from medusa.model import Spot
from medusa.names import display_name
from medusa.storage.batches import ItemState
from medusa.web.page import Given, Page, Visit
from medusa.words import message_link

PLACES = 200
"""Places on a page."""


async def _show(visit: Visit) -> Given:
    batches, number = visit.desk.conductor.batches, visit.number("number")
    batch = await batches.get(number)
    if batch is None:
        raise UserError(f"There is no batch {number}.")
    counts = await batches.counts(number)
    first = max(1, visit.number("from", 1))
    outcomes = await batches.outcomes(batch, first=first, limit=PLACES + 1)
    chat_id = Spot.read(batch.spot).chat_id
    rows = [
        {
            "title": display_name(numbered(one.item, one.title or one.item.name or one.item.order.link)),
            "section": one.item.order.section,
            "state": str(one.item.state),
            "reason": one.reason or one.item.reason,
            "link": message_link(chat_id, one.post_id) if one.post_id else None,
            "job": one.item.job_id,
            "seq": one.item.seq,
        }
        for one in outcomes[:PLACES]
    ]
    turns = {"earlier": max(1, first - PLACES) if first > 1 else None, "more": len(outcomes) > PLACES}
    return {"batch": batch, "counts": counts, "states": ItemState, "rows": rows, **turns}


PAGE = Page(path="/batches/{number}", title="Batch", show=_show, icon="batch", commands=frozenset({"batch"}))
