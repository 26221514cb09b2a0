"""Small matters of an account: its name, whether it is online, how it is notified."""

from typing import Any

from telethon.tl import functions, types

from medusa.loopback.accounts import as_user
from medusa.loopback.call import Call, Methods
from medusa.loopback.rpc import RpcFailure


def _update_status(call: Call, _request: Any) -> bool:
    return bool(call.me)


def _update_profile(call: Call, request: Any) -> Any:
    me = call.me
    if request.first_name is not None:
        if not request.first_name.strip():
            raise RpcFailure("FIRSTNAME_INVALID")
        call.world.accounts.rename(me.user_id, request.first_name)
    return as_user(call.world.accounts.get(me.user_id), me.user_id)


def _get_notify_settings(_call: Call, _request: Any) -> Any:
    return types.PeerNotifySettings()


METHODS: Methods = {
    functions.account.UpdateStatusRequest: _update_status,
    functions.account.UpdateProfileRequest: _update_profile,
    functions.account.GetNotifySettingsRequest: _get_notify_settings,
}
