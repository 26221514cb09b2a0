"""The owner's phone: a second, plain session of an account, as people use beside Medusa."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telethon import TelegramClient, events, utils
from telethon.crypto import rsa
from telethon.errors import SessionPasswordNeededError
from telethon.sessions import StringSession
from telethon.tl import functions, types

from medusa.telegram.client import Account, Limits, Received
from medusa.telegram.download import Downloader, Stored
from medusa.telegram.errors import translated
from medusa.telegram.messages import split

MOST_UNITS = 4096
"""UTF-16 units of one text message (https://core.telegram.org/api/config#message-length-max)."""
_AUTH_KEY_BYTES = 256
_PENDING = 1000
"""Changes that a reader may lag behind before it is dropped."""


@dataclass(frozen=True, slots=True)
class Server:
    """The Telegram that a phone talks to: address, data centre and the file with its public key."""

    host: str
    port: int
    dc_id: int
    key_file: Path


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat in the list; ``id`` is the marked peer id, ``kind`` one of saved, channel and person."""

    id: int
    title: str
    kind: str
    preview: str = ""
    """The latest message's text, or its file's name."""


@dataclass(frozen=True, slots=True)
class Entity:
    """Formatting of a stretch of text; ``offset`` and ``length`` are UTF-16 units, ``kind`` is bold, code, texturl …"""

    kind: str
    offset: int
    length: int
    url: str | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A posted file; ``kind`` is video, audio, voice, image or file, ``size`` bytes, ``duration`` seconds.

    ``waveform`` is the loudness of a voice message over time, a hundred values from 0 to 31.
    """

    name: str
    size: int
    mime: str
    kind: str
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    streamable: bool = False
    thumb: bool = False
    title: str | None = None
    performer: str | None = None
    spoiler: bool = False
    shape: str = ""
    """``round`` for a round video, ``animation`` for one that is played over and over."""
    waveform: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the phone shows it.

    ``date`` and ``edited`` are Unix seconds; ``out`` says that the account itself sent it.
    """

    chat_id: int
    id: int
    text: str
    date: float
    out: bool
    sender: str = ""
    entities: tuple[Entity, ...] = ()
    edited: float | None = None
    reply_to: int | None = None
    file: File | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What happened in a chat: ``message`` is new or edited, or the messages ``deleted`` are gone.

    Telegram does not say the chat of deleted messages outside of channels: ``chat_id`` is None there.
    """

    chat_id: int | None
    message: Message | None = None
    deleted: tuple[int, ...] = ()


class Phone:
    """An account's session as a person uses it; see ``open_phone``.

    Chats are marked peer ids, 0 stands for Saved Messages. Raises Medusa's errors for what Telegram refuses.
    """

    def __init__(self, account: Account, downloader: Downloader) -> None:
        self.user_id = account.user_id
        self.name = account.name
        self._client = client = account.client
        self._downloader = downloader
        self._readers: set[asyncio.Queue[Change | None]] = set()
        client.add_event_handler(self._on_message, events.NewMessage())
        client.add_event_handler(self._on_message, events.MessageEdited())
        client.add_event_handler(self._on_deleted, events.MessageDeleted())

    async def chats(self) -> list[Chat]:
        """Saved Messages, then all other chats, the latest first."""
        with translated():
            found = [_chat(one, self.user_id) async for one in self._client.iter_dialogs()]
        saved = [one for one in found if one.kind == "saved"] or [Chat(self.user_id, _SAVED, "saved")]
        return saved + [one for one in found if one.kind != "saved"]

    async def history(self, chat_id: int, limit: int = 100) -> list[Message]:
        """The latest messages of a chat, the oldest of them first."""
        with translated():
            found = await self._client.get_messages(await self._peer(chat_id), limit=limit)
        return [await self._message(one) for one in reversed(found) if isinstance(one, types.Message)]

    async def message(self, chat_id: int, message_id: int) -> Message | None:
        """One message, or None when it is gone."""
        raw = await self._raw(chat_id, message_id)
        return await self._message(raw) if raw is not None else None

    async def send(self, chat_id: int, text: str, file: Path | None = None, reply_to: int | None = None) -> int:
        """Send a plain text, or a file (as a document) with the text as its caption; returns the message id.

        A text that is too long for one message goes on in further ones, as with the official clients.
        """
        with translated():
            peer = await self._peer(chat_id)
            if file is None:
                first, *others = split(text, MOST_UNITS)
                sent = await self._client.send_message(peer, first, reply_to=reply_to, link_preview=False)
                for other in others:
                    await self._client.send_message(peer, other, link_preview=False)
            else:
                sent = await self._client.send_file(peer, file, caption=text, reply_to=reply_to, force_document=True)
        message = await self._message(sent)
        self._tell(Change(message.chat_id, message))
        return message.id

    async def delete(self, chat_id: int, message_id: int) -> None:
        """Delete a message for everybody."""
        with translated():
            await self._client.delete_messages(await self._peer(chat_id), [message_id])
        self._tell(Change(chat_id or self.user_id, deleted=(message_id,)))

    async def create_channel(self, title: str) -> int:
        """Make a broadcast channel of one's own and return its marked id."""
        with translated():
            made = await self._client(functions.channels.CreateChannelRequest(title=title, about="", broadcast=True))
        return int(utils.get_peer_id(made.chats[0]))

    async def find_person(self, phone: str) -> int:
        """The marked id of the account with this phone number, which is taken into the contacts."""
        contact = types.InputPhoneContact(client_id=0, phone=phone, first_name=phone, last_name="")
        with translated():
            answer = await self._client(functions.contacts.ImportContactsRequest([contact]))
        return int(utils.get_peer_id(answer.users[0]))

    async def thumb(self, chat_id: int, message_id: int) -> bytes | None:
        """The JPEG that is shown in place of a file until it is opened, or None when there is none."""
        raw = await self._raw(chat_id, message_id)
        if raw is None or not raw.document or not raw.document.thumbs:
            return None
        with translated():
            found = await self._client.download_media(raw, file=bytes, thumb=-1)
        return found if isinstance(found, bytes) else None

    async def download(
        self, chat_id: int, message_id: int, offset: int = 0, limit: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of a message's file from ``offset`` on, at most ``limit``; nothing when there is no file."""
        raw = await self._raw(chat_id, message_id)
        if raw is None or not raw.file:
            return
        stored = Stored.of(raw.document or raw.photo)
        async with aclosing(self._downloader.stream(stored, lambda _: None, offset=offset, size=limit)) as chunks:
            async for chunk in chunks:
                yield chunk

    @contextmanager
    def changes(self) -> Iterator[AsyncIterator[Change]]:
        """All changes while the block runs; they end early for a reader that lags too far behind."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue()
        self._readers.add(queue)
        try:
            yield _until_none(queue)
        finally:
            self._readers.discard(queue)

    def _tell(self, change: Change) -> None:
        for queue in list(self._readers):
            if queue.qsize() < _PENDING:
                queue.put_nowait(change)
            else:
                self._readers.discard(queue)
                queue.put_nowait(None)

    async def _on_message(self, event: Any) -> None:
        if isinstance(event.message, types.Message):
            message = await self._message(event.message)
            self._tell(Change(message.chat_id, message))

    async def _on_deleted(self, event: Any) -> None:
        self._tell(Change(event.chat_id, deleted=tuple(event.deleted_ids)))

    async def _raw(self, chat_id: int, message_id: int) -> Any:
        with translated():
            return await self._client.get_messages(await self._peer(chat_id), ids=message_id)

    async def _peer(self, chat_id: int) -> Any:
        if chat_id in (0, self.user_id):
            return types.InputPeerSelf()
        return await self._client.get_input_entity(chat_id)

    async def _message(self, raw: Any) -> Message:
        sender = await raw.get_sender()
        return Message(
            chat_id=raw.chat_id,
            id=raw.id,
            text=raw.message or "",
            date=raw.date.timestamp(),
            out=bool(raw.out),
            sender=utils.get_display_name(sender) if sender else "",
            entities=tuple(_entity(one) for one in raw.entities or ()),
            edited=raw.edit_date.timestamp() if raw.edit_date else None,
            reply_to=raw.reply_to_msg_id,
            file=_file(raw),
        )


_SAVED = "Saved Messages"


async def _until_none(queue: asyncio.Queue[Change | None]) -> AsyncIterator[Change]:
    while (change := await queue.get()) is not None:
        yield change


def _chat(dialog: Any, user_id: int) -> Chat:
    latest = dialog.message
    preview = (latest.message or (latest.file and latest.file.name) or "") if latest else ""
    if dialog.id == user_id:
        return Chat(dialog.id, _SAVED, "saved", preview)
    return Chat(dialog.id, dialog.name, "channel" if dialog.is_channel else "person", preview)


def _entity(raw: Any) -> Entity:
    kind = type(raw).__name__.removeprefix("MessageEntity").lower()
    return Entity(kind, raw.offset, raw.length, getattr(raw, "url", None))


def _file(raw: Any) -> File | None:
    seen = raw.file
    if not seen:
        return None
    attributes = {type(one): one for one in raw.document.attributes} if raw.document else {}
    mime = seen.mime_type or "application/octet-stream"
    video = attributes.get(types.DocumentAttributeVideo)
    return File(
        name=seen.name or f"file{seen.ext or ''}",
        size=seen.size,
        mime=mime,
        kind=_kind(attributes, mime),
        duration=seen.duration,
        width=seen.width,
        height=seen.height,
        streamable=bool(video and video.supports_streaming),
        thumb=bool(raw.document and raw.document.thumbs),
        title=seen.title,
        performer=seen.performer,
        spoiler=bool(getattr(raw.media, "spoiler", False)),
        shape=_shape(attributes),
        waveform=_waveform(attributes.get(types.DocumentAttributeAudio)),
    )


def _shape(attributes: dict[type, Any]) -> str:
    if types.DocumentAttributeAnimated in attributes:
        return "animation"
    video = attributes.get(types.DocumentAttributeVideo)
    return "round" if video and video.round_message else ""


def _kind(attributes: dict[type, Any], mime: str) -> str:
    if types.DocumentAttributeVideo in attributes:
        return "video"
    if types.DocumentAttributeAudio in attributes:
        return "voice" if attributes[types.DocumentAttributeAudio].voice else "audio"
    return "image" if mime in ("image/jpeg", "image/png", "image/gif", "image/webp") else "file"


def _waveform(audio: Any) -> tuple[int, ...]:
    """Its values of 5 bits, the lowest bit first (https://core.telegram.org/constructor/documentAttributeAudio)."""
    data = getattr(audio, "waveform", None) or b""
    whole = int.from_bytes(data, "little")
    return tuple(whole >> place & 31 for place in range(0, len(data) * 8 - 4, 5))


def _client(server: Server) -> Any:
    rsa.add_key(server.key_file.read_bytes(), old=False)
    session = StringSession()
    session.set_dc(server.dc_id, server.host, server.port)
    client = TelegramClient(session, 1, "0" * 32, device_model="Phone", connection_retries=5, receive_updates=True)
    client.parse_mode = None
    return client


@asynccontextmanager
async def _logged_in(server: Server, number: str, code: str, password: str | None) -> AsyncIterator[Any]:
    client = _client(server)
    try:
        with translated():
            await client.connect()
            await client.send_code_request(number)
            try:
                await client.sign_in(number, code)
            except SessionPasswordNeededError:
                await client.sign_in(password=password)
        yield client
    finally:
        await client.disconnect()


@asynccontextmanager
async def open_phone(server: Server, number: str, code: str, password: str | None = None) -> AsyncIterator[Phone]:
    """Log in with phone number and code and keep the session open for as long as the block runs."""
    async with _logged_in(server, number, code, password) as client:
        with translated():
            me = await client.get_me()
        account = Account(client, Received(), me.id, utils.get_display_name(me), bool(me.premium), Limits())
        async with Downloader(account) as downloader:
            yield Phone(account, downloader)


async def session_string(server: Server, number: str, code: str, password: str | None = None) -> str:
    """Log a further session in and return it in Telethon's string form, as SESSION_STRING takes it.

    One auth key in 256 begins with a zero byte, which Telethon drops and its string form then puts at the wrong end;
    such a session is given up for another.
    """
    while True:
        async with _logged_in(server, number, code, password) as client:
            if len(client.session.auth_key.key) == _AUTH_KEY_BYTES:
                return str(client.session.save())
