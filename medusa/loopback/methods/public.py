"""Makes channels public, and forbids to forward what stands in them."""

import re
from typing import Any

from telethon.tl import functions

from medusa.loopback.boxes import unmarked
from medusa.loopback.call import Call, Methods
from medusa.loopback.channels import ChannelRecord
from medusa.loopback.rpc import RpcFailure

_USERNAME = re.compile("[A-Za-z][A-Za-z0-9_]{4,31}")


def _own(call: Call, channel: Any) -> ChannelRecord:
    record = call.world.channels.get(unmarked(call.chat(channel).peer))
    if record.creator != call.me.user_id:
        raise RpcFailure("CHAT_ADMIN_REQUIRED")
    return record


def _update_username(call: Call, request: Any) -> bool:
    """https://core.telegram.org/method/channels.updateUsername"""
    record, wanted = _own(call, request.channel), request.username or None
    if record.username == wanted:
        raise RpcFailure("USERNAME_NOT_MODIFIED")
    if wanted is not None:
        if not _USERNAME.fullmatch(wanted):
            raise RpcFailure("USERNAME_INVALID")
        if call.world.channels.by_username(wanted) or call.world.accounts.by_username(wanted):
            raise RpcFailure("USERNAME_OCCUPIED")
    call.world.channels.publish(record.id, wanted)
    return True


def _toggle_no_forwards(call: Call, request: Any) -> Any:
    """https://core.telegram.org/method/messages.toggleNoForwards"""
    record = _own(call, request.peer)
    if record.protected == bool(request.enabled):
        raise RpcFailure("CHAT_NOT_MODIFIED")
    call.world.channels.protect(record.id, bool(request.enabled))
    return call.world.bundle(call.me.user_id, [], [record.peer])


METHODS: Methods = {
    functions.channels.UpdateUsernameRequest: _update_username,
    functions.messages.ToggleNoForwardsRequest: _toggle_no_forwards,
}
