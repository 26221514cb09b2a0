"""/resume: have paused jobs go on where they stood."""

from functools import partial

from medusa.commands import Answer, Call, Command
from medusa.commands.several import each
from medusa.model import JobState


async def _run(call: Call) -> Answer:
    able = await call.desk.jobs.numbers(JobState.PAUSED)
    many = partial(call.desk.scheduler.together, JobState.QUEUED)
    return await each(call, call.desk.scheduler.resume, able, others="no paused job", many=many)


COMMAND = Command(
    name="resume",
    aliases=("unpause",),
    family="Queue",
    about="have paused jobs go on where they stood",
    usage="[N… | all]",
    run=_run,
    examples=("resume", "resume 3", "resume 1,4-6 9", "resume all"),
)
