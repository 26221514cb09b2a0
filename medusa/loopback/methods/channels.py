"""Makes channels, tells about them, lets people in and out."""

from typing import Any

from telethon.tl import functions, types

from medusa.loopback import posting
from medusa.loopback.accounts import Account, as_user, random_long
from medusa.loopback.boxes import Chat, unmarked
from medusa.loopback.call import Call, Methods
from medusa.loopback.channels import ChannelRecord
from medusa.loopback.rpc import RpcFailure


def create(call: Call, title: str, about: str, *, megagroup: bool, forum: bool) -> tuple[ChannelRecord, list[Any]]:
    """A new channel of the caller with its first service message; returns it and the updates. Raises RpcFailure."""
    if not title.strip():
        raise RpcFailure("CHAT_TITLE_EMPTY")
    record = call.world.channels.add(title, about, call.me.user_id, megagroup=megagroup, forum=forum)
    notice = types.UpdateChannel(record.id)
    call.push(call.me.user_id, [notice], [record.peer])
    draft = posting.Draft(random_long(), action=types.MessageActionChannelCreate(title))
    posted = posting.post(call, Chat(record.peer, record.peer), draft)
    return record, [notice, *posted[1:]]


def _create(call: Call, request: Any) -> Any:
    megagroup = bool(request.megagroup or request.forum)
    record, updates = create(call, request.title, request.about, megagroup=megagroup, forum=bool(request.forum))
    return call.world.bundle(call.me.user_id, updates, [record.peer])


def _record(call: Call, channel: Any) -> ChannelRecord:
    return call.world.channels.get(unmarked(call.chat(channel).peer))


def _get(call: Call, request: Any) -> Any:
    me = call.me.user_id
    return types.messages.Chats([call.world.chat(_record(call, channel).id, me) for channel in request.id])


def _get_full(call: Call, request: Any) -> Any:
    record, me = _record(call, request.channel), call.me.user_id
    inbox, outbox = call.world.boxes.read_until(me, record.peer)
    full = types.ChannelFull(
        id=record.id,
        about=record.about,
        read_inbox_max_id=inbox,
        read_outbox_max_id=outbox,
        unread_count=call.world.boxes.unread(Chat(record.peer, record.peer), me),
        chat_photo=types.PhotoEmpty(0),
        notify_settings=types.PeerNotifySettings(),
        bot_info=[],
        pts=call.world.boxes.pts(record.peer),
        can_view_participants=record.creator == me,
        participants_count=len(call.world.channels.members(record.id)),
        admins_count=1,
    )
    users, chats = call.world.around(me, [], [record.peer])
    return types.messages.ChatFull(full, chats, users)


def _participant(call: Call, record: ChannelRecord, account: Account) -> Any:
    viewer, rights = call.me.user_id, call.world.channels.rights(record, account.user_id)
    if account.user_id == record.creator:
        return types.ChannelParticipantCreator(account.user_id, rights)
    if rights is not None:
        return types.ChannelParticipantAdmin(account.user_id, record.creator, record.date, rights)
    if account.user_id == viewer:
        return types.ChannelParticipantSelf(account.user_id, record.creator, record.date)
    return types.ChannelParticipant(account.user_id, record.date)


def _get_participant(call: Call, request: Any) -> Any:
    record, account, me = _record(call, request.channel), call.user(request.participant), call.me.user_id
    if not call.world.channels.is_member(record.id, account.user_id):
        raise RpcFailure("USER_NOT_PARTICIPANT")
    return types.channels.ChannelParticipant(_participant(call, record, account), [], [as_user(account, me)])


def _get_participants(call: Call, request: Any) -> Any:
    record, me = _record(call, request.channel), call.me.user_id
    accounts = [call.world.accounts.get(number) for number in call.world.channels.members(record.id)]
    if isinstance(request.filter, types.ChannelParticipantsAdmins):
        accounts = [account for account in accounts if call.world.channels.rights(record, account.user_id)]
    page = accounts[request.offset : request.offset + request.limit]
    participants = [_participant(call, record, account) for account in page]
    return types.channels.ChannelParticipants(
        len(accounts), participants, [], [as_user(account, me) for account in page]
    )


def _invite(call: Call, request: Any) -> Any:
    record = _record(call, request.channel)
    for user in request.users:
        account = call.user(user)
        call.world.channels.join(record.id, account.user_id)
        call.push(account.user_id, [types.UpdateChannel(record.id)], [record.peer])
    updates = call.world.bundle(call.me.user_id, [types.UpdateChannel(record.id)], [record.peer])
    return types.messages.InvitedUsers(updates, [])


def _leave(call: Call, request: Any) -> Any:
    record = _record(call, request.channel)
    call.world.channels.leave(record.id, call.me.user_id)
    return call.world.bundle(call.me.user_id, [types.UpdateChannel(record.id)], [record.peer])


def _delete(call: Call, request: Any) -> Any:
    record = _own(call, request.channel)
    for account in call.world.channels.members(record.id):
        call.push(account, [types.UpdateChannel(record.id)], [record.peer])
    call.world.channels.delete(record.id)
    return call.world.bundle(call.me.user_id, [types.UpdateChannel(record.id)], [record.peer])


def _edit_title(call: Call, request: Any) -> Any:
    record = _own(call, request.channel)
    if record.title == request.title:
        raise RpcFailure("CHAT_NOT_MODIFIED")
    call.world.channels.rename(record.id, request.title)
    draft = posting.Draft(random_long(), action=types.MessageActionChatEditTitle(request.title))
    posted = posting.post(call, Chat(record.peer, record.peer), draft)
    return call.world.bundle(call.me.user_id, posted[1:], [record.peer])


def _own(call: Call, channel: Any) -> ChannelRecord:
    record = _record(call, channel)
    if record.creator != call.me.user_id:
        raise RpcFailure("CHAT_ADMIN_REQUIRED")
    return record


METHODS: Methods = {
    functions.channels.CreateChannelRequest: _create,
    functions.channels.GetChannelsRequest: _get,
    functions.channels.GetFullChannelRequest: _get_full,
    functions.channels.GetParticipantRequest: _get_participant,
    functions.channels.GetParticipantsRequest: _get_participants,
    functions.channels.InviteToChannelRequest: _invite,
    functions.channels.LeaveChannelRequest: _leave,
    functions.channels.DeleteChannelRequest: _delete,
    functions.channels.EditTitleRequest: _edit_title,
}
