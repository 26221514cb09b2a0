"""/route: rules that say where posts go, by site, kind and size."""

from functools import partial

from medusa.channels.routes import FORMS, KINDS, conditions, deciding, possible, read_rule
from medusa.commands import Answer, Call, Command, Later
from medusa.commands.ordering import link_of, order_of
from medusa.commands.parsing import numbers
from medusa.errors import UserError
from medusa.model import Order, Role, Spot
from medusa.sources.described import Description
from medusa.storage.channels import Rule
from medusa.words import size


async def _run(call: Call) -> Answer:
    what, *words = call.words or ("",)
    match what.lower():
        case "add" if len(words) > 1:
            return await _add(call, words)
        case "remove" if len(words) == 1:
            return await _remove(call, words[0])
        case "try" if len(words) == 1:
            order = order_of(link_of(words[0]), call)
            return Later(partial(_try, call, order))
    raise UserError(
        f"{call.prefix}route add CONDITIONS CHAT, remove N, or try LINK. Conditions are {FORMS}; all of them must hold."
    )


async def _add(call: Call, words: list[str]) -> str:
    destinations, *asked = call.desk.destinations, *words[:-1]
    read_rule(asked, "")  # before anything is made
    key = f"{call.message.chat_id} {call.message.message_id}"
    spot = await destinations.spot(words[-1], Spot(call.message.chat_id, call.message.topic), key)
    rule = await destinations.registry.add_rule(read_rule(asked, str(spot)))
    return f"Rule {rule.id}: {conditions(rule)} → {destinations.shown(spot)}."


async def _remove(call: Call, word: str) -> str:
    [number, *others] = numbers([word])
    if others:
        raise UserError("One rule at a time.")
    await call.desk.destinations.registry.remove_rule(number)
    return f"Rule {number} is gone. What was asked for before goes by the rules that are left, unless it has begun."


async def _try(call: Call, order: Order) -> Answer:
    """Which rule would decide about a link, and where it would go."""
    destinations = call.desk.destinations
    rules = possible(destinations.registry.rules, order.host)
    if not rules:
        return f"No rule fits {order.host}: it would go to {destinations.shown(destinations.default)}."
    if not rules[0].needs_file:
        return _decision(call, rules[0])
    found = await call.desk.look(order, "")
    kind, count = _kind(found), _size(found)
    if kind is None:
        return f"“{found.title}” is a {found.kind}: the rules decide about each of its items."
    rule = deciding(rules, order.host, kind, count)
    seen = f"{kind}, {size(count)}" if count else f"{kind}, of unknown size"
    said = (
        _decision(call, rule) if rule else f"No rule fits: it would go to {destinations.shown(destinations.default)}."
    )
    return f"“{found.title}” looks like {seen}. {said}\nIt is decided by the file itself, once that is there."


def _decision(call: Call, rule: Rule) -> str:
    destinations = call.desk.destinations
    return f"Rule {rule.id} ({conditions(rule)}) would post it in {destinations.shown(destinations.of_rule(rule))}."


def _kind(found: Description) -> str | None:
    """What a rule would take it for, as far as the link tells; None for what is more than one file."""
    if found.kind in ("playlist", "gallery"):
        return None
    kind = found.kind.partition("/")[0]
    if found.taken is not None and found.taken.quality == "audio":
        return "audio"
    return kind if kind in KINDS else "video" if found.versions else "file"


def _size(found: Description) -> int:
    return found.size or (found.taken and found.taken.size) or 0


COMMAND = Command(
    name="route",
    role=Role.ADMIN,
    audited=True,
    family="Channels",
    about="rules that say where posts go, by site, kind and size",
    usage="add SITE|KIND|SIZE… CHAT | remove N | try LINK",
    run=_run,
    examples=(
        "route add youtube.com audio Music",
        'route add video >1G "Long films"',
        "route try https://example.com/a",
    ),
)
