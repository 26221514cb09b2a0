"""Whom a command means."""

import re

from medusa.commands import Call
from medusa.errors import UserError
from medusa.model import Spot
from medusa.names import quoted


async def person(call: Call, text: str) -> int:
    """The Telegram id of a person, given as one or as @name. Raises UserError."""
    if re.fullmatch(r"[0-9]{3,16}", text):
        return int(text)
    if not text.startswith("@"):
        raise UserError(f"Who is {quoted(text)}? Give a Telegram id, or a name with @.")
    chat = await call.desk.destinations.find(text, Spot(call.message.chat_id))
    if chat.id <= 0:
        raise UserError(f"{text} is no person.")
    return chat.id
