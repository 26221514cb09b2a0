"""Reads what stands in chats: single messages, and whole histories page by page."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from telethon.tl import functions, types

from medusa.errors import UserError
from medusa.model import LocalFile
from medusa.telegram.client import Account
from medusa.telegram.errors import translated
from medusa.telegram.held import shown_file
from medusa.telegram.messages import Document, Messenger, document_in

PAGE = 100
"""Messages of one page, the most that Telegram hands out (https://core.telegram.org/api/offsets)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A message as it stands: its text, and its file with the document behind it, None when it has none.

    ``own`` says that it was written in this chat by the account, or in the name of the channel; ``album`` that it is
    one of several. ``at`` is Unix seconds.
    """

    message_id: int
    text: str
    file: LocalFile | None
    document: Document | None
    own: bool
    album: bool
    spoiler: bool
    at: float


class Archive:
    """The messages of the chats that the account may read."""

    def __init__(self, account: Account, messenger: Messenger) -> None:
        self._account = account
        self._messenger = messenger

    async def one(self, chat_id: int, message_id: int) -> Standing | None:
        """The message of this number, None when it is gone. Raises MedusaError."""
        peer, wanted = await self._messenger.peer(chat_id), [types.InputMessageID(message_id)]
        request = functions.messages.GetMessagesRequest(wanted)
        if isinstance(peer, types.InputPeerChannel):
            request = functions.channels.GetMessagesRequest(peer, wanted)
        found = [one for one in await self._asked(request) if one.message_id == message_id]
        return found[0] if found else None

    async def page(self, chat_id: int, before: int) -> list[Standing]:
        """Up to a page of messages with numbers below ``before`` (0: of all), the newest first. Raises MedusaError.

        Service messages have neither text nor file.
        """
        peer = await self._messenger.peer(chat_id)
        request = functions.messages.GetHistoryRequest(
            peer, offset_id=before, offset_date=None, add_offset=0, limit=PAGE, max_id=0, min_id=0, hash=0
        )
        return await self._asked(request)

    async def _asked(self, request: Any) -> list[Standing]:
        with translated():
            answer = await self._account.client(request)
        found = [one for one in answer.messages if isinstance(one, types.Message | types.MessageService)]
        return [self._standing(one) for one in found]

    def _standing(self, message: Any) -> Standing:
        """A message of Telethon's in the terms of this house."""
        at = message.date.timestamp() if message.date else 0.0
        bare = Standing(message.id, "", None, None, own=False, album=False, spoiler=False, at=at)
        if not isinstance(message, types.Message):
            return bare
        from_me = isinstance(message.from_id, types.PeerUser) and message.from_id.user_id == self._account.user_id
        return replace(
            bare,
            text=message.message or "",
            file=_file(message),
            document=document_in(message.media),
            own=bool(message.out or message.post or from_me) and message.fwd_from is None,
            album=message.grouped_id is not None,
            spoiler=bool(getattr(message.media, "spoiler", False)),
        )


def _file(message: Any) -> LocalFile | None:
    try:
        return shown_file(message, Path())
    except UserError:
        return None  # a sticker, or what vanishes
