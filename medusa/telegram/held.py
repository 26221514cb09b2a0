"""Finds the files that stand in messages of Telegram's chats, and fetches them."""

import mimetypes
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from telethon import errors as rpc
from telethon import utils
from telethon.tl import functions, types

from medusa.errors import Scope, Transient, UserError
from medusa.model import Held, LocalFile, Media, Place, Report
from medusa.names import display_name, safe_file_name
from medusa.telegram.client import Account
from medusa.telegram.download import Downloader, Stored
from medusa.telegram.errors import translated
from medusa.telegram.messages import Messenger

_AROUND = 9
"""Messages before and behind one that may belong to the same album of ten."""
_NOT_IN = "This account can't read that chat. Join it, or send a link of a chat that it is in."
_KINDS = {
    types.MessageMediaPoll: "a poll",
    types.MessageMediaGeo: "a place",
    types.MessageMediaContact: "a contact",
    types.MessageMediaStory: "a story",
    types.MessageMediaPaidMedia: "media that has to be paid for",
}


class HeldFiles:
    """The files in the chats that the account may read."""

    def __init__(self, account: Account, messenger: Messenger, downloader: Downloader) -> None:
        self._client = account.client
        self._messenger = messenger
        self._downloader = downloader

    async def held(self, place: Place, workdir: Path) -> tuple[Held, ...]:
        """The files of a message, and of its album, to be fetched into the folder; at least one.

        Raises UserError when the message or its chat can't be read, when it holds no file, and when others have
        protected it.
        """
        with _readable():
            peer = await self._peer(place.chat)
            messages, chat = await self._messages(peer, place.message_id)
        wanted = messages.get(place.message_id)
        if not isinstance(wanted, types.Message):
            raise UserError("There is no such message any more, or this account can't see it.")
        chosen = [wanted] if place.alone else _album(wanted, messages.values())
        named = [one for one in chosen if _document(one) is not None]
        if not named:
            raise UserError(f"That message holds {_KINDS.get(type(wanted.media), 'no file')}.")
        protected = _protected(wanted, chat)
        title = _title(chosen)
        return tuple(_held(one, number, title, workdir, protected) for number, one in enumerate(named))

    async def fetch(self, held: Held, report: Report) -> None:
        """Download the file to its path, and go on from what is there."""
        await self._downloader.to_file(Stored.of(held.document), held.file.path, report)

    async def _peer(self, chat: str | int) -> Any:
        """Names are asked for once; the session remembers them (https://core.telegram.org/method/contacts.resolveUsername)."""
        if isinstance(chat, int):
            return await self._messenger.peer(chat)
        try:
            return await self._client.get_input_entity(chat)
        except (ValueError, rpc.UsernameInvalidError):
            raise UserError(f"There is no chat called @{chat}.") from None

    async def _messages(self, peer: Any, number: int) -> tuple[dict[int, Any], Any]:
        """The message and those around it by number, and its chat as far as it is one that has settings."""
        around = range(max(1, number - _AROUND), number + _AROUND + 1)
        wanted = [types.InputMessageID(one) for one in around]
        request = functions.messages.GetMessagesRequest(wanted)
        if isinstance(peer, types.InputPeerChannel):
            request = functions.channels.GetMessagesRequest(peer, wanted)
        answer = await self._client(request)
        here = utils.get_peer_id(peer) if not isinstance(peer, types.InputPeerSelf) else None
        found = {one.id: one for one in answer.messages if isinstance(one, types.Message)}
        if here is not None:
            found = {key: one for key, one in found.items() if utils.get_peer_id(one.peer_id) == here}
        chats = [one for one in answer.chats if utils.get_peer_id(one) == here]
        return found, chats[0] if chats else None


@contextmanager
def _readable() -> Iterator[None]:
    """What Telegram says of chats that can't be read is not worth waiting for."""
    try:
        with translated():
            yield
    except Transient as error:
        if error.scope is not Scope.CHAT:
            raise
        raise UserError(_NOT_IN) from error


def shown_file(message: Any, folder: Path) -> LocalFile | None:
    """What the file of a message looks like, None when it has none. Raises UserError for what is not to be kept."""
    if _document(message) is None:
        return None
    return _held(message, 0, _title([message]), folder, protected=False).file


def _album(wanted: Any, messages: Iterable[Any]) -> list[Any]:
    if not wanted.grouped_id:
        return [wanted]
    return sorted((one for one in messages if one.grouped_id == wanted.grouped_id), key=lambda one: int(one.id))


def _document(message: Any) -> Any:
    """The document or photo that a message shows, if it is a file that may be kept."""
    media = message.media
    document = getattr(media, "document", None) or getattr(media, "photo", None)
    if not isinstance(document, types.Document | types.Photo):
        return None
    if getattr(media, "ttl_seconds", None):
        raise UserError("That message is made to vanish once it was seen; it is left alone.")
    if isinstance(document, types.Document) and _has(document, types.DocumentAttributeSticker):
        raise UserError("That message holds a sticker.")
    return document


def _protected(message: Any, chat: Any) -> bool:
    """Whether it can't be posted again as it is. Raises UserError for what others have protected."""
    protected = bool(message.noforwards or getattr(chat, "noforwards", False))
    if protected and not (message.out or getattr(chat, "creator", False)):
        raise UserError("The owner of that chat has forbidden to save or forward what stands there.")
    return protected


def _title(messages: Iterable[Any]) -> str:
    """The first line of what is written under the files."""
    text = next((one.message for one in messages if one.message), "")
    return display_name(text.strip().partition("\n")[0])


def _held(message: Any, number: int, title: str, workdir: Path, protected: bool) -> Held:
    document = _document(message)
    photo = isinstance(document, types.Photo)
    mime = "image/jpeg" if photo else document.mime_type
    name = _name(document, mime, title or f"{message.id}")
    path = workdir / f"held{number}{Path(name).suffix}"
    size = Stored.of(document).size
    file = LocalFile(path, name, mime, None if photo else _media(document), title=title or None, size=size, photo=photo)
    return Held(file, document, protected)


def _name(document: Any, mime: str, called: str) -> str:
    """The file's own name, else one made of what is known of it."""
    for attribute in getattr(document, "attributes", ()):
        if isinstance(attribute, types.DocumentAttributeFilename):
            return safe_file_name(attribute.file_name)
    return safe_file_name(called, extension=mimetypes.guess_extension(mime) or ".bin")


def _media(document: Any) -> Media | None:
    """What the document's attributes say of a video or a song."""
    for one in document.attributes:
        if isinstance(one, types.DocumentAttributeVideo):
            return Media("", one.duration, one.w, one.h, video_codec="unknown")
        if isinstance(one, types.DocumentAttributeAudio):
            return Media("", one.duration, audio_codec="unknown", title=one.title, performer=one.performer)
    return None


def _has(document: Any, kind: type) -> bool:
    return any(isinstance(one, kind) for one in document.attributes)
