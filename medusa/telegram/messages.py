"""Texts and files on their way into chats; the only place that makes raw message requests."""

import hashlib
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup
from telethon import utils
from telethon.extensions import html
from telethon.tl import functions, types

from medusa.errors import Broken, UserError
from medusa.model import LocalFile, Media
from medusa.observe import clean
from medusa.telegram.client import Account
from medusa.telegram.errors import MessageGone, NoPhoto, StillPosting, Unchanged, translated

MOST_CHATS = 500
"""Chats, newest first, among which one is looked for that is not known."""
LOOK_BACK = 50
"""Messages among which a post is looked for whose call was never answered."""
_NO_DATE = datetime.fromtimestamp(0, UTC)
"""What Telethon heeds in no update."""
_WORD_JOINER = "\u2060"
_LIKE_A_COMMAND = re.compile(r"\s*(?:[/.!,;:+~#-]|https?:)", re.IGNORECASE)
"""What a command or a lone link can start with, whatever the settings say."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file that Telegram holds: id, access hash and the reference that makes it usable for a while.

    ``content`` is the SHA-256 of its bytes, where it is known. ``photo`` says that Telegram holds it as a photo.
    """

    id: int
    access_hash: int
    file_reference: bytes
    content: bytes | None = None
    photo: bool = False


@dataclass(frozen=True, slots=True)
class Manner:
    """How posts are made: what they reply to, hidden behind a spoiler or not, without a notification or with one.

    ``topic`` is a forum's topic; what is ``protected`` can be neither forwarded nor saved.
    """

    reply_to: int | None = None
    spoiler: bool = False
    silent: bool = False
    topic: int | None = None
    protected: bool = False

    @property
    def reply(self) -> Any:
        """The ``inputReplyTo`` (https://core.telegram.org/api/threads)."""
        return reply(self.reply_to, self.topic)


_PLAINLY = Manner()


@dataclass(frozen=True, slots=True)
class Item:
    """One post of an album: its document, its caption and its random id."""

    document: Document
    caption: str
    random_id: int


@dataclass(frozen=True, slots=True)
class Enclosed:
    """The file of a message: its name, empty for a picture, and its bytes, None when they were too many."""

    message_id: int
    name: str
    data: bytes | None = field(repr=False)


def units(text: str) -> int:
    """The length of ``text`` as Telegram counts it, in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def cut(text: str, limit: int) -> str:
    """``text`` shortened to at most ``limit`` UTF-16 units, with an ellipsis where something was cut."""
    if units(text) <= limit:
        return text
    kept = text.encode("utf-16-le")[: (limit - 1) * 2].decode("utf-16-le", "ignore")
    return kept.rstrip() + "…"


def split(text: str, limit: int) -> list[str]:
    """``text`` in pieces of at most ``limit`` UTF-16 units, none of which splits a character."""
    pieces = [""]
    room = limit
    for letter in text:
        width = units(letter)
        if width > room:
            pieces.append("")
            room = limit
        pieces[-1] += letter
        room -= width
    return pieces


def inert(text: str) -> str:
    """``text`` as something that can never be taken for a command, should it come back as an update.

    Titles and captions come from strangers; after a restart, Telegram hands Medusa its own posts again.
    """
    return _WORD_JOINER + text if _LIKE_A_COMMAND.match(text) else text


def reply(message_id: int | None, topic: int | None = None) -> Any:
    """The ``inputReplyTo`` of a message that replies to another one, or stands in a forum's topic, or both."""
    if message_id or topic:
        return types.InputReplyToMessage(message_id or topic, top_msg_id=topic)
    return None


def new_random_id() -> int:
    """A random id for one message (https://core.telegram.org/api/invoking): 63 bits and never 0."""
    return random.SystemRandom().randrange(1, 2**63)


def random_id_for(key: str) -> int:
    """A random id that is always the same for a key: what is repeated with it is done once."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % (2**63 - 1) + 1


class _DeleteInChannel(functions.channels.DeleteMessagesRequest):  # type: ignore[misc]  # Telethon has no types
    """Deletes messages of a channel, and says that the answer tells of that channel's updates.

    Telethon would take the answer's pts for one of the account's own, and the next command in Saved Messages, should it
    bear the same number, for one that was heard before.
    """

    def read_result(self, reader: Any) -> Any:
        """The answer as an update that Telethon counts in the right place."""
        done = reader.tgread_object()
        gone = types.UpdateDeleteChannelMessages(self.channel.channel_id, [], done.pts, done.pts_count)
        return types.Updates([gone], [], [], date=_NO_DATE, seq=0)


class Messenger:
    """Sends, edits and deletes messages of the account.

    Chats are marked peer ids. Text is plain when it is a ``str`` and HTML when it is a ``Markup``, whose ``format``
    escapes what is put into it.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._client = account.client

    @property
    def home(self) -> int:
        """The id of Saved Messages."""
        return self._account.user_id

    async def say(self, chat_id: int, text: str, reply_to: int | None = None, topic: int | None = None) -> int:
        """Send a text and return its message id; too long a text is cut."""
        return await self.say_once(chat_id, text, new_random_id(), reply_to, topic)

    async def say_once(
        self,
        chat_id: int,
        text: str,
        random_id: int,
        reply_to: int | None = None,
        topic: int | None = None,
        *,
        manner: Manner = _PLAINLY,
    ) -> int:
        """Send a text under ``random_id``: sent again with the same id, Telegram answers with the first message.

        Of the ``manner``, it counts whether it is silent and protected.
        """
        plain, entities = self._parsed(text)
        with translated():
            answer = await self._client(
                functions.messages.SendMessageRequest(
                    await self.peer(chat_id),
                    plain,
                    random_id=random_id,
                    entities=entities,
                    no_webpage=True,
                    silent=manner.silent,
                    noforwards=manner.protected,
                    reply_to=reply(reply_to, topic),
                )
            )
        return _message_id(answer, random_id)

    async def edit(self, chat_id: int, message_id: int, text: str) -> bool:
        """Replace the text of a message; False when the message is gone."""
        plain, entities = self._parsed(text)
        try:
            with translated():
                await self._client(
                    functions.messages.EditMessageRequest(
                        await self.peer(chat_id), message_id, message=plain, entities=entities, no_webpage=True
                    )
                )
        except Unchanged:
            return True
        except MessageGone:
            return False
        return True

    async def pin(self, chat_id: int, message_id: int) -> None:
        """Pin a message, without a notification; what the chat says about that goes. Again, it changes nothing.

        https://core.telegram.org/method/messages.updatePinnedMessage
        """
        request = functions.messages.UpdatePinnedMessageRequest(await self.peer(chat_id), message_id, silent=True)
        try:
            with translated():
                answer = await self._client(request)
        except Unchanged:
            return  # by an earlier call
        news = [getattr(update, "message", None) for update in getattr(answer, "updates", [])]
        said = [message.id for message in news if isinstance(message, types.MessageService)]
        if said:
            await self.delete(chat_id, said)

    async def delete(self, chat_id: int, message_ids: Sequence[int]) -> None:
        """Delete messages for everybody, at most 100; those already gone are passed over."""
        peer, numbers = await self.peer(chat_id), list(message_ids)
        in_channel = isinstance(peer, types.InputPeerChannel)
        with translated():
            await self._client(
                _DeleteInChannel(utils.get_input_channel(peer), numbers)
                if in_channel
                else functions.messages.DeleteMessagesRequest(numbers, revoke=True)
            )

    async def enclosed(self, chat_id: int, message_id: int, most: int) -> Enclosed | None:
        """The file or picture of a message; its bytes only when they are at most ``most``. Raises MedusaError."""
        if message_id <= 0:
            return None  # a command of the panel, which stands in no message
        peer = await self.peer(chat_id)
        with translated():
            message = await self._client.get_messages(peer, ids=message_id)
            media = message and message.media and (message.document or message.photo)
            if not media:
                return None
            file = message.file
            data = await self._client.download_media(message, file=bytes) if file.size <= most else None
        return Enclosed(message_id, str(file.name or ""), data)

    async def store(self, chat_id: int, uploaded: Any, file: LocalFile, *, thumb: Any, as_document: bool) -> Document:
        """Turn uploaded parts into a document that can be posted, or into a photo if the file is one.

        ``uploaded`` and ``thumb`` are Telethon's InputFile or InputFileBig. Raises MissingPart when Telegram has lost
        one. See https://core.telegram.org/method/messages.uploadMedia.
        """
        if file.photo and not as_document:
            try:
                return _stored(await self._upload_media(chat_id, types.InputMediaUploadedPhoto(uploaded)))
            except NoPhoto:
                pass  # then as a file
        media = types.InputMediaUploadedDocument(
            file=uploaded,
            mime_type=file.mime,
            attributes=attributes(file, as_document=as_document),
            thumb=thumb,
            force_file=as_document,
            nosound_video=_is_video(file.media) and not as_document and file.shape != "animation",
        )
        return _stored(await self._upload_media(chat_id, media))

    async def _upload_media(self, chat_id: int, media: Any) -> Any:
        with translated():
            return await self._client(functions.messages.UploadMediaRequest(await self.peer(chat_id), media))

    async def post(self, chat_id: int, item: Item, manner: Manner) -> int:
        """Post a stored document under its random id and return the message id.

        Repeating the call returns the first call's message (https://core.telegram.org/method/messages.sendMedia).
        Raises StaleReference when the document's reference has expired.
        """
        plain, entities = self._parsed(item.caption, self._account.limits.caption)
        peer = await self.peer(chat_id)
        request = functions.messages.SendMediaRequest(
            peer,
            _media(item.document, manner),
            plain,
            random_id=item.random_id,
            entities=entities,
            silent=manner.silent,
            noforwards=manner.protected,
            reply_to=manner.reply,
        )
        [found] = await self._posted(peer, request, [item])
        return found

    async def fill(self, chat_id: int, message_id: int, item: Item, manner: Manner) -> int:
        """Turn a message that keeps a place into the post of a stored document, and return its message id.

        Repeating the call changes nothing (https://core.telegram.org/method/messages.editMessage). Raises MessageGone
        when there is no such message any more, NoPlace when Telegram takes no media there, and StaleReference.
        """
        plain, entities = self._parsed(item.caption, self._account.limits.caption)
        request = functions.messages.EditMessageRequest(
            await self.peer(chat_id), message_id, message=plain, media=_media(item.document, manner), entities=entities
        )
        try:
            with translated():
                await self._client(request)
        except Unchanged:
            pass  # by an earlier call
        return message_id

    async def post_album(self, chat_id: int, items: Sequence[Item], manner: Manner) -> list[int]:
        """Post two to ten stored documents as one album, each under its random id, and return their message ids.

        They must be all photos and videos, all music or all plain files. Repeating the call returns the first call's
        messages (https://core.telegram.org/method/messages.sendMultiMedia). Raises StaleReference.
        """
        media = []
        for item in items:
            plain, entities = self._parsed(item.caption, self._account.limits.caption)
            shown = _media(item.document, manner)
            media.append(types.InputSingleMedia(shown, plain, random_id=item.random_id, entities=entities))
        peer = await self.peer(chat_id)
        request = functions.messages.SendMultiMediaRequest(
            peer, media, silent=manner.silent, noforwards=manner.protected, reply_to=manner.reply
        )
        return await self._posted(peer, request, items)

    async def _posted(self, peer: Any, request: Any, items: Sequence[Item]) -> list[int]:
        """The message ids of what a request posts, or has posted already."""
        try:
            with translated():
                answer = await self._client(request)
            return [_message_id(answer, item.random_id) for item in items]
        except StillPosting:
            # The first call may have ended without anybody hearing of it.
            with translated():
                found = await self._find_posts(peer, [item.document.id for item in items])
            if found is None:
                raise
            return found

    async def document(self, chat_id: int, message_id: int) -> Document | None:
        """The document that a message shows now; None when it shows none or is gone.

        Its reference is a new one (https://core.telegram.org/api/file_reference).
        """
        peer, wanted = await self.peer(chat_id), [types.InputMessageID(message_id)]
        request = functions.messages.GetMessagesRequest(wanted)
        if isinstance(peer, types.InputPeerChannel):
            request = functions.channels.GetMessagesRequest(peer, wanted)
        with translated():
            answer = await self._client(request)
        for message in answer.messages:
            document = document_in(getattr(message, "media", None))
            if document is not None:
                return document
        return None

    async def peer(self, chat_id: int) -> Any:
        """The ``inputPeer`` of a chat. Raises UserError when this account does not know it."""
        if chat_id == self._account.user_id:
            return types.InputPeerSelf()
        try:
            with translated():
                return await self._client.get_input_entity(chat_id)
        except ValueError:
            pass  # after a new login, nothing is known yet
        except UserError as error:
            if error.fatal:
                raise
        try:
            with translated():
                await self._client.get_dialogs(limit=MOST_CHATS)
                return await self._client.get_input_entity(chat_id)
        except ValueError:
            raise UserError("This account does not know that chat.") from None

    async def _find_posts(self, peer: Any, documents: Sequence[int]) -> list[int] | None:
        """The ids of recent messages in the chat that hold the documents, if all are there."""
        found: dict[int, int] = {}
        async for message in self._client.iter_messages(peer, limit=LOOK_BACK):
            if (document := document_in(message.media)) is not None:
                found.setdefault(document.id, int(message.id))
        return [found[one] for one in documents] if found.keys() >= set(documents) else None

    def _parsed(self, text: str, limit: int | None = None) -> tuple[str, list[Any]]:
        """Plain text and entities within the limit; a text that is cut, or had a secret in it, loses its entities."""
        plain, entities = html.parse(text) if isinstance(text, Markup) else (text, [])
        if clean(plain) != plain:
            plain, entities = clean(plain), []
        room = (limit or self._account.limits.text) - 1
        if units(plain) > room:
            return cut(inert(plain), room), []
        if inert(plain) != plain:
            for entity in entities:
                entity.offset += 1
        return inert(plain), entities


def document_in(media: Any) -> Document | None:
    """The document or photo of a ``messageMedia``, if it is one."""
    document = getattr(media, "document", None) or getattr(media, "photo", None)
    return as_document(document) if isinstance(document, types.Document | types.Photo) else None


def as_document(document: Any) -> Document:
    """Telethon's Document or Photo in the terms of this house."""
    photo = isinstance(document, types.Photo)
    return Document(document.id, document.access_hash, document.file_reference, photo=photo)


def _stored(media: Any) -> Document:
    document = document_in(media)
    if document is None:
        raise Broken("Telegram stored the file as something unexpected.")
    return document


def _media(document: Document, manner: Manner) -> Any:
    names = (document.id, document.access_hash, document.file_reference)
    if document.photo:
        return types.InputMediaPhoto(types.InputPhoto(*names), spoiler=manner.spoiler)
    return types.InputMediaDocument(types.InputDocument(*names), spoiler=manner.spoiler)


def attributes(file: LocalFile, *, as_document: bool) -> list[Any]:
    """The document attributes of a file (https://core.telegram.org/type/DocumentAttribute)."""
    found: list[Any] = [types.DocumentAttributeFilename(clean(file.name))]
    if file.mime == "image/gif" and not as_document:
        return [*found, types.DocumentAttributeAnimated()]
    media = file.media
    if media is None or as_document:
        return found
    if _is_video(media):
        found.append(
            types.DocumentAttributeVideo(
                duration=media.duration or 0.0,
                w=media.width or 0,
                h=media.height or 0,
                supports_streaming=media.streamable,
                nosound=media.audio_codec is None,
                round_message=file.shape == "round",
            )
        )
        found += [types.DocumentAttributeAnimated()] if file.shape == "animation" else []
    elif media.audio_codec and file.shape == "voice":
        waveform = bytes.fromhex(file.waveform) or None
        found.append(types.DocumentAttributeAudio(round(media.duration or 0), voice=True, waveform=waveform))
    elif media.audio_codec:
        found.append(
            types.DocumentAttributeAudio(
                duration=round(media.duration or 0),
                title=clean(media.title or file.title or "") or None,
                performer=clean(media.performer or "") or None,
            )
        )
    return found


def _is_video(media: Media | None) -> bool:
    return media is not None and media.video_codec is not None and bool(media.duration)


def _message_id(answer: Any, random_id: int) -> int:
    """The id of the message that a request with ``random_id`` made."""
    if isinstance(answer, types.UpdateShortSentMessage):
        return int(answer.id)
    updates = getattr(answer, "updates", [])
    for update in updates:
        if isinstance(update, types.UpdateMessageID) and update.random_id == random_id:
            return int(update.id)
    for update in updates:
        if isinstance(update, types.UpdateNewMessage | types.UpdateNewChannelMessage):
            return int(update.message.id)
    raise Broken("Telegram took the message but did not say where it stands.")
