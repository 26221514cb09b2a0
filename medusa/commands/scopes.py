"""What /set and /unset share: for whom a setting is changed, all, one person, or the posts in one chat."""

from medusa.channels.registry import fields
from medusa.commands import Call, Option
from medusa.commands.people import found
from medusa.errors import UserError
from medusa.model import Role, Spot
from medusa.settings import ALL, find
from medusa.storage.channels import Channel

SCOPES = (
    Option(("--for",), "for this person's own jobs alone", "@name or an id", role=Role.ADMIN),
    Option(("--chat",), "for the posts in this chat alone, as /channel set does", "a registered chat", role=Role.ADMIN),
)


async def whose(call: Call, key: str) -> int:
    """Whose own setting is meant, by Telegram's id; 0 for the common one.

    Raises UserError, also for a common one, and for somebody's, that is not for the caller to change.
    """
    if "for" in call.options:
        number, _ = await found(call, call.options["for"])
        access = call.desk.access
        person = access.known(number) if number == call.person.id else access.below(number, call.person)
        return person.id
    if call.person.role < Role.ADMIN:
        return call.person.id
    if find(key).role > call.person.role:
        raise UserError(f"{key} is for the owner, not for you.")
    return 0


async def chat(call: Call, key: str) -> Channel | None:
    """The registered chat that is meant, None without --chat. Raises UserError, also for what no chat has."""
    if "chat" not in call.options:
        if key in fields() and key not in ALL:
            raise UserError(f"{key} is set for one chat: put --chat and the chat behind it.")
        return None
    if "for" in call.options:
        raise UserError("Either for one person or in one chat: --for and --chat exclude one another.")
    if key not in fields():
        raise UserError(f"{key} is the same in all chats; of a chat there are {', '.join(fields())}.")
    chat_id = (await call.desk.destinations.find(call.options["chat"], Spot(call.message.chat_id))).id
    channel = call.desk.destinations.registry.channels.get(chat_id)
    if channel is None:
        raise UserError(f"That chat is not registered. {call.prefix}channel add does that.")
    return channel
