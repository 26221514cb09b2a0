"""/settings: every setting with its value and what it takes."""

from markupsafe import Markup

from medusa.commands import Call, Command
from medusa.model import Role
from medusa.settings import FAMILIES, Setting, find


async def _run(call: Call) -> str:
    if call.words:
        wanted = " ".join(call.words).lower()
        named = [one for family, some in FAMILIES.items() if family.lower() == wanted for one in some]
        return Markup("\n\n").join([_full(call, one) for one in named or [find(wanted)]])
    blocks = []
    for family, some in FAMILIES.items():
        lines = [_line(call, one) for one in some if one.personal or not call.person.alone]
        blocks += [Markup("\n").join([Markup("<b>{}</b>").format(family), *lines])] if lines else []
    more = Markup("More: <code>{0}settings quality</code>, or a family. Change one: <code>{0}set KEY VALUE</code>")
    return Markup("\n\n").join([*blocks, more.format(call.prefix)])


def _line(call: Call, setting: Setting[object]) -> Markup:
    """The value that is in force for who asks, and the default where that is another one."""
    value = setting.show(call.desk.settings.of(call.person.id, setting))
    mark = "" if value == setting.show(setting.default) else f" (default {setting.show(setting.default)})"
    return Markup("{} = <b>{}</b>{}").format(setting.key, value, mark)


def _full(call: Call, setting: Setting[object]) -> Markup:
    settings, access = call.desk.settings, call.desk.access
    lines = [_line(call, setting), Markup("{}; {}").format(setting.about, setting.form)]
    if not call.person.alone:
        own = [(one.name, settings.own(one.id).get(setting.key)) for one in access.people()]
        lines += [Markup("{} has {}").format(name, value) for name, value in own if value is not None]
        chats = call.desk.destinations.registry.channels.values()
        here = [(one.title, one.defaults[setting.key]) for one in chats if setting.key in one.defaults]
        lines += [Markup("in “{}” it is {}").format(title, value) for title, value in here]
    return Markup("\n").join(lines)


COMMAND = Command(
    name="settings",
    role=Role.VIEWER,
    family="Settings",
    about="every setting with its value; with a name, everything about it",
    usage="[NAME | FAMILY]",
    run=_run,
    examples=("settings", "settings quality", "settings limits"),
)
