"""/update: a newer yt-dlp, when the owner wants one, and the way back."""

from medusa.commands import Answer, Call, Command, Later
from medusa.errors import UserError
from medusa.model import Role


async def _run(call: Call) -> Answer:
    match [word.lower() for word in call.words]:
        case []:
            return Later(lambda: _update(call))
        case ["back"]:
            return await _back(call)
        case _:
            raise UserError(f"{call.prefix}update fetches the newest yt-dlp, {call.prefix}update back leaves it again.")


async def _update(call: Call) -> str:
    before, now = await call.desk.updater.update()
    if before == now:
        return f"yt-dlp {now} is in use already; the package index has nothing newer."
    return (
        f"yt-dlp {now} is in use from now on, in place of {before}; what runs already keeps the old one.\n"
        f"Should it not do: {call.prefix}update back"
    )


async def _back(call: Call) -> str:
    updater = call.desk.updater
    await updater.back(f"{call.message.chat_id}:{call.message.message_id}")
    return f"yt-dlp {updater.shown if updater.updated else f'{updater.used}, the built-in one,'} is in use."


COMMAND = Command(
    name="update",
    role=Role.OWNER,
    audited=True,
    family="Care",
    about="fetch the newest yt-dlp, try it out and use it, or go back to the one before",
    usage="[back]",
    run=_run,
    examples=("update", "update back"),
)
