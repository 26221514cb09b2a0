"""Keeps files of Medusa's own in chats, finds them again, and sees who else uses the account."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telethon.tl import functions, types

from medusa.errors import Transient
from medusa.model import LocalFile
from medusa.telegram.client import Account
from medusa.telegram.download import Downloader, Stored
from medusa.telegram.errors import MissingPart, translated
from medusa.telegram.messages import Item, Manner, Messenger, new_random_id, random_id_for
from medusa.telegram.parts import Ledger
from medusa.telegram.transfer import Uploader

_PAGE = 100
_MOST_SEEN = 2000
"""Messages among which earlier posts are looked for."""
_MIME = "application/octet-stream"
_READ = 256 * 1024


@dataclass(frozen=True, slots=True)
class Deposit:
    """A file that stands in a chat: its message, its name, and where its bytes are."""

    message_id: int
    name: str
    stored: Stored


@dataclass(frozen=True, slots=True)
class Earlier:
    """A post of this account's: ``size`` is bytes, ``at`` Unix seconds; photos and texts have neither name nor size."""

    message_id: int
    name: str
    size: int
    photo: bool
    text: str
    reply_to: int | None
    at: float


@dataclass(slots=True)
class Offsite:
    """What putting files into chats, and getting them back, needs."""

    account: Account
    messenger: Messenger
    uploader: Uploader
    downloader: Downloader

    async def put(self, chat_id: int, path: Path, span: tuple[int, int], name: str, caption: str) -> int:
        """Post some bytes of a file, from an offset on and so many, as a file called ``name``; returns the message id.

        Repeated for the same chat and name, it makes no second post. Raises MedusaError and OSError.
        """
        offset, size = span

        async def read(at: int) -> AsyncGenerator[bytes, None]:
            with path.open("rb") as file:
                file.seek(offset + at)
                left = size - at
                while left > 0 and (chunk := file.read(min(_READ, left))):
                    left -= len(chunk)
                    yield chunk

        uploaded = await self.uploader.upload_stream(read, name, Ledger(new_random_id(), size), lambda _: None)
        file = LocalFile(path, name, _MIME, size=size)
        try:
            document = await self.messenger.store(chat_id, uploaded, file, thumb=None, as_document=True)
        except MissingPart as error:
            raise Transient("Telegram has lost a part of the upload.") from error
        item = Item(document, caption, random_id_for(f"{chat_id} {name}"))
        return await self.messenger.post(chat_id, item, Manner(silent=True))

    async def numbered(self, chat_id: int, message_ids: Sequence[int]) -> list[Deposit]:
        """The files of these messages, as far as they are there."""
        peer, wanted = await self.messenger.peer(chat_id), [types.InputMessageID(one) for one in message_ids]
        request = functions.messages.GetMessagesRequest(wanted)
        if isinstance(peer, types.InputPeerChannel):
            request = functions.channels.GetMessagesRequest(peer, wanted)
        with translated():
            answer = await self.account.client(request)
        return [one for one in map(_deposit, answer.messages) if one is not None]

    async def found(self, chat_id: int, words: str, name: re.Pattern[str]) -> list[Deposit]:
        """Up to 100 files of this account's own below which the words stand, the newest first, of names that fit.

        https://core.telegram.org/method/messages.search
        """
        request = functions.messages.SearchRequest(
            await self.messenger.peer(chat_id),
            words,
            types.InputMessagesFilterDocument(),
            min_date=None,
            max_date=None,
            offset_id=0,
            add_offset=0,
            limit=_PAGE,
            max_id=0,
            min_id=0,
            hash=0,
        )
        with translated():
            answer = await self.account.client(request)
        own = [one for one in answer.messages if isinstance(one, types.Message) and self._is_own(one)]
        return [one for one in map(_deposit, own) if one is not None and name.fullmatch(one.name)]

    async def fetch(self, deposits: Sequence[Deposit], path: Path) -> None:
        """Download files, one behind the other, into one. Raises MedusaError and OSError."""
        part = path.with_name(f"{path.name}.part")
        await asyncio.to_thread(path.write_bytes, b"")
        for deposit in deposits:
            await asyncio.to_thread(part.write_bytes, b"")
            await self.downloader.to_file(deposit.stored, part, lambda _: None)
            await asyncio.to_thread(_append, part, path)

    async def posts(self, chat_id: int, since: float, until: float) -> list[Earlier]:
        """This account's own posts in a chat between two times, the newest first."""
        peer = await self.messenger.peer(chat_id)
        found: list[Earlier] = []
        with translated():
            async for message in self.account.client.iter_messages(peer, limit=_MOST_SEEN):
                at = message.date.timestamp() if message.date else 0.0
                if at < since:
                    break
                if at <= until and self._is_own(message):
                    found.append(_earlier(message, at))
        return found

    async def claim(self, text: str, key: str) -> str:
        """Say something in Saved Messages under a key that is used once; returns what stands there.

        That is what whoever used the key first has said (https://core.telegram.org/api/invoking).
        """
        message_id = await self.messenger.say_once(self.account.user_id, text, random_id_for(key))
        with translated():
            message = await self.account.client.get_messages(types.InputPeerSelf(), ids=message_id)
        return str(message.message) if message else text

    async def others(self, within: float) -> int:
        """How many other logins of Medusa's were at work within so many seconds.

        https://core.telegram.org/method/account.getAuthorizations
        """
        with translated():
            answer = await self.account.client(functions.account.GetAuthorizationsRequest())
        since = time.time() - within
        return sum(
            not one.current and one.device_model.startswith("Medusa") and one.date_active.timestamp() >= since
            for one in answer.authorizations
        )

    def _is_own(self, message: Any) -> bool:
        from_me = isinstance(message.from_id, types.PeerUser) and message.from_id.user_id == self.account.user_id
        return bool(message.out or message.post or from_me) and message.fwd_from is None


def _deposit(message: Any) -> Deposit | None:
    document = getattr(getattr(message, "media", None), "document", None)
    if not isinstance(document, types.Document):
        return None
    return Deposit(message.id, _name(document), Stored.of(document))


def _name(document: Any) -> str:
    names = (one for one in document.attributes if isinstance(one, types.DocumentAttributeFilename))
    return next((str(one.file_name) for one in names), "")


def _earlier(message: Any, at: float) -> Earlier:
    document = getattr(message.media, "document", None)
    name, size = (_name(document), int(document.size)) if isinstance(document, types.Document) else ("", 0)
    reply_to = message.reply_to.reply_to_msg_id if message.reply_to else None
    photo = isinstance(getattr(message.media, "photo", None), types.Photo)
    return Earlier(message.id, name, size, photo, message.message or "", reply_to, at)


def _append(part: Path, path: Path) -> None:
    with path.open("ab") as whole, part.open("rb") as file:
        while chunk := file.read(_READ):
            whole.write(chunk)
    part.unlink()
