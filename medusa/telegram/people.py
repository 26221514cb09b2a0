"""Finds out who somebody is."""

from telethon import errors as rpc
from telethon import utils
from telethon.tl import types

from medusa.errors import UserError
from medusa.names import quoted
from medusa.telegram.client import Account
from medusa.telegram.errors import translated
from medusa.telegram.messages import Messenger


class People:
    """Asks Telegram for people."""

    def __init__(self, account: Account, messenger: Messenger) -> None:
        self._client = account.client
        self._messenger = messenger

    async def find(self, word: str) -> tuple[int, str]:
        """Id and name of a person by ``@name`` or id. Raises UserError when there is none that this account knows."""
        with translated():
            try:
                entity = await self._client.get_entity(int(word) if word.isdecimal() else word)
            except (ValueError, rpc.UsernameInvalidError, rpc.PeerIdInvalidError):
                entity = None
        if not isinstance(entity, types.User) or entity.bot or entity.deleted:
            hint = " By an id, only people are known that this account has met." if word.isdecimal() else ""
            raise UserError(f"There is nobody called {quoted(word)}.{hint}")
        return int(entity.id), utils.get_display_name(entity) or word

    async def wrote(self, chat_id: int, message_id: int) -> tuple[int, str] | None:
        """Id and name of the person who wrote a message; None when it is gone, or nobody's, or the account's own."""
        peer = await self._messenger.peer(chat_id)
        with translated():
            message = await self._client.get_messages(peer, ids=message_id)
            sender = await message.get_sender() if message and not message.out else None
        if not isinstance(sender, types.User):
            return None
        return int(sender.id), utils.get_display_name(sender)
