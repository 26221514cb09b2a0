"""/queue: what runs, what comes next, what waits and what is paused."""

import time

from markupsafe import Markup

from medusa.commands import Call, Command
from medusa.commands.people import whose
from medusa.errors import UserError
from medusa.model import Progress, Role
from medusa.names import quoted
from medusa.words import queue_line

PAGE = 20
"""Jobs on a page."""


async def _run(call: Call) -> str:
    counts = await call.desk.jobs.counts()
    last = max(1, -(-sum(counts.values()) // PAGE))
    page = _page(call.words, last)
    jobs = await call.desk.jobs.line((page - 1) * PAGE, PAGE)
    if not jobs:
        return "The queue is empty."
    now, progress = time.time(), {live.job.id: live.progress for live in call.desk.scheduler.live()}
    head = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    lines = [Markup("<b>Queue</b>: {}").format(head)]
    line = Markup("{}{}")
    lines += [
        line.format(queue_line(job, progress.get(job.id, Progress()), now), whose(call, job.order.person))
        for job in jobs
    ]
    if last > 1:
        more = f" More: {call.prefix}queue {page + 1}" if page < last else ""
        lines.append(Markup("Page {} of {}.{}").format(page, last, more))
    return Markup("\n").join(lines)


def _page(words: tuple[str, ...], last: int) -> int:
    if not words:
        return 1
    if len(words) > 1 or not (words[0].isascii() and words[0].isdigit()) or len(words[0]) > 9 or int(words[0]) == 0:
        raise UserError(f"{quoted(' '.join(words))} is no page; pages are numbered from 1.")
    if int(words[0]) > last:
        raise UserError(f"There is no page {int(words[0])}; the queue has {last}.")
    return int(words[0])


COMMAND = Command(
    name="queue",
    role=Role.VIEWER,
    aliases=("q",),
    family="Queue",
    about="what runs, what comes next, what waits and for what, and what is paused",
    usage="[PAGE]",
    run=_run,
    examples=("queue", "queue 2"),
)
