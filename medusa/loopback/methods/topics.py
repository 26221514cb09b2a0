"""Forum topics of supergroups.

https://core.telegram.org/api/forum
"""

from typing import Any

from telethon.tl import functions, types

from medusa.loopback import posting
from medusa.loopback.accounts import random_long
from medusa.loopback.boxes import Chat, Stored, unmarked
from medusa.loopback.call import Call, Methods
from medusa.loopback.rpc import RpcFailure


def _forum(call: Call, peer: Any) -> Chat:
    chat = call.chat(peer)
    if not chat.is_channel or not call.world.channels.get(unmarked(chat.peer)).forum:
        raise RpcFailure("CHANNEL_FORUM_MISSING")
    return chat


def _create(call: Call, request: Any) -> Any:
    chat = _forum(call, request.peer)
    action = types.MessageActionTopicCreate(request.title, request.icon_color or 0x6FB9F0)
    updates = posting.post(call, chat, posting.Draft(request.random_id, action=action))
    return call.world.bundle(call.me.user_id, updates, [chat.peer])


def _edit(call: Call, request: Any) -> Any:
    """https://core.telegram.org/method/messages.editForumTopic"""
    chat = _forum(call, request.peer)
    opening = call.world.boxes.get(chat.box, request.topic_id)
    if opening is None or not _opens(opening):
        raise RpcFailure("TOPIC_ID_INVALID")
    rights = call.rights(chat)
    if opening.author != call.me.user_id and not (rights and rights.manage_topics):
        raise RpcFailure("CHAT_ADMIN_REQUIRED")
    if request.title == _title(call, opening) or request.closed is call.world.topics.is_closed(chat.peer, opening.id):
        raise RpcFailure("TOPIC_NOT_MODIFIED")
    reply = types.InputReplyToMessage(opening.id, top_msg_id=opening.id)
    action = types.MessageActionTopicEdit(title=request.title, closed=request.closed)
    updates = posting.post(call, chat, posting.Draft(random_long(), reply=reply, action=action))
    call.world.topics.edit(chat.peer, opening.id, request.title, request.closed)
    return call.world.bundle(call.me.user_id, updates[1:], [chat.peer])


def _get_topics(call: Call, request: Any) -> Any:
    return _answer(call, _forum(call, request.peer), None)


def _get_topics_by_id(call: Call, request: Any) -> Any:
    return _answer(call, _forum(call, request.peer), set(request.topics))


def _answer(call: Call, chat: Chat, wanted: set[int] | None) -> Any:
    openings = [
        stored
        for stored in call.world.boxes.window(chat, "1", [], -1, 0)
        if _opens(stored) and (wanted is None or stored.id in wanted)
    ]
    me = call.me.user_id
    messages = [call.world.show(stored, me) for stored in openings]
    users, chats = call.world.around(me, messages, [chat.peer])
    topics = [_topic(call, stored) for stored in openings]
    return types.messages.ForumTopics(len(topics), topics, messages, chats, users, call.world.boxes.pts(chat.box))


def _opens(stored: Stored) -> bool:
    """Whether a message is the one that opens a topic."""
    return isinstance(getattr(stored.message, "action", None), types.MessageActionTopicCreate)


def _title(call: Call, opening: Stored) -> str:
    return call.world.topics.title(opening.peer, opening.id) or str(opening.message.action.title)


def _topic(call: Call, stored: Stored) -> Any:
    action = stored.message.action
    return types.ForumTopic(
        id=stored.id,
        date=stored.message.date,
        peer=stored.message.peer_id,
        title=_title(call, stored),
        icon_color=action.icon_color,
        top_message=stored.id,
        read_inbox_max_id=0,
        read_outbox_max_id=0,
        unread_count=0,
        unread_mentions_count=0,
        unread_reactions_count=0,
        unread_poll_votes_count=0,
        from_id=types.PeerUser(stored.author),
        notify_settings=types.PeerNotifySettings(),
        my=stored.author == call.me.user_id,
        closed=call.world.topics.is_closed(stored.peer, stored.id),
    )


METHODS: Methods = {
    functions.messages.CreateForumTopicRequest: _create,
    functions.messages.EditForumTopicRequest: _edit,
    functions.messages.GetForumTopicsRequest: _get_topics,
    functions.messages.GetForumTopicsByIDRequest: _get_topics_by_id,
}
