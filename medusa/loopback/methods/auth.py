"""Logs in with a login code, hands authorizations on, logs out.

https://core.telegram.org/api/auth
"""

import os
import secrets
from typing import Any

from telethon.tl import functions, types

from medusa.loopback.accounts import Account, as_user, digits
from medusa.loopback.call import Call, Methods
from medusa.loopback.rpc import RpcFailure
from medusa.loopback.world import HOME_DC, OTHER_DC

_MAX_CODES = 256


def log_in(call: Call, account: Account) -> Any:
    """Bind the auth key to an account; returns the ``auth.authorization``."""
    key = call.key
    key.account, key.awaiting = account.user_id, None
    call.world.keys.save(key)
    return types.auth.Authorization(as_user(account, account.user_id))


def await_password(call: Call, account: Account) -> None:
    """Remember who is logging in, and raise SESSION_PASSWORD_NEEDED."""
    call.key.awaiting = account.user_id
    call.world.keys.save(call.key)
    raise RpcFailure("SESSION_PASSWORD_NEEDED")


def _send_code(call: Call, request: Any) -> Any:
    account = call.world.accounts.by_phone(request.phone_number)
    if account is None:
        raise RpcFailure("PHONE_NUMBER_INVALID")
    code_hash = secrets.token_hex(9)
    call.world.codes[code_hash] = digits(account.phone)
    while len(call.world.codes) > _MAX_CODES:
        call.world.codes.popitem(last=False)
    return types.auth.SentCode(types.auth.SentCodeTypeApp(len(account.code)), code_hash, timeout=60)


def _sign_in(call: Call, request: Any) -> Any:
    account = call.world.accounts.by_phone(request.phone_number)
    if account is None:
        raise RpcFailure("PHONE_NUMBER_UNOCCUPIED")
    if call.world.codes.get(request.phone_code_hash) != digits(account.phone):
        raise RpcFailure("PHONE_CODE_EXPIRED")
    if not request.phone_code:
        raise RpcFailure("PHONE_CODE_EMPTY")
    if request.phone_code != account.code:
        raise RpcFailure("PHONE_CODE_INVALID")
    del call.world.codes[request.phone_code_hash]
    if call.world.accounts.password(account.user_id):
        await_password(call, account)
    return log_in(call, account)


def _sign_up(call: Call, request: Any) -> Any:
    raise RpcFailure(
        "PHONE_NUMBER_OCCUPIED" if call.world.accounts.by_phone(request.phone_number) else "PHONE_NUMBER_INVALID"
    )


def _cancel_code(call: Call, request: Any) -> bool:
    return call.world.codes.pop(request.phone_code_hash, None) is not None


def _log_out(call: Call, _request: Any) -> Any:
    call.me  # noqa: B018 -- only who is logged in can log out
    call.key.account = None
    call.world.keys.save(call.key)
    return types.auth.LoggedOut()


def _reset_authorizations(call: Call, _request: Any) -> bool:
    for key in call.world.keys.of(call.me.user_id):
        if key is not call.key:
            key.account = None
            call.world.keys.save(key)
    return True


def _export(call: Call, request: Any) -> Any:
    if request.dc_id not in (HOME_DC, OTHER_DC):
        raise RpcFailure("DC_ID_INVALID")
    token = os.urandom(32)
    call.world.exported[token] = (call.me.user_id, request.dc_id)
    return types.auth.ExportedAuthorization(call.me.user_id, token)


def _import(call: Call, request: Any) -> Any:
    if call.world.exported.pop(request.bytes, None) != (request.id, call.world.dc_id):
        raise RpcFailure("AUTH_BYTES_INVALID")
    return log_in(call, call.world.accounts.get(request.id))


METHODS: Methods = {
    functions.auth.SendCodeRequest: _send_code,
    functions.auth.SignInRequest: _sign_in,
    functions.auth.SignUpRequest: _sign_up,
    functions.auth.CancelCodeRequest: _cancel_code,
    functions.auth.LogOutRequest: _log_out,
    functions.auth.ResetAuthorizationsRequest: _reset_authorizations,
    functions.auth.ExportAuthorizationRequest: _export,
    functions.auth.ImportAuthorizationRequest: _import,
}
