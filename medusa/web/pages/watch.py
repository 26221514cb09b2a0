"""One watched list: when it is looked at, what its runs have taken, and what became of that."""

import time

from medusa.errors import UserError
from medusa.names import display_name
from medusa.watches import filters, times
from medusa.web.page import Given, Page, Visit
from medusa.words import clock, message_link

RUNS, ITEMS = 20, 50


async def _show(visit: Visit) -> Given:
    table, number, now = visit.desk.watcher.table, visit.number("number"), time.time()
    watch = await table.get(number)
    if watch is None:
        raise UserError(f"There is no watch {number}.")
    spot = watch.order.spots[0]
    items = [
        (one, display_name(one.name or one.link), message_link(spot.chat_id, one.post_id) if one.post_id else None)
        for one in await table.taken(number, ITEMS)
    ]
    return {
        "watch": watch,
        "when": str(times.restored(watch.times)),
        "only": str(filters.restored(watch.filters)),
        "due": clock(watch.due, now),
        "goes": visit.desk.destinations.shown(spot),
        "runs": await table.runs(number, RUNS),
        "items": items,
    }


PAGE = Page(path="/watches/{number}", title="Watch", show=_show, icon="watch", commands=frozenset({"watch"}))
