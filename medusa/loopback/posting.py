"""Puts messages into chats, changes them and takes them out, on both sides of a private chat."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from telethon.tl import types

from medusa.loopback import tl
from medusa.loopback.boxes import Chat, Stored, unmarked
from medusa.loopback.call import Call
from medusa.loopback.rpc import RpcFailure
from medusa.loopback.world import peer_of

MAX_TEXT = 4096
MAX_CAPTION = 1024

_GENERAL = 1
"""The number of the topic that each forum has from the beginning."""
_LINK = re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?)\]}']", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be posted: ``random_id`` makes repeating it harmless, ``reply`` is the ``inputReplyTo``."""

    random_id: int
    text: str = ""
    entities: list[Any] | None = None
    media: Any = None
    reply: Any = None
    forward: Any = None
    action: Any = None
    grouped_id: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def utf16_length(text: str) -> int:
    """How long Telegram takes a text to be: in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def check_text(text: str, entities: list[Any] | None, media: Any) -> None:
    """Raise RpcFailure unless text and entities keep Telegram's limits, counted in UTF-16 units."""
    length = utf16_length(text)
    if media is None and not text.strip():
        raise RpcFailure("MESSAGE_EMPTY")
    if media is None and length > MAX_TEXT:
        raise RpcFailure("MESSAGE_TOO_LONG")
    if media is not None and length > MAX_CAPTION:
        raise RpcFailure("MEDIA_CAPTION_TOO_LONG")
    for entity in entities or ():
        if entity.offset < 0 or entity.length <= 0 or entity.offset + entity.length > length:
            raise RpcFailure("ENTITY_BOUNDS_INVALID")


def with_links(text: str, entities: list[Any] | None) -> list[Any] | None:
    """The entities with those added that Telegram's servers add themselves: bare web links."""
    given = list(entities or ())
    taken = [(entity.offset, entity.offset + entity.length) for entity in given]
    for match in _LINK.finditer(text):
        start = utf16_length(text[: match.start()])
        end = start + utf16_length(match.group())
        if not any(start < other_end and other_start < end for other_start, other_end in taken):
            given.append(types.MessageEntityUrl(start, end - start))
    return sorted(given, key=lambda entity: int(entity.offset)) or None


def repeated(call: Call, chat: Chat, random_id: int) -> list[Any] | None:
    """The updates that this random_id led to before in this chat, or None when it is new.

    Raises RpcFailure RANDOM_ID_EMPTY.
    """
    if not random_id:
        raise RpcFailure("RANDOM_ID_EMPTY")
    before = call.world.boxes.sent_before(call.me.user_id, chat.peer, random_id)
    if before is None:
        return None
    number, pts = before
    updates: list[Any] = [types.UpdateMessageID(number, random_id)]
    stored = call.world.boxes.get(chat.box, number)
    if stored is not None:
        kind = types.UpdateNewChannelMessage if chat.is_channel else types.UpdateNewMessage
        updates.append(kind(call.world.show(stored, call.me.user_id), pts, 1))
    return updates


def post(call: Call, chat: Chat, draft: Draft) -> list[Any]:
    """Post a draft once; returns the updates for the sender. Raises RpcFailure."""
    before = repeated(call, chat, draft.random_id)
    if before is not None:
        return before
    call.require_free(chat, "write")
    call.require_rights(chat, _topic(call, chat, draft.reply))
    own = _store(call, chat, draft)
    if not chat.is_channel and chat.peer != chat.box:
        _store_twin(call, own, draft)
    event = call.world.boxes.log(chat, "new", [own.id])
    call.world.boxes.remember_random(call.me.user_id, chat.peer, draft.random_id, own.id, event.pts)
    return [types.UpdateMessageID(own.id, draft.random_id), call.tell(event)]


def _store(call: Call, chat: Chat, draft: Draft) -> Stored:
    me = call.me.user_id
    broadcast = chat.is_channel and not call.world.channels.get(unmarked(chat.peer)).megagroup
    message = _message(call, chat, draft)
    message.from_id = None if broadcast else types.PeerUser(me)
    message.out = not chat.is_channel and chat.peer != me
    if broadcast:
        message.post, message.views, message.forwards = True, 1, 0
    return call.world.boxes.put(chat, me, message)


def _store_twin(call: Call, own: Stored, draft: Draft) -> None:
    """The other side's copy in a private chat, with its own number; its owner is told."""
    me, boxes = call.me.user_id, call.world.boxes
    chat = Chat(own.peer, me)
    message = _message(call, chat, draft)
    message.from_id = types.PeerUser(me)
    if message.reply_to is not None:
        replied = boxes.get(own.box, message.reply_to.reply_to_msg_id)
        message.reply_to.reply_to_msg_id = replied.twin if replied else None
    boxes.put(chat, me, message, twin=own.id)
    boxes.link(own.box, own.id, message.id)
    call.tell(boxes.log(chat, "new", [message.id]))


def _message(call: Call, chat: Chat, draft: Draft) -> Any:
    common = {
        "id": call.world.boxes.next_id(chat.box),
        "peer_id": peer_of(chat.peer),
        "date": int(call.world.clock.now()),
        "reply_to": _reply_header(call, chat, draft.reply),
    }
    if draft.action is not None:
        return types.MessageService(action=draft.action, **common)
    return types.Message(
        message=draft.text,
        entities=with_links(draft.text, draft.entities),
        media=draft.media,
        fwd_from=draft.forward,
        grouped_id=draft.grouped_id,
        **common,
        **draft.extra,
    )


def _reply_header(call: Call, chat: Chat, reply: Any) -> Any:
    if not isinstance(reply, types.InputReplyToMessage):
        return None
    topic = _topic(call, chat, reply)
    return types.MessageReplyHeader(
        reply_to_msg_id=reply.reply_to_msg_id,
        reply_to_top_id=topic,
        forum_topic=topic is not None,
        quote=bool(reply.quote_text),
        quote_text=reply.quote_text,
        quote_entities=reply.quote_entities,
        quote_offset=reply.quote_offset,
    )


def _topic(call: Call, chat: Chat, reply: Any) -> int | None:
    """The topic in which a reply stands; None elsewhere than in forums and in their general topic.

    Raises RpcFailure TOPIC_DELETED for one that there is not. https://core.telegram.org/api/forum
    """
    forum = chat.is_channel and call.world.channels.get(unmarked(chat.peer)).forum
    if not forum or not isinstance(reply, types.InputReplyToMessage):
        return None
    named = call.world.boxes.get(chat.box, reply.top_msg_id or reply.reply_to_msg_id)
    if named is not None and isinstance(getattr(named.message, "action", None), types.MessageActionTopicCreate):
        return named.id
    if reply.top_msg_id and reply.top_msg_id != _GENERAL:
        raise RpcFailure("TOPIC_DELETED")
    header = named and named.message.reply_to
    return header.reply_to_top_id if header else None


def find(call: Call, chat: Chat, number: int) -> Stored:
    """A message of a chat. Raises RpcFailure MESSAGE_ID_INVALID."""
    stored = call.world.boxes.get(chat.box, number)
    if stored is None or stored.peer != chat.peer:
        raise RpcFailure("MESSAGE_ID_INVALID")
    return stored


def edit(call: Call, stored: Stored, text: str | None, entities: list[Any] | None, media: Any) -> Any:
    """Give a message another text or other media; None keeps what it has. Returns the editor's update.

    Raises RpcFailure, MESSAGE_NOT_MODIFIED among others.
    """
    call.require_free(stored.chat, "edit")
    _require_author(call, stored)
    message = stored.message
    before = _essence(message)
    if media is not None:
        message.media = media
    if text is not None:
        message.message, message.entities = text, with_links(text, entities)
    check_text(message.message or "", message.entities, message.media)
    if _essence(message) == before:
        raise RpcFailure("MESSAGE_NOT_MODIFIED")
    own = None
    for side in sides(call, stored):
        side.message.media, side.message.message = message.media, message.message
        side.message.entities, side.message.edit_date = message.entities, int(call.world.clock.now())
        own = rewrite(call, side) or own
    return own


def rewrite(call: Call, stored: Stored) -> Any | None:
    """Store a changed message and tell; returns the update if it is the asker's own."""
    call.world.boxes.change(stored)
    return call.tell(call.world.boxes.log(stored.chat, "edit", [stored.id]))


def sides(call: Call, stored: Stored) -> list[Stored]:
    """A message, and its twin on the other side of a private chat."""
    twin = call.world.boxes.get(stored.peer, stored.twin) if stored.twin is not None else None
    return [stored] if twin is None else [stored, twin]


def _essence(message: Any) -> tuple[str, bytes, Any]:
    item = getattr(message.media, "document", None) or getattr(message.media, "photo", None)
    spoiler = getattr(message.media, "spoiler", None)
    return message.message or "", tl.pack(message.entities or []), (type(message.media), item and item.id, spoiler)


def _require_author(call: Call, stored: Stored) -> None:
    if isinstance(stored.message, types.MessageService) or stored.message.fwd_from:
        raise RpcFailure("MESSAGE_ID_INVALID")
    if stored.author != call.me.user_id:
        raise RpcFailure("MESSAGE_AUTHOR_REQUIRED")


def delete(call: Call, box: int, ids: Iterable[int], *, revoke: bool) -> tuple[int, int]:
    """Delete messages of a box; returns its pts and how many there were. Raises RpcFailure."""
    found = call.world.boxes.several(box, ids)
    if not found:
        return call.world.boxes.pts(box), 0
    if box < 0:
        _require_moderator(call, found)
    doomed: dict[int, list[Stored]] = {box: found}
    if revoke and box > 0:
        for stored in found:
            doomed.setdefault(stored.peer, []).extend(sides(call, stored)[1:])
    for owner, group in doomed.items():
        if group:
            numbers = [stored.id for stored in group]
            call.world.boxes.remove(owner, numbers)
            call.tell(call.world.boxes.log(group[0].chat, "delete", numbers))
    return call.world.boxes.pts(box), len(found)


def _require_moderator(call: Call, found: list[Stored]) -> None:
    creator = call.world.channels.get(unmarked(found[0].peer)).creator
    if any(call.me.user_id not in (stored.author, creator) for stored in found):
        raise RpcFailure("MESSAGE_DELETE_FORBIDDEN")


def read(call: Call, chat: Chat, until: int) -> tuple[int, int]:
    """Mark a chat read up to a message; returns the box's pts and by how much it moved."""
    me, boxes = call.me.user_id, call.world.boxes
    until = min(until, boxes.top(chat)) or boxes.top(chat)
    if not boxes.mark_read(me, chat.peer, inbox=until):
        return boxes.pts(chat.box), 0
    if chat.is_channel:
        _tell_channel_read(call, chat, until)
        return boxes.pts(chat.box), 0
    if chat.peer != me:
        _tell_reader(call, chat, until)
    event = boxes.log(chat, "inbox", [until])
    call.tell(event)
    return event.pts, event.count


def _tell_channel_read(call: Call, chat: Chat, until: int) -> None:
    boxes, me = call.world.boxes, call.me.user_id
    update = types.UpdateReadChannelInbox(unmarked(chat.peer), until, boxes.unread(chat, me), boxes.pts(chat.box))
    call.push(me, [update], peers=[chat.peer])


def _tell_reader(call: Call, chat: Chat, until: int) -> None:
    """The other side learns how far its messages have been read."""
    boxes, me = call.world.boxes, call.me.user_id
    newest = boxes.window(chat, "id <= ? AND twin IS NOT NULL", [until], 1, 0)
    twin = newest[0].twin if newest else None
    if twin is not None and boxes.mark_read(chat.peer, me, outbox=twin):
        call.tell(boxes.log(Chat(chat.peer, me), "outbox", [twin]))
