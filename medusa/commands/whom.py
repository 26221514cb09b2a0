"""Whose data a command means."""

import re

from medusa.commands import Call
from medusa.errors import UserError
from medusa.names import quoted


async def person(call: Call, text: str) -> int:
    """The Telegram id of a person: given as one, which Telegram need not know any more, or as @name.

    Raises UserError.
    """
    if not text.startswith("@"):
        if not re.fullmatch(r"[1-9][0-9]{2,15}", text):
            raise UserError(f"Who is {quoted(text)}? Give a Telegram id, or a name with @.")
        number = int(text)
    else:
        number, _ = await call.desk.people.find(text)
    if number == call.desk.messenger.home:
        raise UserError(f"That is you, the owner, whose data are everything: see {call.prefix}{call.command} --help.")
    return number
