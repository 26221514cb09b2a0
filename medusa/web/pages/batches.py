"""The batches: lists of links that become posts in order."""

from medusa.storage.batches import ItemState
from medusa.web.page import Given, Page, Visit

MOST = 50


async def _show(visit: Visit) -> Given:
    batches = visit.desk.conductor.batches
    rows = []
    for batch in await batches.recent(MOST):
        counts = await batches.counts(batch.id)
        rows.append((batch, counts, batch.items - counts[ItemState.DROPPED]))
    return {"rows": rows, "states": ItemState}


PAGE = Page(path="/batches", title="Batches", show=_show, place=30, icon="batch", commands=frozenset({"batch"}))
