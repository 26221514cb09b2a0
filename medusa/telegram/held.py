"""Finds the files that stand in messages of Telegram's chats, and fetches them."""

import mimetypes
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
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
_AT_ONCE = 100
"""Messages that one request may ask for (https://core.telegram.org/method/messages.getMessages)."""
_MOST_FILES = 50
_FURTHEST = 1000
"""Messages among which further files are looked for."""
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

        Where several messages are meant, their files follow one another in that order. Raises UserError when a message
        or its chat can't be read, when one holds no file, and when others have protected it.
        """
        with _readable():
            peer = await self._peer(place.chat)
            messages, chat = await self._messages(peer, _around(place))
        chosen: dict[int, tuple[Any, str]] = {}
        for number in place.message_ids:
            wanted = messages.get(number)
            named = f"Message {number}" if place.further else ""
            together = _chosen(wanted, messages, alone=place.alone, named=named)
            title = _title(together)
            chosen |= {one.id: (one, title) for one in together if _document(one) is not None}
        if place.further and len(chosen) > _MOST_FILES:
            raise UserError(f"These messages hold {len(chosen)} files; take at most {_MOST_FILES} at once.")
        protected = [_protected(one, chat) for one, _ in chosen.values()]
        return tuple(_held(one, at, title, workdir, any(protected)) for at, (one, title) in enumerate(chosen.values()))

    async def following(self, chat_id: int, message_id: int, count: int) -> list[int]:
        """The numbers of the next ``count`` messages of a chat (marked id) that hold files, but for photos.

        They are fewer where there are no more. Raises UserError when the chat can't be read.
        """
        found: list[int] = []
        with _readable():
            peer = await self._peer(chat_id)
            later = self._client.iter_messages(peer, min_id=message_id, reverse=True, limit=_FURTHEST)
            async for message in later:
                document = getattr(message.media, "document", None)
                if isinstance(document, types.Document) and not _has(document, types.DocumentAttributeSticker):
                    found.append(int(message.id))
                if len(found) == count:
                    break
        return found

    async def fetch(self, held: Held, report: Report) -> None:
        """Download the file to its path, and go on from what is there."""
        await self._downloader.to_file(Stored.of(held.document), held.file.path, report)

    def read(self, held: Held, offset: int) -> AsyncGenerator[bytes, None]:
        """The file's bytes from ``offset`` on, in order."""
        return self._downloader.stream(Stored.of(held.document), lambda _: None, offset=offset)

    async def _peer(self, chat: str | int) -> Any:
        """Names are asked for once; the session remembers them (https://core.telegram.org/method/contacts.resolveUsername)."""
        if isinstance(chat, int):
            return await self._messenger.peer(chat)
        try:
            return await self._client.get_input_entity(chat)
        except (ValueError, rpc.UsernameInvalidError):
            raise UserError(f"There is no chat called @{chat}.") from None

    async def _messages(self, peer: Any, numbers: Sequence[int]) -> tuple[dict[int, Any], Any]:
        """The messages by number, and their chat as far as it is one that has settings."""
        here = utils.get_peer_id(peer) if not isinstance(peer, types.InputPeerSelf) else None
        found: dict[int, Any] = {}
        chats: list[Any] = []
        for start in range(0, len(numbers), _AT_ONCE):
            wanted = [types.InputMessageID(one) for one in numbers[start : start + _AT_ONCE]]
            request = functions.messages.GetMessagesRequest(wanted)
            if isinstance(peer, types.InputPeerChannel):
                request = functions.channels.GetMessagesRequest(peer, wanted)
            answer = await self._client(request)
            found |= {one.id: one for one in answer.messages if isinstance(one, types.Message)}
            chats += [one for one in answer.chats if utils.get_peer_id(one) == here]
        if here is not None:
            found = {key: one for key, one in found.items() if utils.get_peer_id(one.peer_id) == here}
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


def _around(place: Place) -> list[int]:
    """The numbers of the messages that are meant, and of those that may belong to their albums."""
    near = 0 if place.alone else _AROUND
    return sorted({at for one in place.message_ids for at in range(max(1, one - near), one + near + 1)})


def _chosen(wanted: Any, messages: Mapping[int, Any], *, alone: bool, named: str) -> list[Any]:
    """A message, or its album. Raises UserError when it is not there or holds no file; ``named`` is what to call it."""
    if wanted is None:
        gone = "is not there any more, or this account can't see it."
        raise UserError(
            f"{named} {gone}" if named else "There is no such message any more, or this account can't see it."
        )
    chosen = [wanted] if alone else _album(wanted, messages.values())
    if all(_document(one) is None for one in chosen):
        raise UserError(f"{named or 'That message'} holds {_KINDS.get(type(wanted.media), 'no file')}.")
    return chosen


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
