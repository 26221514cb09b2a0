"""Reads messages: by number, by chat, by search; and marks them read."""

from typing import Any

from telethon.tl import functions, types

from medusa.loopback import posting
from medusa.loopback.boxes import Chat, Stored
from medusa.loopback.call import Call, Methods

MAX_PAGE = 100


def _get_messages(call: Call, request: Any) -> Any:
    return _answer(call, call.me.user_id, _numbered(call, call.me.user_id, request.id), None)


def _get_channel_messages(call: Call, request: Any) -> Any:
    chat = call.chat(request.channel)
    return _answer(call, chat.box, _numbered(call, chat.box, request.id), None)


def _numbered(call: Call, box: int, wanted: list[Any]) -> list[Any]:
    """The messages that ``inputMessage`` objects name; ``messageEmpty`` for those that are not there."""
    found: list[Any] = []
    for item in wanted[:MAX_PAGE]:
        number = item.id if isinstance(item, types.InputMessageID | types.InputMessageReplyTo) else 0
        stored = call.world.boxes.get(box, number)
        if stored and isinstance(item, types.InputMessageReplyTo):
            reply = stored.message.reply_to
            stored = call.world.boxes.get(box, reply.reply_to_msg_id) if reply else None
        found.append(stored or types.MessageEmpty(number, None))
    return found


def _answer(call: Call, box: int, found: list[Any], count: int | None) -> Any:
    """``messages.messages`` or its kin, ``count`` being the number of all matches if there are more."""
    me = call.me.user_id
    messages = [call.world.show(item, me) if isinstance(item, Stored) else item for item in found]
    real = [message for message in messages if not isinstance(message, types.MessageEmpty)]
    users, chats = call.world.around(me, real, [box])
    if box < 0:
        total = len(messages) if count is None else count
        return types.messages.ChannelMessages(call.world.boxes.pts(box), total, messages, [], chats, users)
    if count is not None and count > len(messages):
        return types.messages.MessagesSlice(count, messages, [], chats, users)
    return types.messages.Messages(messages, [], chats, users)


def _get_history(call: Call, request: Any) -> Any:
    chat = call.chat(request.peer)
    where, values = _bounds(request.min_id, request.max_id)
    return _page(call, chat, request, where, values, request.offset_date)


def _search(call: Call, request: Any) -> Any:
    chat = call.chat(request.peer)
    where, values = _bounds(request.min_id, request.max_id)
    if request.q:
        where += " AND text LIKE ? ESCAPE '\\'"
        values.append("%" + request.q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%")
    for bound, sign in ((request.min_date, ">="), (request.max_date, "<=")):
        if bound and bound.timestamp() > 0:
            where += f" AND date {sign} ?"
            values.append(int(bound.timestamp()))
    wanted = _FILTERS.get(type(request.filter))
    if wanted is not None:
        matching = [item.id for item in call.world.boxes.window(chat, where, values, -1, 0) if wanted(item.message)]
        where, values = f"id IN ({','.join(map(str, matching))})", []
    return _page(call, chat, request, where, values, None)


def _bounds(min_id: int, max_id: int) -> tuple[str, list[Any]]:
    return "id > ? AND id < ?", [min_id, max_id or 2**31]


def _page(call: Call, chat: Chat, request: Any, where: str, values: list[Any], offset_date: Any) -> Any:
    """One page of matches, found the way ``offset_id`` and ``add_offset`` describe.

    https://core.telegram.org/api/offsets
    """
    boxes = call.world.boxes
    newer = 0
    if request.offset_id:
        newer = boxes.count(chat, f"{where} AND id >= ?", [*values, request.offset_id])
    elif offset_date and offset_date.timestamp() > 0:
        newer = boxes.count(chat, f"{where} AND date > ?", [*values, int(offset_date.timestamp())])
    start = newer + request.add_offset
    limit = max(0, min(request.limit, MAX_PAGE) + min(0, start))
    found = boxes.window(chat, where, values, limit, max(0, start))
    return _answer(call, chat.box, found, boxes.count(chat, where, values))


def _has(kind: type) -> Any:
    def check(message: Any) -> bool:
        document = getattr(getattr(message, "media", None), "document", None)
        return document is not None and any(isinstance(attribute, kind) for attribute in document.attributes)

    return check


def _is_document(message: Any) -> bool:
    return isinstance(getattr(message, "media", None), types.MessageMediaDocument)


def _is_photo(message: Any) -> bool:
    return isinstance(getattr(message, "media", None), types.MessageMediaPhoto)


def _has_link(message: Any) -> bool:
    kinds = (types.MessageEntityUrl, types.MessageEntityTextUrl)
    return any(isinstance(entity, kinds) for entity in getattr(message, "entities", None) or ())


_is_video = _has(types.DocumentAttributeVideo)

_FILTERS: dict[type, Any] = {
    types.InputMessagesFilterDocument: _is_document,
    types.InputMessagesFilterPhotos: _is_photo,
    types.InputMessagesFilterPhotoVideo: lambda message: _is_photo(message) or _is_video(message),
    types.InputMessagesFilterVideo: _is_video,
    types.InputMessagesFilterMusic: _has(types.DocumentAttributeAudio),
    types.InputMessagesFilterUrl: _has_link,
    types.InputMessagesFilterPinned: lambda message: bool(message.pinned),
}


def _read_history(call: Call, request: Any) -> Any:
    return types.messages.AffectedMessages(*posting.read(call, call.chat(request.peer), request.max_id))


def _read_channel_history(call: Call, request: Any) -> bool:
    posting.read(call, call.chat(request.channel), request.max_id)
    return True


METHODS: Methods = {
    functions.messages.GetMessagesRequest: _get_messages,
    functions.channels.GetMessagesRequest: _get_channel_messages,
    functions.messages.GetHistoryRequest: _get_history,
    functions.messages.SearchRequest: _search,
    functions.messages.ReadHistoryRequest: _read_history,
    functions.channels.ReadHistoryRequest: _read_channel_history,
}
