"""The copies of files that the CDN holds, encrypted, for clients that are sent there.

https://core.telegram.org/cdn
"""

import functools
import os
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from medusa.loopback import crypto
from medusa.loopback.rpc import RpcFailure


@dataclass(slots=True)
class CdnCopy:
    """One file on the CDN: what it is called there and what it is encrypted with. ``there`` once it was sent over."""

    media: int
    token: bytes = field(default_factory=lambda: os.urandom(32))
    key: bytes = field(default_factory=lambda: os.urandom(32))
    iv: bytes = field(default_factory=lambda: os.urandom(16))
    request: bytes = field(default_factory=lambda: os.urandom(32))
    there: bool = False

    def encrypt(self, offset: int, data: bytes) -> bytes:
        """AES-256-CTR, with the number of the first block as the last four bytes of the counter."""
        counter = self.iv[:12] + (offset // 16).to_bytes(4, "big")
        return Cipher(algorithms.AES(self.key), modes.CTR(counter)).encryptor().update(data)


class Cdn:
    """The CDN's state. ``on`` sends clients there; ``lying`` makes it hand out bytes that are not the file's."""

    def __init__(self) -> None:
        self.on = False
        self.lying = False
        self._copies: dict[int, CdnCopy] = {}
        self._tokens: dict[bytes, CdnCopy] = {}

    def copy_of(self, media: int) -> CdnCopy:
        """The copy of a file; a new one has yet to be sent over."""
        if media not in self._copies:
            copy = self._copies[media] = CdnCopy(media)
            self._tokens[copy.token] = copy
        return self._copies[media]

    def named(self, token: bytes) -> CdnCopy:
        """The copy that a token names. Raises RpcFailure FILE_TOKEN_INVALID."""
        copy = self._tokens.get(token)
        if copy is None:
            raise RpcFailure("FILE_TOKEN_INVALID")
        return copy

    def spoil(self, data: bytes) -> bytes:
        """The bytes as they are, or with the first one changed by a CDN that lies."""
        return bytes((data[0] ^ 1,)) + data[1:] if self.lying and data else data

    def server_key(self) -> crypto.ServerKey:
        """The CDN's own RSA key, which clients learn from ``help.getCdnConfig``."""
        return _key()


@functools.cache
def _key() -> crypto.ServerKey:
    """One for all servers of this process, made when first asked for: that takes a moment."""
    return crypto.make_server_key()
