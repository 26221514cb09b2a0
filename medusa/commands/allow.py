"""/allow: let somebody in, with a role."""

from collections.abc import Collection

from medusa.commands import Answer, Call, Command, Option
from medusa.commands.people import meant
from medusa.errors import UserError
from medusa.model import Role, Spot
from medusa.names import quoted
from medusa.settings import OTHERS

_ROLES = {str(role): role for role in Role}


async def _run(call: Call) -> Answer:
    words = list(call.words)
    number, name = await meant(call, words)
    access = call.desk.access
    known = access.person(number)
    if len(words) > 1 or (words and words[0].lower() not in _ROLES):
        raise UserError(f"{quoted(' '.join(words))} is no role: there are viewer, user and admin.")
    role = _ROLES[words[0].lower()] if words else known.role if known else Role.USER
    chats = await _chats(call, known.chats if known else ())  # first: when there is no such chat, nothing is done
    person = await access.allow(number, name, role, call.person)
    if "trust" in call.options or "no-trust" in call.options:
        person = await access.trust(number, call.person, trusted="trust" in call.options)
    if chats is not None:
        person = await access.grant(number, chats, call.person)
    says = f"{person.name} is {'an' if role is Role.ADMIN else 'a'} {person.role} now."
    if person.trusted:
        says += " Your cookies and tokens serve these jobs, too."
    if person.chats:
        shown = call.desk.destinations.shown
        says += f" Posts may go to {', '.join(shown(Spot(chat)) for chat in person.chats)}, too."
    if not call.desk.settings[OTHERS]:
        return f"{says} Nobody is heard but you, though, until {call.prefix}set others on."
    return f"{says} Commands are obeyed in the private chat with this account, and in registered chats."


async def _chats(call: Call, before: Collection[int]) -> set[int] | None:
    """The chats that --to adds to those of before, or --no-to takes back; None without either. Raises UserError."""
    if not {"to", "no-to"} & call.options.keys():
        return None
    chats = set[int]() if "no-to" in call.options else set(before)
    if "to" in call.options:
        message = call.message
        here = Spot(message.chat_id, message.topic)
        spots = await call.desk.destinations.spots(call.options["to"], here, f"{message.chat_id} {message.message_id}")
        chats |= {spot.chat_id for spot in spots}
    return chats


COMMAND = Command(
    name="allow",
    family="People",
    about="let somebody in: a viewer looks at everything, a user has jobs and sees those alone, an admin has to do "
    "with everybody's",
    usage="@name | ID | in reply [viewer | user | admin]",
    run=_run,
    role=Role.ADMIN,
    options=(
        Option(("--trust",), "let your cookies, tokens and headers serve this person's jobs, too", role=Role.OWNER),
        Option(("--no-trust",), "let them no more", role=Role.OWNER),
        Option(("--to",), "a chat of yours into which this person may post, too", "a chat", many=True),
        Option(("--no-to",), "take all such chats back"),
    ),
    examples=('allow @anna --to "Films"', "allow @anna user", "allow 123456789 viewer", "allow @anna --trust"),
)
