"""Logs in by a QR code that another session of the account accepts.

https://core.telegram.org/api/qr-login
"""

import os
import time
from typing import Any

from telethon.tl import functions, types

from medusa.loopback.accounts import as_user
from medusa.loopback.call import Call, Methods
from medusa.loopback.rpc import RpcFailure

TOKEN_LIFE = 30
"""Seconds for which a code may be scanned."""


def _export(call: Call, _request: Any) -> Any:
    return _success(call) or _fresh_token(call)


def _import(call: Call, request: Any) -> Any:
    _known(call, request.token)
    return _success(call) or types.auth.LoginToken(int(call.world.login_tokens[request.token][1]), request.token)


def _success(call: Call) -> Any | None:
    """``auth.loginTokenSuccess`` once the code was accepted. Raises SESSION_PASSWORD_NEEDED."""
    key = call.key
    if key.account is not None:
        account = call.world.accounts.get(key.account)
        return types.auth.LoginTokenSuccess(types.auth.Authorization(as_user(account, account.user_id)))
    if key.awaiting is not None:
        raise RpcFailure("SESSION_PASSWORD_NEEDED")
    return None


def _fresh_token(call: Call) -> Any:
    tokens, now = call.world.login_tokens, time.time()
    for token, (key_id, expires) in list(tokens.items()):
        if expires < now or key_id == call.key.id:
            del tokens[token]
    token, expires = os.urandom(32), now + TOKEN_LIFE
    tokens[token] = (call.key.id, expires)
    return types.auth.LoginToken(int(expires), token)


def _known(call: Call, token: bytes) -> tuple[int, float]:
    found = call.world.login_tokens.get(token)
    if found is None:
        raise RpcFailure("AUTH_TOKEN_INVALID")
    if found[1] < time.time():
        raise RpcFailure("AUTH_TOKEN_EXPIRED")
    return found


def accept(call: Call, token: bytes) -> None:
    """Log the key that asked for ``token`` in as the caller, and tell its sessions. Raises RpcFailure."""
    key_id, _ = _known(call, token)
    key = call.world.keys.find(key_id)
    if key is None or key.account is not None:
        raise RpcFailure("AUTH_TOKEN_ALREADY_ACCEPTED")
    del call.world.login_tokens[token]
    if call.world.accounts.password(call.me.user_id):
        key.awaiting = call.me.user_id
    else:
        key.account = call.me.user_id
    call.world.keys.save(key)
    update = types.UpdateShort(types.UpdateLoginToken(), int(time.time()))
    call.pushes.extend((session, update) for session in call.world.sessions.of_key(key_id) if session.wants_updates)


def _accept(call: Call, request: Any) -> Any:
    key_id, _ = _known(call, request.token)
    accept(call, request.token)
    return authorization(call, key_id)


def authorization(call: Call, key_id: int) -> Any:
    """The TL ``authorization`` of an auth key."""
    key = call.world.keys.find(key_id)
    device = key.device if key else ""
    now = int(time.time())
    return types.Authorization(
        hash=0 if call.session and key_id == call.key.id else key_id,
        device_model=device,
        platform="",
        system_version="",
        api_id=1,
        app_name="",
        app_version="",
        date_created=now,
        date_active=now,
        ip="127.0.0.1",
        country="",
        region="",
        current=bool(call.session and key_id == call.key.id),
    )


def _get_authorizations(call: Call, _request: Any) -> Any:
    keys = call.world.keys.of(call.me.user_id)
    return types.account.Authorizations(180, [authorization(call, key.id) for key in keys])


def _reset_authorization(call: Call, request: Any) -> bool:
    key = call.world.keys.find(request.hash)
    if key is None or key.account != call.me.user_id:
        raise RpcFailure("HASH_INVALID")
    key.account = None
    call.world.keys.save(key)
    return True


METHODS: Methods = {
    functions.auth.ExportLoginTokenRequest: _export,
    functions.auth.ImportLoginTokenRequest: _import,
    functions.auth.AcceptLoginTokenRequest: _accept,
    functions.account.GetAuthorizationsRequest: _get_authorizations,
    functions.account.ResetAuthorizationRequest: _reset_authorization,
}
