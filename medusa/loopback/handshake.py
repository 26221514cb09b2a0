"""The creation of an auth key with one client.

https://core.telegram.org/mtproto/auth_key
"""

import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha1, sha256
from typing import Any

from telethon import helpers
from telethon.crypto import AES, AuthKey
from telethon.tl import functions, types

from medusa.loopback import tl
from medusa.loopback.crypto import DH_G, DH_PRIME, DH_PRIME_BYTES, ServerKey, in_safe_range

# Factoring pq is work that keeps others from asking for keys without end, of which there is no need here: one is the
# smallest prime of four bytes, which is how long some clients take each for. The other is far larger: of two alike,
# Pollard's method finds both at once now and then, and Telethon takes that for the factors 1 and pq.
_P, _Q = b"\x01\x00\x00\x2b", b"\x3f\xff\xff\xdd"
_PQ = (0x0100002B * 0x3FFFFFDD).to_bytes(7, "big")

_SECRET_BYTES = 32
"""Of the server's secret exponent: twice the strength of the prime is enough (RFC 7919, 5.2), and takes an eighth of
the time that one as long as the prime would."""


class HandshakeFailed(Exception):
    """A step that breaks the protocol: the connection is closed with error 404."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """An agreed auth key, its first salt, and how long it lives (None: for good; seconds: a temporary key)."""

    key: bytes
    salt: int
    expires_in: int | None


class Handshake:
    """One client's way through the exchange.

    ``accept`` stores a key and says False when its id is taken; ``now`` is the server's time.
    """

    def __init__(
        self, server_key: ServerKey, accept: Callable[[NewKey], bool], now: Callable[[], float] = time.time
    ) -> None:
        self._server_key = server_key
        self._accept = accept
        self._now = now
        self._nonce = self._server_nonce = self._new_nonce = 0
        self._secret = 0
        self._expires_in: int | None = None

    def answer(self, packet: bytes | bytearray | memoryview) -> bytes:
        """The plain packet that answers a plain packet. Raises HandshakeFailed."""
        try:
            request = tl.parse(packet[20:])
        except tl.Unreadable as error:
            raise HandshakeFailed(str(error)) from None
        reply = tl.pack(self._step(request))
        # https://core.telegram.org/mtproto/description#message-identifier-msg-id: answers end in 1 modulo 4.
        return struct.pack("<qqi", 0, int(self._now() * 2**32) & ~3 | 1, len(reply)) + reply

    def _step(self, request: Any) -> Any:
        if isinstance(request, functions.ReqPqMultiRequest | functions.ReqPqRequest):
            return self._begin(request)
        if isinstance(request, functions.ReqDHParamsRequest):
            return self._offer(request)
        if isinstance(request, functions.SetClientDHParamsRequest):
            return self._finish(request)
        raise HandshakeFailed(f"{type(request).__name__} without an auth key")

    def _begin(self, request: Any) -> Any:
        self._nonce = request.nonce
        self._server_nonce = int.from_bytes(os.urandom(16), "little", signed=True)
        self._new_nonce = self._secret = 0
        return types.ResPQ(self._nonce, self._server_nonce, _PQ, [self._server_key.fingerprint])

    def _offer(self, request: Any) -> Any:
        self._check_nonces(request)
        inner = _open_inner(self._server_key, request.encrypted_data)
        self._check_nonces(inner)
        if (inner.p, inner.q, inner.pq) != (_P, _Q, _PQ) or (request.p, request.q) != (_P, _Q):
            raise HandshakeFailed("wrong factors")
        self._new_nonce = inner.new_nonce
        self._expires_in = getattr(inner, "expires_in", None)
        self._secret = int.from_bytes(os.urandom(_SECRET_BYTES), "big")
        g_a = pow(DH_G, self._secret, DH_PRIME).to_bytes(256, "big")
        data = tl.pack(
            types.ServerDHInnerData(self._nonce, self._server_nonce, DH_G, DH_PRIME_BYTES, g_a, int(self._now()))
        )
        plain = sha1(data).digest() + data  # noqa: S324 -- the protocol's own choice
        plain += os.urandom(-len(plain) % 16)
        return types.ServerDHParamsOk(self._nonce, self._server_nonce, AES.encrypt_ige(plain, *self._aes()))

    def _finish(self, request: Any) -> Any:
        self._check_nonces(request)
        if not self._secret or len(request.encrypted_data) % 16:
            raise HandshakeFailed("out of turn")
        plain = AES.decrypt_ige(request.encrypted_data, *self._aes())
        inner = _checked_object(plain[:20], plain[20:], types.ClientDHInnerData)
        self._check_nonces(inner)
        g_b = int.from_bytes(inner.g_b, "big")
        agreed = pow(g_b, self._secret, DH_PRIME)
        # Telethon drops leading zeros of the key before it hashes; where there are none, this changes nothing.
        bare = AuthKey(agreed.to_bytes((agreed.bit_length() + 7) // 8, "big"))
        if not in_safe_range(g_b):
            return types.DhGenFail(self._nonce, self._server_nonce, bare.calc_new_nonce_hash(self._new_nonce, 3))
        if not self._store(agreed):
            return types.DhGenRetry(self._nonce, self._server_nonce, bare.calc_new_nonce_hash(self._new_nonce, 2))
        self._secret = 0
        return types.DhGenOk(self._nonce, self._server_nonce, bare.calc_new_nonce_hash(self._new_nonce, 1))

    def _store(self, agreed: int) -> bool:
        """Keep the key as all 256 bytes and as Telethon's shorter form, which differ for one key in 256."""
        salt = int.from_bytes(_first_bytes(self._new_nonce, 32), "little") ^ int.from_bytes(
            _first_bytes(self._server_nonce, 16), "little"
        )
        signed = int.from_bytes(salt.to_bytes(8, "little"), "little", signed=True)
        forms = {agreed.to_bytes(256, "big"), agreed.to_bytes((agreed.bit_length() + 7) // 8, "big")}
        accepted = [self._accept(NewKey(form, signed, self._expires_in)) for form in forms]
        return all(accepted)

    def _aes(self) -> tuple[bytes, bytes]:
        key, iv = helpers.generate_key_data_from_nonce(self._server_nonce, self._new_nonce)
        return key, iv

    def _check_nonces(self, item: Any) -> None:
        if not self._server_nonce or (item.nonce, item.server_nonce) != (self._nonce, self._server_nonce):
            raise HandshakeFailed("wrong nonce")


def _first_bytes(nonce: int, length: int) -> bytes:
    return nonce.to_bytes(length, "little", signed=True)[:8]


def _checked_object(digest: bytes, data: bytes, *kinds: type) -> Any:
    """The object at the start of ``data`` if the SHA-1 over exactly its own bytes is ``digest``."""
    try:
        item = tl.parse(data)
    except tl.Unreadable:
        raise HandshakeFailed("unreadable inner data") from None
    if not isinstance(item, kinds) or sha1(tl.pack(item)).digest() != digest:  # noqa: S324 -- as above
        raise HandshakeFailed("wrong inner data")
    return item


def _open_inner(server_key: ServerKey, encrypted: bytes) -> Any:
    """The p_q_inner_data of either padding: SHA-1 and data of 255 bytes, or RSA_PAD."""
    if len(encrypted) != 256:
        raise HandshakeFailed("wrong length of encrypted data")
    block = server_key.decrypt(encrypted)
    kinds = (types.PQInnerData, types.PQInnerDataDc, types.PQInnerDataTemp, types.PQInnerDataTempDc)
    padded = _undo_rsa_pad(block)
    if padded is None:
        return _checked_object(block[1:21], block[21:], *kinds)
    try:
        item = tl.parse(padded)
    except tl.Unreadable:
        raise HandshakeFailed("unreadable inner data") from None
    if not isinstance(item, kinds):
        raise HandshakeFailed("wrong inner data")
    return item


def _undo_rsa_pad(block: bytes) -> bytes | None:
    """The data inside RSA_PAD (step 4.1 of the exchange), or None when ``block`` is padded the older way."""
    cipher = block[32:]
    temp_key = bytes(a ^ b for a, b in zip(block[:32], sha256(cipher).digest(), strict=True))
    plain: bytes = AES.decrypt_ige(cipher, temp_key, bytes(32))
    data = plain[191::-1]
    return data if sha256(temp_key + data).digest() == plain[192:] else None
