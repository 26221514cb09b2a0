"""Makes members of channels admins, with some rights or with none.

https://core.telegram.org/api/rights
"""

from typing import Any

from telethon.tl import functions, types

from medusa.loopback.boxes import unmarked
from medusa.loopback.call import Call, Methods
from medusa.loopback.rpc import RpcFailure


def _edit_admin(call: Call, request: Any) -> Any:
    """https://core.telegram.org/method/channels.editAdmin"""
    channels = call.world.channels
    record = channels.get(unmarked(call.chat(request.channel).peer))
    account = call.user(request.user_id)
    if record.creator != call.me.user_id:
        raise RpcFailure("CHAT_ADMIN_REQUIRED")
    if account.user_id == record.creator:
        raise RpcFailure("USER_CREATOR")
    if not channels.is_member(record.id, account.user_id):
        raise RpcFailure("USER_NOT_PARTICIPANT")
    given = any(vars(request.admin_rights).values())
    channels.appoint(record.id, account.user_id, request.admin_rights if given else None)
    notice = types.UpdateChannel(record.id)
    call.push(account.user_id, [notice], [record.peer])
    return call.world.bundle(call.me.user_id, [notice], [record.peer])


METHODS: Methods = {functions.channels.EditAdminRequest: _edit_admin}
