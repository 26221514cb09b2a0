"""/deny: let somebody in no more."""

from medusa.commands import Answer, Call, Command, Option
from medusa.commands.people import meant
from medusa.model import JobState, Role

_LIVE = (JobState.PAUSED, JobState.WAITING, JobState.QUEUED, JobState.RUNNING)


async def _run(call: Call) -> Answer:
    number, _ = await meant(call, list(call.words))
    person = await call.desk.access.deny(number, call.person)
    says = f"{person.name} is not let in any more."
    if "cancel" in call.options:
        live = await call.desk.jobs.of(number).numbers(*_LIVE)
        await call.desk.scheduler.together(JobState.CANCELLED, live)
        for left in await call.desk.jobs.of(number).numbers(*_LIVE):
            await call.desk.scheduler.cancel(left)
        return f"{says} {len(live)} jobs were cancelled."
    return f"{says} Jobs under way end with what they have; --cancel ends them at once."


COMMAND = Command(
    name="deny",
    family="People",
    about="let somebody in no more; what was posted stays",
    usage="@name | ID | in reply",
    run=_run,
    role=Role.ADMIN,
    options=(Option(("--cancel",), "end the jobs of this person, too"),),
    examples=("deny @anna", "deny 123456789 --cancel"),
)
