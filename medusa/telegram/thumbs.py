"""Fetches the small pictures of posts, and keeps the latest ones in memory."""

from collections import OrderedDict

from telethon.tl import types

from medusa.errors import MedusaError
from medusa.telegram.client import Account
from medusa.telegram.errors import translated
from medusa.telegram.messages import Messenger

MOST_KEPT = 60
LARGEST = 64 * 1024
"""Bytes of one picture; together with `MOST_KEPT` this bounds what is kept to a few megabytes."""


class Thumbs:
    """The thumbnails of posts, asked of Telegram when somebody looks at them; nothing is written to the disk."""

    def __init__(self, account: Account, messenger: Messenger) -> None:
        self._client = account.client
        self._messenger = messenger
        self._kept: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    async def of(self, chat_id: int, message_id: int) -> bytes | None:
        """The thumbnail of a post as JPEG, None when it has none, or can't be had just now."""
        place = (chat_id, message_id)
        if place not in self._kept:
            try:
                self._kept[place] = await self._fetched(*place)
            except MedusaError as error:
                if error.fatal:
                    raise
                return None
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(place)
        return self._kept[place] or None

    async def _fetched(self, chat_id: int, message_id: int) -> bytes:
        peer = await self._messenger.peer(chat_id)
        with translated():
            message = await self._client.get_messages(peer, ids=message_id)
            media = message and (message.document or message.photo)
            sizes = (getattr(media, "thumbs", None) or getattr(media, "sizes", None) or []) if media else []
            small = [one for one in sizes if isinstance(one, types.PhotoSize) and one.size <= LARGEST]
            if not small:
                return b""
            largest = max(small, key=lambda one: int(one.size))
            return bytes(await self._client.download_media(message, file=bytes, thumb=largest) or b"")
