"""/routes: the rules that say where posts go."""

from markupsafe import Markup

from medusa.channels.routes import conditions
from medusa.commands import Call, Command
from medusa.model import Role


async def _run(call: Call) -> str:
    destinations = call.desk.destinations
    rules = destinations.registry.rules
    if not rules:
        return f"There are no rules. For instance: {call.prefix}route add youtube.com audio Music"
    lines = [
        Markup("{}. {} → {}").format(rule.id, conditions(rule), destinations.shown(destinations.of_rule(rule)))
        for rule in rules
    ]
    rest = f"The first that fits decides; all else goes to {destinations.shown(destinations.default)}."
    return Markup("\n").join([*lines, Markup("{}").format(rest)])


COMMAND = Command(
    name="routes",
    family="Channels",
    about="the rules that say where posts go",
    run=_run,
    role=Role.ADMIN,
    examples=("routes",),
)
