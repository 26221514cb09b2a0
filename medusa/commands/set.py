"""/set: change a setting, at once and for good."""

from medusa.commands import Call, Command
from medusa.errors import UserError
from medusa.model import Role


async def _run(call: Call) -> str:
    if len(call.words) < 2:
        raise UserError(f"Which setting, and to what? For instance: {call.prefix}set quality 720")
    key, *value = call.words
    setting = await call.desk.settings.set(key.lower(), " ".join(value))
    return f"{setting.key} is now {setting.show(call.desk.settings[setting])}."


COMMAND = Command(
    name="set",
    role=Role.ADMIN,
    audited=True,
    family="Settings",
    about="change a setting",
    usage="KEY VALUE",
    run=_run,
    examples=("set quality 720", "set bare-links off"),
)
