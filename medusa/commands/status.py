"""/status: what is running, live."""

from medusa.commands import Call, Command
from medusa.model import Role


async def _run(call: Call) -> None:
    await call.desk.show_live(call.message.chat_id, call.message.message_id)


COMMAND = Command(
    name="status",
    role=Role.VIEWER,
    aliases=("st",),
    family="Queue",
    about="what is running, in one live message",
    run=_run,
    examples=("status",),
)
