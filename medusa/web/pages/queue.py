"""The queue: what runs, what comes next, what waits, what is paused, and what has ended lately."""

import re

from medusa.errors import UserError
from medusa.web.page import Fields, Given, Page, Visit

JOBS = 25
"""Jobs on a page."""
_ENDED = 10
"""Jobs below the queue that have ended."""
_LOOKED_AT = 50


async def _show(visit: Visit) -> Given:
    jobs = visit.desk.jobs
    counts = await jobs.counts()
    last = max(1, -(-sum(counts.values()) // JOBS))
    number = min(max(visit.number("page", 1), 1), last)
    line = await jobs.line((number - 1) * JOBS, JOBS)
    ended = [job for job in await jobs.recent(_LOOKED_AT) if job.state.ended][:_ENDED] if number == 1 else []
    live = {one.job.id: one for one in visit.desk.scheduler.live()}
    return {"counts": counts, "line": line, "ended": ended, "live": live, "number": number, "last": last}


def _words(fields: Fields) -> str:
    """The form that adds links: as many as are wanted, and the options of /dl behind them."""
    links = " ".join(fields.get("links", "").split())
    if not links:
        raise UserError("Which links? Write one or more of them.")
    quality = fields.get("quality", "")
    chosen = f"-q {quality}" if re.fullmatch(r"best|audio|[1-9][0-9]{1,3}", quality) else ""
    return " ".join(part for part in ("dl", links, chosen, fields.get("options", "").strip()) if part)


PAGE = Page(
    path="/",
    title="Queue",
    show=_show,
    place=10,
    icon="queue",
    commands=frozenset({"dl", "pause", "resume", "cancel", "retry", "move", "prio"}),
    words=_words,
)
