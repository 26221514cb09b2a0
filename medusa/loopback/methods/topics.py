"""Forum topics of supergroups.

https://core.telegram.org/api/forum
"""

from typing import Any

from telethon.tl import functions, types

from medusa.loopback import posting
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


def _get_topics(call: Call, request: Any) -> Any:
    return _answer(call, _forum(call, request.peer), None)


def _get_topics_by_id(call: Call, request: Any) -> Any:
    return _answer(call, _forum(call, request.peer), set(request.topics))


def _answer(call: Call, chat: Chat, wanted: set[int] | None) -> Any:
    openings = [
        stored
        for stored in call.world.boxes.window(chat, "1", [], -1, 0)
        if isinstance(getattr(stored.message, "action", None), types.MessageActionTopicCreate)
        and (wanted is None or stored.id in wanted)
    ]
    me = call.me.user_id
    messages = [call.world.show(stored, me) for stored in openings]
    users, chats = call.world.around(me, messages, [chat.peer])
    topics = [_topic(stored, me) for stored in openings]
    return types.messages.ForumTopics(len(topics), topics, messages, chats, users, call.world.boxes.pts(chat.box))


def _topic(stored: Stored, viewer: int) -> Any:
    action = stored.message.action
    return types.ForumTopic(
        id=stored.id,
        date=stored.message.date,
        peer=stored.message.peer_id,
        title=action.title,
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
        my=stored.author == viewer,
    )


METHODS: Methods = {
    functions.messages.CreateForumTopicRequest: _create,
    functions.messages.GetForumTopicsRequest: _get_topics,
    functions.messages.GetForumTopicsByIDRequest: _get_topics_by_id,
}
