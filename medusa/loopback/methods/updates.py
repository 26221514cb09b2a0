"""Answers what a client has missed, for its account and for channels.

https://core.telegram.org/api/updates#recovering-gaps
"""

from typing import Any

from telethon.tl import functions, types

from medusa.loopback.boxes import Event
from medusa.loopback.call import Call, Methods
from medusa.loopback.rpc import RpcFailure

MAX_EVENTS = 500


def state_of(call: Call, pts: int | None = None) -> Any:
    """The ``updates.state`` of an account, or one on the way there."""
    now = int(call.world.clock.now())
    return types.updates.State(pts or call.world.boxes.pts(call.me.user_id), qts=0, date=now, seq=0, unread_count=0)


def _get_state(call: Call, _request: Any) -> Any:
    return state_of(call)


def _get_difference(call: Call, request: Any) -> Any:
    me, boxes = call.me.user_id, call.world.boxes
    if request.pts <= 0:
        raise RpcFailure("PERSISTENT_TIMESTAMP_EMPTY")
    if request.pts > boxes.pts(me):
        return types.updates.DifferenceTooLong(boxes.pts(me))
    events = boxes.since(me, request.pts, MAX_EVENTS)
    messages, others, peers = _told(call, events)
    channels = [record for record in call.world.channels.of(me) if boxes.changed(record.peer) >= _seconds(request.date)]
    others.extend(types.UpdateChannelTooLong(record.id, boxes.pts(record.peer)) for record in channels)
    if not events and not channels:
        return types.updates.DifferenceEmpty(int(call.world.clock.now()), 0)
    users, chats = call.world.around(me, messages, [*peers, *(record.peer for record in channels)])
    if len(events) == MAX_EVENTS:
        middle = state_of(call, events[-1].pts)
        return types.updates.DifferenceSlice(messages, [], others, chats, users, middle)
    return types.updates.Difference(messages, [], others, chats, users, state_of(call))


def _seconds(date: Any) -> int:
    return int(date.timestamp()) if date else 0


def _told(call: Call, events: list[Event]) -> tuple[list[Any], list[Any], list[int]]:
    """The new messages in events, the other updates, and the peers that they speak of."""
    me = call.me.user_id
    fresh = {event.ids[-1] for event in events if event.kind == "new"}
    messages, others = [], []
    for event in events:
        update = call.world.update_of(event, me)
        if update is None or (event.kind == "edit" and event.ids[-1] in fresh):
            continue
        if event.kind == "new":
            messages.append(update.message)
        else:
            others.append(update)
    return messages, others, [event.peer for event in events]


def _get_channel_difference(call: Call, request: Any) -> Any:
    chat = call.chat(request.channel)
    boxes, me = call.world.boxes, call.me.user_id
    if request.pts <= 0:
        raise RpcFailure("PERSISTENT_TIMESTAMP_EMPTY")
    events = boxes.since(chat.box, request.pts, max(1, min(request.limit, MAX_EVENTS)))
    if not events:
        return types.updates.ChannelDifferenceEmpty(boxes.pts(chat.box), final=True, timeout=30)
    messages, others, _ = _told(call, events)
    users, chats = call.world.around(me, messages, [chat.peer])
    final = events[-1].pts == boxes.pts(chat.box)
    return types.updates.ChannelDifference(events[-1].pts, messages, others, chats, users, final=final, timeout=30)


METHODS: Methods = {
    functions.updates.GetStateRequest: _get_state,
    functions.updates.GetDifferenceRequest: _get_difference,
    functions.updates.GetChannelDifferenceRequest: _get_channel_difference,
}
