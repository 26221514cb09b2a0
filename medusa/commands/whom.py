"""Whose data a command means."""

from medusa.care.ids import person_id
from medusa.commands import Call
from medusa.errors import UserError
from medusa.names import quoted


async def person(call: Call, text: str) -> int:
    """The Telegram id of a person: given as one, which Telegram need not know any more, or as @name.

    Raises UserError.
    """
    if not text.startswith("@"):
        number = person_id(text)
        if number is None:
            raise UserError(f"Who is {quoted(text)}? Give a Telegram id, or a name with @.")
    else:
        number, _ = await call.desk.people.find(text)
    if number == call.desk.messenger.home:
        raise UserError(f"That is you, the owner, whose data are everything: see {call.prefix}{call.command} --help.")
    return number
