"""/cancel: end jobs and remove what they have fetched."""

from functools import partial

from medusa.commands import Answer, Call, Command
from medusa.commands.several import LIVE, each
from medusa.model import JobState


async def _run(call: Call) -> Answer:
    able = await call.desk.jobs.numbers(*LIVE)
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
