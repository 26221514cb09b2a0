"""/retry: queue jobs anew that have failed or were cancelled, and have those that wait try at once."""

import time

from medusa.commands import Answer, Call, Command
from medusa.commands.menus import MOST
from medusa.commands.parsing import numbers
from medusa.commands.several import each
from medusa.model import Job, JobState

RECENT = 7 * 86400.0
"""Seconds; what has failed before that is tried again by its number only."""
_LOOKED_AT = 200
"""The newest jobs, among which those are looked for that a menu offers."""


async def _run(call: Call) -> Answer:
    desk = call.desk

    async def retry(number: int) -> Job:
        job = await desk.scheduler.retry(number)
        desk.announce(job.chat_id, job.message_id)
        return job

    if not call.words:
        able = await _latest(call)
    elif [word.lower() for word in call.words] == ["failed"]:
        able = await desk.jobs.failed(time.time() - RECENT)
    else:
        able = [*await desk.jobs.unsuccessful(numbers(call.words)), *await desk.jobs.numbers(JobState.WAITING)]
    return await each(call, retry, able, others="no job that failed, was cancelled or waits", all_of_them="failed")


async def _latest(call: Call) -> list[int]:
    """The numbers of the latest jobs that have failed or were cancelled, as many as a menu has choices."""
    since = time.time() - RECENT
    found = [
        job.id
        for job in await call.desk.jobs.recent(_LOOKED_AT)
        if job.state in (JobState.FAILED, JobState.CANCELLED) and (job.ended or 0.0) >= since
    ]
    return found[:MOST]


COMMAND = Command(
    name="retry",
    aliases=("again",),
    family="Queue",
    about="try jobs again, from the start, that have failed (“failed”: all those of the last week) or were cancelled; "
    "have those that wait try at once",
    usage="[N… | failed]",
    run=_run,
    examples=("retry", "retry 3", "retry 1,4-6 9", "retry failed"),
)
