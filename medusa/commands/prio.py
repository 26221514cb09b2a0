"""/prio: how soon jobs get their turn, and how large a share of the bandwidth."""

from medusa.commands import Answer, Call, Command
from medusa.commands.menus import which
from medusa.commands.parsing import numbers, priority
from medusa.commands.several import expect, to_many
from medusa.errors import UserError
from medusa.model import Job, JobState, Role

_LIVE = (JobState.RUNNING, JobState.QUEUED, JobState.WAITING, JobState.PAUSED)


async def _run(call: Call) -> Answer:
    *words, last = call.words or ("",)
    if not last[:1].isalpha():
        raise UserError(f"Which job, and how soon? For instance: {call.prefix}prio 3 high")
    wanted, level = numbers(words), priority(last)

    async def prioritise(number: int) -> Job:
        return await call.desk.scheduler.prioritise(number, level)

    async def alone(number: int) -> str:
        return _said(await prioritise(number))

    if len(wanted) == 1:
        await expect(call, wanted[0])
        return await alone(wanted[0])
    able = await call.desk.jobs.numbers(*_LIVE)
    if not wanted:
        return await which(call, able, alone, f"prio {{}} {level}", nothing="There is no job under way.")
    return await to_many(wanted, prioritise, able, others="no job under way", say=_said)


def _said(job: Job) -> str:
    return f"Job #{job.id} has {job.priority} priority."


COMMAND = Command(
    name="prio",
    role=Role.ADMIN,
    aliases=("priority",),
    family="Queue",
    about="how soon jobs get their turn (each step makes up for a day of waiting), and their share of the bandwidth",
    usage="[N…] high | normal | low",
    run=_run,
    examples=("prio high", "prio 3 high", "prio 1,4-6 9 low"),
)
