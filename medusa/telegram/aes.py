"""AES-256-IGE for outgoing packets, by whichever of two ways this machine runs faster."""

import functools
import os
import threading
import time
from collections.abc import Callable

import cryptg

BLOCK = 16
"""Bytes of an AES block; what is encrypted is a multiple of it."""
_SLICE = 128 * 1024
"""Bytes that go through all steps before the next follow, so that they stay in the processor's cache."""
_KEPT = 2 * BLOCK + _SLICE
_ROOM = BLOCK - 1
"""Bytes that the cipher wants its output buffer to have beyond the text."""
SCRATCH = _KEPT + 2 * _SLICE + _ROOM
"""Bytes of working memory that encrypting needs, whatever the text's length."""
_TRIAL = 128 * 1024
_ROUNDS = 3

Encrypt = Callable[[memoryview, bytes, bytes, memoryview], None]
"""Encrypts ``text`` (whole blocks) in place with a key and an IV of 32 bytes each; the last argument is ``SCRATCH``
bytes of working memory."""


def by_cbc(text: memoryview, key: bytes, iv: bytes, scratch: memoryview) -> None:
    """IGE as CBC between two XORs, which leaves the interpreter free for other threads.

    With p₋₁ = 0 and p₀ the second half of the IV, IGE's cᵢ = E(pᵢ ⊕ cᵢ₋₁) ⊕ pᵢ₋₁ is CBC over pᵢ ⊕ pᵢ₋₂ under the first
    half, each block XORed with pᵢ₋₁ afterwards (https://core.telegram.org/mtproto/description).
    """
    # Here, for an idle Medusa has no use for the 8 MB that these weigh.
    from Crypto.Util.strxor import strxor
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC

    # The slice's plain text, behind the two blocks before it.
    kept = scratch[:_KEPT]
    mixed, ciphered = scratch[_KEPT : _KEPT + _SLICE], scratch[_KEPT + _SLICE :]
    # The mode is but a building block here: what leaves is IGE, as MTProto demands.
    cipher = Cipher(AES(key), CBC(iv[:BLOCK])).encryptor()
    kept[: 2 * BLOCK] = bytes(BLOCK) + iv[BLOCK:]
    for at in range(0, len(text), _SLICE):
        part = text[at : at + _SLICE]
        size = len(part)
        kept[2 * BLOCK : 2 * BLOCK + size] = part
        strxor(part, kept[:size], output=mixed[:size])
        cipher.update_into(mixed[:size], ciphered[: size + _ROOM])
        strxor(ciphered[:size], kept[BLOCK : BLOCK + size], output=part)
        kept[: 2 * BLOCK] = kept[size : size + 2 * BLOCK]


def by_cryptg(text: memoryview, key: bytes, iv: bytes, scratch: memoryview) -> None:  # noqa: ARG001
    """IGE by Telethon's native helper."""
    text[:] = cryptg.encrypt_ige(bytes(text), key, iv)


_choosing = threading.Lock()


def fastest() -> Encrypt:
    """The faster of the two ways on this machine; the first call tries them out, for a few milliseconds."""
    with _choosing:
        return _chosen()


@functools.cache
def _chosen() -> Encrypt:
    ways: tuple[Encrypt, ...] = (by_cbc, by_cryptg)
    return min(ways, key=_seconds)


def _seconds(way: Encrypt) -> float:
    """The best time of a few for a quarter of a part."""
    text, key, iv = memoryview(bytearray(_TRIAL)), os.urandom(32), os.urandom(32)
    scratch = memoryview(bytearray(SCRATCH))
    times = []
    for _ in range(_ROUNDS):
        begin = time.perf_counter()
        way(text, key, iv, scratch)
        times.append(time.perf_counter() - begin)
    return min(times)
