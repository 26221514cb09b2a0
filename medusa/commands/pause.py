"""/pause: stop jobs and keep what they have done."""

from functools import partial

from medusa.commands import Answer, Call, Command
from medusa.commands.several import each
from medusa.model import JobState

# What runs goes last, so that nothing starts in its place on the way.
_MOVING = (JobState.WAITING, JobState.QUEUED, JobState.RUNNING)


async def _run(call: Call) -> Answer:
    able = await call.desk.jobs.numbers(*_MOVING)
    many = partial(call.desk.scheduler.together, JobState.PAUSED)
    return await each(call, call.desk.scheduler.pause, able, others="no job that could be paused", many=many)


COMMAND = Command(
    name="pause",
    aliases=("hold",),
    family="Queue",
    about="stop jobs and keep what they have fetched and uploaded, until they are resumed",
    usage="[N… | all]",
    run=_run,
    examples=("pause", "pause 3", "pause 1,4-6 9", "pause all"),
)
