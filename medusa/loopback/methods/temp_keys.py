"""Binds temporary auth keys to permanent ones (perfect forward secrecy).

https://core.telegram.org/method/auth.bindTempAuthKey
"""

import struct
from hashlib import sha1
from typing import Any

from telethon.crypto import AES
from telethon.tl import functions, types

from medusa.loopback import tl
from medusa.loopback.call import Call, Methods
from medusa.loopback.keys import AuthKey
from medusa.loopback.rpc import RpcFailure


def _bind(call: Call, request: Any) -> bool:
    if call.session is None or call.session.key.expires is None:
        raise RpcFailure("ENCRYPTED_MESSAGE_INVALID")
    temporary, permanent = call.session.key, call.world.keys.find(request.perm_auth_key_id)
    if permanent is None or permanent.expires is not None:
        raise RpcFailure("ENCRYPTED_MESSAGE_INVALID")
    inner = _open(permanent, request.encrypted_message)
    told = (inner.nonce, inner.temp_auth_key_id, inner.perm_auth_key_id, inner.temp_session_id)
    if told != (request.nonce, temporary.id, permanent.id, call.session.id):
        raise RpcFailure("ENCRYPTED_MESSAGE_INVALID")
    temporary.permanent = permanent.id
    call.world.keys.save(temporary)
    return True


def _open(permanent: AuthKey, packet: bytes) -> Any:
    """The ``bind_auth_key_inner`` in a message that is encrypted the MTProto 1.0 way. Raises RpcFailure."""
    msg_key, cipher = packet[8:24], packet[24:]
    if struct.pack("<q", permanent.id) != packet[:8] or len(cipher) < 48 or len(cipher) % 16:
        raise RpcFailure("ENCRYPTED_MESSAGE_INVALID")
    plain: bytes = AES.decrypt_ige(cipher, *_old_aes(permanent.key, msg_key))
    (length,) = struct.unpack_from("<i", plain, 28)
    if length < 0 or sha1(plain[: 32 + length]).digest()[4:20] != msg_key:  # noqa: S324 -- the protocol's own choice
        raise RpcFailure("ENCRYPTED_MESSAGE_INVALID")
    try:
        inner = tl.parse(plain[32 : 32 + length])
    except tl.Unreadable:
        inner = None
    if not isinstance(inner, types.BindAuthKeyInner):
        raise RpcFailure("ENCRYPTED_MESSAGE_INVALID")
    return inner


def _old_aes(key: bytes, msg_key: bytes) -> tuple[bytes, bytes]:
    """Key and vector of MTProto 1.0. https://core.telegram.org/mtproto/description_v1"""
    a = sha1(msg_key + key[:32]).digest()  # noqa: S324 -- as above
    b = sha1(key[32:48] + msg_key + key[48:64]).digest()  # noqa: S324
    c = sha1(key[64:96] + msg_key).digest()  # noqa: S324
    d = sha1(msg_key + key[96:128]).digest()  # noqa: S324
    return a[:8] + b[8:20] + c[4:16], a[8:20] + b[:8] + c[16:20] + d[:8]


METHODS: Methods = {functions.auth.BindTempAuthKeyRequest: _bind}
