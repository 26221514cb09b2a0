"""/deny: let somebody in no more."""

from functools import partial

from medusa.commands import Answer, Call, Command, Option
from medusa.commands.people import meant
from medusa.commands.several import LIVE, to_many
from medusa.model import JobState, Role


async def _run(call: Call) -> Answer:
    access, scheduler = call.desk.access, call.desk.scheduler
    number, name = await meant(call, list(call.words))
    live = await call.desk.jobs.of(number).numbers(*LIVE) if "cancel" in call.options else []
    if access.person(number) is not None or not live:  # jobs may be left of who is let in no more
        await access.deny(number, call.person)
    says = f"{name} is not let in any more."
    if live:
        many = partial(scheduler.together, JobState.CANCELLED)
        ended = await to_many(live, scheduler.cancel, live, others="no job under way", many=many)
        return f"{says}\n{ended}"
    left = "" if "cancel" in call.options else " Jobs under way end with what they have; --cancel ends them at once."
    return f"{says}{left}"


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
