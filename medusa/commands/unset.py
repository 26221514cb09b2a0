"""/unset: return a setting to its default."""

from medusa.commands import Call, Command
from medusa.errors import UserError
from medusa.model import Role


async def _run(call: Call) -> str:
    if len(call.words) != 1:
        raise UserError(f"Which setting? For instance: {call.prefix}unset quality")
    setting = await call.desk.settings.unset(call.words[0].lower())
    return f"{setting.key} is {setting.show(call.desk.settings[setting])} again."


COMMAND = Command(
    name="unset",
    role=Role.ADMIN,
    audited=True,
    family="Settings",
    about="return a setting to its default",
    usage="KEY",
    run=_run,
    examples=("unset quality",),
)
