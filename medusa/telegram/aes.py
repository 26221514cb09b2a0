"""AES-256-IGE for outgoing packets, by whichever of two ways this machine runs faster."""

import functools
import os
import time
from collections.abc import Callable

import cryptg

BLOCK = 16
"""Bytes of an AES block; what is encrypted is a multiple of it."""
ROOM = BLOCK - 1
"""Bytes that the output buffer needs beyond the text."""
_TRIAL = 512 * 1024
_ROUNDS = 3

Encrypt = Callable[[memoryview, bytes, bytes, memoryview, memoryview], None]
"""Encrypts ``plain`` (whole blocks) with a key and an IV of 32 bytes each into ``out``; ``scratch`` is as long as
``plain``, ``out`` is ``ROOM`` bytes longer. None of the buffers may overlap."""


def by_cbc(plain: memoryview, key: bytes, iv: bytes, out: memoryview, scratch: memoryview) -> None:
    """IGE as CBC between two XORs, which leaves the interpreter free for other threads.

    With p₋₁ = 0 and p₀ the second half of the IV, IGE's cᵢ = E(pᵢ ⊕ cᵢ₋₁) ⊕ pᵢ₋₁ is CBC over pᵢ ⊕ pᵢ₋₂ under the first
    half, each block XORed with pᵢ₋₁ afterwards (https://core.telegram.org/mtproto/description).
    """
    # Here, for an idle Medusa has no use for the 8 MB that these weigh.
    from Crypto.Util.strxor import strxor
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC

    size = len(plain)
    scratch = scratch[:size]
    scratch[:BLOCK] = plain[:BLOCK]
    if size > BLOCK:
        strxor(plain[BLOCK : 2 * BLOCK], iv[BLOCK:], output=scratch[BLOCK : 2 * BLOCK])
    if size > 2 * BLOCK:
        strxor(plain[2 * BLOCK :], plain[: -2 * BLOCK], output=scratch[2 * BLOCK :])
    # The mode is but a building block here: what leaves is IGE, as MTProto demands.
    Cipher(AES(key), CBC(iv[:BLOCK])).encryptor().update_into(scratch, out[: size + ROOM])
    strxor(out[:BLOCK], iv[BLOCK:], output=out[:BLOCK])
    if size > BLOCK:
        strxor(out[BLOCK:size], plain[:-BLOCK], output=out[BLOCK:size])


def by_cryptg(plain: memoryview, key: bytes, iv: bytes, out: memoryview, scratch: memoryview) -> None:  # noqa: ARG001
    """IGE by Telethon's native helper."""
    out[: len(plain)] = cryptg.encrypt_ige(bytes(plain), key, iv)


@functools.cache
def fastest() -> Encrypt:
    """The faster of the two ways on this machine; the first call tries them out, for some ten milliseconds."""
    ways: tuple[Encrypt, ...] = (by_cbc, by_cryptg)
    return min(ways, key=_seconds)


def _seconds(way: Encrypt) -> float:
    """The best time of a few for one part."""
    plain, key, iv = memoryview(os.urandom(_TRIAL)), os.urandom(32), os.urandom(32)
    out, scratch = memoryview(bytearray(_TRIAL + ROOM)), memoryview(bytearray(_TRIAL))
    times = []
    for _ in range(_ROUNDS):
        begin = time.perf_counter()
        way(plain, key, iv, out, scratch)
        times.append(time.perf_counter() - begin)
    return min(times)
