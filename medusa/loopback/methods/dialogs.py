"""Lists the chats of an account."""

from collections.abc import Iterable
from typing import Any

from telethon.tl import functions, types

from medusa.loopback.boxes import Chat
from medusa.loopback.call import Call, Methods
from medusa.loopback.methods.updates import state_of
from medusa.loopback.world import peer_of

MAX_PAGE = 100


def _chats(call: Call) -> list[tuple[Chat, Any]]:
    """The account's chats with the newest message of each, latest first."""
    me, boxes = call.me.user_id, call.world.boxes
    chats = [Chat(me, peer) for peer in boxes.peers(me)]
    chats += [Chat(record.peer, record.peer) for record in call.world.channels.of(me)]
    found = [(chat, boxes.get(chat.box, boxes.top(chat))) for chat in chats]
    shown = [(chat, call.world.show(top, me)) for chat, top in found if top is not None]
    return sorted(shown, key=lambda pair: (pair[1].date.timestamp(), pair[1].id), reverse=True)


def _dialog(call: Call, chat: Chat, top: int) -> Any:
    boxes, me = call.world.boxes, call.me.user_id
    inbox, outbox = boxes.read_until(me, chat.peer)
    return types.Dialog(
        peer=peer_of(chat.peer),
        top_message=top,
        read_inbox_max_id=inbox,
        read_outbox_max_id=outbox,
        unread_count=boxes.unread(chat, me),
        unread_mentions_count=0,
        unread_reactions_count=0,
        unread_poll_votes_count=0,
        notify_settings=types.PeerNotifySettings(),
        pts=boxes.pts(chat.box) if chat.is_channel else None,
    )


def _parts(call: Call, page: Iterable[tuple[Chat, Any]]) -> dict[str, list[Any]]:
    pairs = list(page)
    messages = [message for _, message in pairs if message is not None]
    users, chats = call.world.around(call.me.user_id, messages, [chat.peer for chat, _ in pairs])
    dialogs = [_dialog(call, chat, message.id if message else 0) for chat, message in pairs]
    return {"dialogs": dialogs, "messages": messages, "chats": chats, "users": users}


def _get_dialogs(call: Call, request: Any) -> Any:
    everything = _chats(call)
    if request.folder_id:
        return types.messages.Dialogs([], [], [], [])
    start = 0
    if not isinstance(request.offset_peer, types.InputPeerEmpty):
        last = call.chat(request.offset_peer)
        start = next((at + 1 for at, (chat, _) in enumerate(everything) if chat == last), 0)
    page = everything[start : start + max(1, min(request.limit, MAX_PAGE))]
    if len(page) == len(everything):
        return types.messages.Dialogs(**_parts(call, page))
    return types.messages.DialogsSlice(count=len(everything), **_parts(call, page))


def _get_peer_dialogs(call: Call, request: Any) -> Any:
    newest = dict(_chats(call))
    chats = [call.chat(item.peer) for item in request.peers if isinstance(item, types.InputDialogPeer)]
    return types.messages.PeerDialogs(
        **_parts(call, ((chat, newest.get(chat)) for chat in chats)), state=state_of(call)
    )


def _get_pinned(call: Call, _request: Any) -> Any:
    return types.messages.PeerDialogs([], [], [], [], state_of(call))


METHODS: Methods = {
    functions.messages.GetDialogsRequest: _get_dialogs,
    functions.messages.GetPeerDialogsRequest: _get_peer_dialogs,
    functions.messages.GetPinnedDialogsRequest: _get_pinned,
}
