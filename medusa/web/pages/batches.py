"""The batches: lists of links that become posts in order."""

from medusa.commands.listing import NEWEST
from medusa.storage.batches import ItemState
from medusa.web.page import Given, Page, Visit

MOST = 50


async def _show(visit: Visit) -> Given:
    batches, before = visit.desk.conductor.batches, visit.number("before", NEWEST)
    found = await batches.recent(MOST + 1, before)
    rows = []
    for batch in found[:MOST]:
        counts = await batches.counts(batch.id)
        rows.append((batch, counts, batch.items - counts[ItemState.DROPPED]))
    return {"rows": rows, "states": ItemState, "more": len(found) > MOST, "newest": before == NEWEST}


PAGE = Page(path="/batches", title="Batches", show=_show, place=30, icon="batch", commands=frozenset({"batch"}))
