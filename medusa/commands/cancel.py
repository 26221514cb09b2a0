"""/cancel: end jobs and remove what they have fetched."""

from medusa.commands import Call, Command
from medusa.commands.parsing import numbers
from medusa.errors import UserError


async def _run(call: Call) -> str:
    if [word.lower() for word in call.words] == ["all"]:
        wanted = [job.id for job in await call.desk.jobs.live()]
        if not wanted:
            return "There is nothing to cancel."
    else:
        wanted = numbers(call.words)
    if not wanted:
        raise UserError(f"Which job? For instance: {call.prefix}cancel 3, or {call.prefix}cancel all")
    return "\n".join([await _cancel(call, number) for number in wanted])


async def _cancel(call: Call, number: int) -> str:
    try:
        job = await call.desk.scheduler.cancel(number)
    except UserError as error:
        return error.user_text
    return f"Job #{number} is {job.state}."


COMMAND = Command(
    name="cancel",
    aliases=("stop",),
    family="Queue",
    about="end jobs and remove what they have fetched",
    usage="N… | all",
    run=_run,
    examples=("cancel 3", "cancel 1,4-6", "cancel all"),
)
