"""/set: change a setting, at once and for good."""

from medusa.commands import Call, Command
from medusa.commands.scopes import SCOPES, chat, whose
from medusa.errors import UserError
from medusa.model import Role


async def _run(call: Call) -> str:
    if len(call.words) < 2:
        raise UserError(f"Which setting, and to what? For instance: {call.prefix}set quality 720")
    key, value, settings = call.words[0].lower(), " ".join(call.words[1:]), call.desk.settings
    if (channel := await chat(call, key)) is not None:
        changed = await call.desk.destinations.registry.set_defaults(channel, {key: value})
        return f"In “{channel.title}”, {key} is {changed.defaults.get(key) or 'the common one'} now."
    person = await whose(call, key)
    setting = await settings.set(key, value, person)
    whom = f" for the jobs of {call.desk.access.name(person)}" if person else ""
    return f"{setting.key} is now {setting.show(settings.of(person, setting))}{whom}."


COMMAND = Command(
    name="set",
    role=Role.USER,
    audited=True,
    family="Settings",
    about="change a setting",
    usage="KEY VALUE",
    run=_run,
    options=SCOPES,
    examples=("set quality 720", "set bare-links off", "set quality 480 --for @anna", "set silent on --chat Films"),
)
