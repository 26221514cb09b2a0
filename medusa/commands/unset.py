"""/unset: return a setting to its default."""

from medusa.commands import Call, Command
from medusa.commands.scopes import SCOPES, chat, whose
from medusa.errors import UserError
from medusa.model import Role


async def _run(call: Call) -> str:
    if len(call.words) != 1:
        raise UserError(f"Which setting? For instance: {call.prefix}unset quality")
    key, settings = call.words[0].lower(), call.desk.settings
    if (channel := await chat(call, key)) is not None:
        await call.desk.destinations.registry.set_defaults(channel, {key: ""})
        return f"In “{channel.title}”, {key} is the common one again."
    person = await whose(call, key)
    setting = await settings.unset(key, person)
    return f"{setting.key} is {setting.show(settings.of(person, setting))} again."


COMMAND = Command(
    name="unset",
    role=Role.USER,
    audited=True,
    family="Settings",
    about="return a setting to its default",
    usage="KEY",
    run=_run,
    options=SCOPES,
    examples=("unset quality", "unset quality --for @anna"),
)
