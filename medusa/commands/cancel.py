"""/cancel: end jobs and remove what they have fetched."""

from functools import partial

from medusa.commands import Answer, Call, Command
from medusa.commands.several import each
from medusa.model import JobState

# What runs goes last, so that nothing starts in its place on the way.
_LIVE = (JobState.PAUSED, JobState.WAITING, JobState.QUEUED, JobState.RUNNING)


async def _run(call: Call) -> Answer:
    able = await call.desk.jobs.numbers(*_LIVE)
    many = partial(call.desk.scheduler.together, JobState.CANCELLED)
    return await each(call, call.desk.scheduler.cancel, able, others="no job under way", many=many)


COMMAND = Command(
    name="cancel",
    aliases=("stop",),
    family="Queue",
    about="end jobs and remove what they have fetched",
    usage="[N… | all]",
    run=_run,
    examples=("cancel", "cancel 3", "cancel 1,4-6 9", "cancel all"),
)
