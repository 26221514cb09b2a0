"""/help: what can be said, generated from the commands themselves."""

from collections.abc import Mapping
from difflib import get_close_matches

from markupsafe import Markup

from medusa.commands import Call, Command
from medusa.errors import UserError
from medusa.model import Role
from medusa.names import brief


async def _run(call: Call) -> str:
    if not call.words:
        own = {name: one for name, one in call.desk.commands.items() if one.role <= call.person.role}
        return overview(own, call.prefix)
    name = call.words[0].lstrip("/.").lower()
    names = {name: command for command in call.desk.commands.values() for name in (command.name, *command.aliases)}
    if name not in names:
        near = get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]}?" if near else f"See {call.prefix}help."
        raise UserError(f"There is no command {brief(name)}. {hint}")
    return page(names[name], call.prefix)


def overview(commands: Mapping[str, Command], prefix: str) -> Markup:
    """All commands by family, one line each."""
    families: dict[str, list[Command]] = {}
    for command in commands.values():
        families.setdefault(command.family, []).append(command)
    blocks = [
        Markup("\n").join(
            [Markup("<b>{}</b>").format(family)]
            + [Markup("<code>{}{}</code> – {}").format(prefix, c.name, c.about) for c in sorted(group, key=_by_name)]
        )
        for family, group in sorted(families.items())
    ]
    last = Markup("A lone link is taken as {0}dl. More on one of them: <code>{0}help dl</code>").format(prefix)
    return Markup("\n\n").join([*blocks, last])


def page(command: Command, prefix: str) -> Markup:
    """One command in full: usage, options, examples."""
    lines = [
        Markup("<b>{}{}</b> {}").format(prefix, command.name, command.usage),
        Markup("{}").format(command.about[:1].upper() + command.about[1:] + "."),
    ]
    if command.aliases:
        lines.append(Markup("Also: {}").format(", ".join(prefix + alias for alias in command.aliases)))
    if command.options:
        lines.append(Markup(""))
    for option in command.options:
        takes = f" ({option.takes})" if option.takes else ""
        lines.append(Markup("<code>{}</code> {}{}").format(", ".join(option.flags), option.about, takes))
    if command.examples:
        lines += [Markup(""), Markup("For instance:")]
        lines += [Markup("<code>{}{}</code>").format(prefix, example) for example in command.examples]
    return Markup("\n").join(lines)


def _by_name(command: Command) -> str:
    return command.name


COMMAND = Command(
    name="help",
    role=Role.VIEWER,
    aliases=("start", "commands"),
    family="Care",
    about="what can be said",
    usage="[COMMAND]",
    run=_run,
    examples=("help", "help dl"),
)
