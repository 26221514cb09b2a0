"""The lists that are watched, and what was taken of them last."""

import time

from medusa.watches import filters, times
from medusa.web.page import Given, Page, Visit
from medusa.words import clock

TAKEN = 5


async def _show(visit: Visit) -> Given:
    table, now = visit.desk.watcher.table, time.time()
    rows = [
        {
            "watch": watch,
            "when": str(times.restored(watch.times)),
            "only": str(filters.restored(watch.filters)),
            "due": clock(watch.due, now),
            "taken": await table.taken(watch.id, TAKEN),
        }
        for watch in await table.all()
    ]
    return {"rows": rows}


PAGE = Page(
    path="/watches",
    title="Watches",
    show=_show,
    place=40,
    icon="watch",
    commands=frozenset({"watch", "unwatch"}),
)
