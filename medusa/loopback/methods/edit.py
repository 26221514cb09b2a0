"""Edits, deletes, forwards, pins and reacts."""

from typing import Any

from telethon.tl import functions, types

from medusa.loopback import media, posting
from medusa.loopback.boxes import Chat, Stored, unmarked
from medusa.loopback.call import Call, Methods
from medusa.loopback.rpc import RpcFailure
from medusa.loopback.world import peer_of


def _edit_message(call: Call, request: Any) -> Any:
    chat = call.chat(request.peer)
    stored = posting.find(call, chat, request.id)
    received = media.receive(call, request.media) if request.media is not None else None
    update = posting.edit(call, stored, request.message, request.entities, received)
    return call.world.bundle(call.me.user_id, [update], [chat.peer])


def _delete_messages(call: Call, request: Any) -> Any:
    me = call.me.user_id
    return types.messages.AffectedMessages(*posting.delete(call, me, request.id, revoke=bool(request.revoke)))


def _delete_channel_messages(call: Call, request: Any) -> Any:
    chat = call.chat(request.channel)
    return types.messages.AffectedMessages(*posting.delete(call, chat.box, request.id, revoke=True))


def _delete_history(call: Call, request: Any) -> Any:
    chat = call.chat(request.peer)
    where, values = ("id <= ?", [request.max_id]) if request.max_id else ("1", [])
    ids = [stored.id for stored in call.world.boxes.window(chat, where, values, 1000, 0)]
    pts, count = posting.delete(call, chat.box, ids, revoke=bool(request.revoke))
    return types.messages.AffectedHistory(pts, count, call.world.boxes.count(chat, where, values))


def _forward_messages(call: Call, request: Any) -> Any:
    source, target = call.chat(request.from_peer), call.chat(request.to_peer)
    if len(request.id) != len(request.random_id):
        raise RpcFailure("RANDOM_ID_INVALID")
    updates = []
    for number, random_id in zip(request.id, request.random_id, strict=True):
        stored = posting.find(call, source, number)
        if stored.message.noforwards:
            raise RpcFailure("CHAT_FORWARDS_RESTRICTED")
        updates.extend(posting.post(call, target, _forwarded(call, request, stored, random_id)))
    return call.world.bundle(call.me.user_id, updates, [source.peer, target.peer])


def _forwarded(call: Call, request: Any, stored: Stored, random_id: int) -> posting.Draft:
    message = call.world.show(stored, call.me.user_id)
    bare = bool(request.drop_media_captions) and message.media is not None
    return posting.Draft(
        random_id,
        "" if bare else message.message,
        None if bare else message.entities,
        message.media,
        request.reply_to,
        forward=None if request.drop_author else message.fwd_from or _header(stored),
        grouped_id=message.grouped_id,
        extra={"silent": bool(request.silent)},
    )


def _header(stored: Stored) -> Any:
    channel = stored.peer if stored.peer < 0 else None
    return types.MessageFwdHeader(
        date=stored.message.date,
        from_id=peer_of(channel or stored.author),
        channel_post=stored.id if channel else None,
    )


def _pin(call: Call, request: Any) -> Any:
    chat = call.chat(request.peer)
    stored = posting.find(call, chat, request.id)
    _require_pinning(call, chat)
    return call.world.bundle(call.me.user_id, _set_pinned(call, chat, [stored], not request.unpin), [chat.peer])


def _require_pinning(call: Call, chat: Chat) -> None:
    """Raise CHAT_ADMIN_REQUIRED unless the account may pin: in channels, whoever may edit the posts of others."""
    if chat.is_channel:
        rights, group = call.rights(chat), call.world.channels.get(unmarked(chat.peer)).megagroup
        if not (rights and (rights.pin_messages if group else rights.edit_messages)):
            raise RpcFailure("CHAT_ADMIN_REQUIRED")


def _unpin_all(call: Call, request: Any) -> Any:
    chat = call.chat(request.peer)
    pinned = [stored for stored in call.world.boxes.window(chat, "1", [], 1000, 0) if stored.message.pinned]
    _set_pinned(call, chat, pinned, False)
    return types.messages.AffectedHistory(call.world.boxes.pts(chat.box), len(pinned), 0)


def _set_pinned(call: Call, chat: Chat, group: list[Stored], pinned: bool) -> list[Any]:
    changed = [stored for stored in group if bool(stored.message.pinned) != pinned]
    for stored in changed:
        stored.message.pinned = pinned
        call.world.boxes.change(stored)
    if not changed:
        return []
    event = call.world.boxes.log(chat, "pin" if pinned else "unpin", [stored.id for stored in changed])
    return [call.tell(event)]


def _send_reaction(call: Call, request: Any) -> Any:
    chat = call.chat(request.peer)
    stored = posting.find(call, chat, request.msg_id)
    chosen = [types.ReactionCount(reaction, 1, order) for order, reaction in enumerate(request.reaction or [])]
    updates = []
    for side in posting.sides(call, stored):
        side.message.reactions = types.MessageReactions(chosen, can_see_list=True)
        call.world.boxes.change(side)
        update = types.UpdateMessageReactions(peer_of(side.peer), side.id, side.message.reactions)
        for account in call.world.audience(side.box):
            call.push(account, [update], [side.peer])
        if side is stored:
            updates.append(update)
    return call.world.bundle(call.me.user_id, updates, [chat.peer])


def _set_typing(call: Call, request: Any) -> bool:
    chat = call.chat(request.peer)
    if not chat.is_channel and chat.peer != call.me.user_id:
        call.push(chat.peer, [types.UpdateUserTyping(call.me.user_id, request.action)], [call.me.user_id])
    return True


METHODS: Methods = {
    functions.messages.EditMessageRequest: _edit_message,
    functions.messages.DeleteMessagesRequest: _delete_messages,
    functions.channels.DeleteMessagesRequest: _delete_channel_messages,
    functions.messages.DeleteHistoryRequest: _delete_history,
    functions.messages.ForwardMessagesRequest: _forward_messages,
    functions.messages.UpdatePinnedMessageRequest: _pin,
    functions.messages.UnpinAllMessagesRequest: _unpin_all,
    functions.messages.SendReactionRequest: _send_reaction,
    functions.messages.SetTypingRequest: _set_typing,
}
