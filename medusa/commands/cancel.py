"""/cancel: end jobs and remove what they have fetched."""

import asyncio

from medusa.commands import Call, Command
from medusa.commands.parsing import numbers
from medusa.errors import UserError
from medusa.model import Job


async def _run(call: Call) -> str:
    live = {job.id for job in await call.desk.jobs.live()}
    if [word.lower() for word in call.words] == ["all"]:
        wanted = sorted(live)
        if not wanted:
            return "There is nothing to cancel."
    else:
        wanted = numbers(call.words)
    if not wanted:
        raise UserError(f"Which job? For instance: {call.prefix}cancel 3, or {call.prefix}cancel all")
    if len(wanted) == 1:
        return _line(await call.desk.scheduler.cancel(wanted[0]))
    found = [number for number in wanted if number in live]
    lines = [_line(job) for job in await asyncio.gather(*(_cancel(call, number) for number in found)) if job]
    if len(found) < len(wanted):
        lines.append(f"{len(wanted) - len(found)} of these numbers belong to no job under way.")
    return "\n".join(lines)


async def _cancel(call: Call, number: int) -> Job | None:
    try:
        return await call.desk.scheduler.cancel(number)
    except UserError:
        return None  # it has ended by itself in the meantime


def _line(job: Job) -> str:
    return f"Job #{job.id} is {job.state}."


COMMAND = Command(
    name="cancel",
    aliases=("stop",),
    family="Queue",
    about="end jobs and remove what they have fetched",
    usage="N… | all",
    run=_run,
    examples=("cancel 3", "cancel 1,4-6", "cancel all"),
)
