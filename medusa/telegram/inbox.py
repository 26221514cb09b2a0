"""Turns Telegram's updates into a stream of the messages that may be commands."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from medusa.telegram.client import Account


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message from the owner: where it stands, what it says, and what it answers to."""

    chat_id: int
    message_id: int
    text: str
    reply_to: int | None = None
    private: bool = True
    """True in Saved Messages, False in channels and groups."""


async def incoming(account: Account, listens_to: Callable[[int], bool]) -> AsyncIterator[Incoming]:
    """What the owner wrote, in Saved Messages or in a chat that ``listens_to`` accepts, without end.

    Only messages of the account itself come through: forwards are not commands, and nobody else is obeyed.
    What other sessions of the account send arrives as updates; what this session sends itself does not. Asking for the
    next message says that the one before has been dealt with.
    """
    while True:
        event = await account.received.get()
        message = event.message
        private = event.chat_id == account.user_id
        if message.out and not message.fwd_from and (private or listens_to(event.chat_id)):
            yield Incoming(event.chat_id, message.id, message.message or "", message.reply_to_msg_id, private=private)
        account.received.done()
