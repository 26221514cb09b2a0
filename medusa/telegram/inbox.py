"""Turns Telegram's updates into a stream of the messages that may be commands."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from telethon import utils
from telethon.tl import types

from medusa.telegram.client import Account
from medusa.telegram.errors import translated


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that may be a command: where it stands, what it says, and what it answers to."""

    chat_id: int
    message_id: int
    text: str
    reply_to: int | None = None
    private: bool = True
    """True in Saved Messages, False in channels and groups."""
    topic: int | None = None
    """The topic of a forum in which it stands, by the number of its opening message; None in the general one."""
    person: int = 0
    """Who wrote it, by Telegram's id; 0 is the owner."""
    original: int | None = None
    """What somebody else wrote, where ``message_id`` is the account's reply that stands in for it."""


async def incoming(
    account: Account, listens_to: Callable[[int], bool], knows: Callable[[int], bool]
) -> AsyncIterator[Incoming]:
    """What was written in Saved Messages or in a chat that ``listens_to`` accepts, without end.

    Only messages of the account itself come through, and those of people whom it ``knows``, in their private chats with
    it, too. Forwards are not commands.
    What other sessions of the account send arrives as updates; what this session sends itself does not. Asking for the
    next message says that the one before has been dealt with.
    """
    while True:
        event = await account.received.get()
        message = event.message
        private = event.chat_id == account.user_id
        person = 0 if message.out else message.sender_id or -1
        here = private or listens_to(event.chat_id) or event.chat_id == person
        if here and not message.fwd_from and (not person or knows(person)):
            topic, reply_to = _answered(message.reply_to)
            text = message.message or ""
            yield Incoming(event.chat_id, message.id, text, reply_to, private=private, topic=topic, person=person)
        account.received.done()


def _answered(header: Any) -> tuple[int | None, int | None]:
    """The topic in which a message stands, and the message that it replies to.

    Whatever stands in a topic replies to its opening message, unless it replies to another one there
    (https://core.telegram.org/api/forum#forum-topics).
    """
    reply_to = getattr(header, "reply_to_msg_id", None)
    if not getattr(header, "forum_topic", False):
        return None, reply_to
    topic = header.reply_to_top_id or reply_to
    return topic, reply_to if reply_to != topic else None


async def follow(account: Account, chats: Iterable[int]) -> None:
    """See to it that from now on nothing is missed that is written in these chats while Medusa is away.

    Without a known place, Telethon ignores that a channel has something new, and it stores a place only after a minute
    (https://core.telegram.org/api/updates#subscribing-to-updates-of-channels-supergroups). Raises MedusaError.
    """
    session = account.client.session
    channels = {chat for chat in chats if utils.resolve_id(chat)[1] is types.PeerChannel}
    fresh = {chat for chat in channels if session.get_update_state(utils.resolve_id(chat)[0]) is None}
    if not fresh:
        return
    with translated():
        async for dialog in account.client.iter_dialogs():
            if dialog.id in fresh:
                await session.begin(utils.resolve_id(dialog.id)[0], dialog.dialog.pts)
                fresh.discard(dialog.id)
            if not fresh:
                return
