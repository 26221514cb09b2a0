"""AES-IGE: both ways against cryptg and against a reference made of single AES blocks."""

import cryptg
import pytest
from Crypto.Cipher import AES
from hypothesis import given
from hypothesis import strategies as st

from medusa.telegram.aes import SCRATCH, Encrypt, by_cbc, by_cryptg, fastest

WAYS = [pytest.param(by_cbc, id="cbc"), pytest.param(by_cryptg, id="cryptg")]


def encrypted(way: Encrypt, plain: bytes, key: bytes, iv: bytes) -> bytes:
    """What ``way`` makes of ``plain`` amid other bytes, which stay, with working memory that is dirty."""
    buffer, scratch = bytearray(b"\xa5" * 24 + plain + b"\xa5" * 40), bytearray(b"\x5a" * SCRATCH)
    way(memoryview(buffer)[24:-40], key, iv, memoryview(scratch))
    assert bytes(buffer[:24] + buffer[-40:]) == b"\xa5" * 64
    return bytes(buffer[24:-40])


def reference(plain: bytes, key: bytes, iv: bytes) -> bytes:
    """IGE by its definition, block by block."""
    block = AES.new(key, AES.MODE_ECB)
    before_c, before_p = iv[:16], iv[16:]
    result = b""
    for at in range(0, len(plain), 16):
        text = plain[at : at + 16]
        mixed = bytes(a ^ b for a, b in zip(text, before_c, strict=True))
        before_c = bytes(a ^ b for a, b in zip(block.encrypt(mixed), before_p, strict=True))
        before_p = text
        result += before_c
    return result


@pytest.mark.parametrize("way", WAYS)
@given(st.integers(1, 70), st.binary(min_size=96, max_size=96))
def test_it_is_ige_by_definition(way: Encrypt, blocks: int, keys: bytes) -> None:
    plain = (keys * 20)[: blocks * 16][::-1]
    key, iv = keys[:32], keys[32:64]
    assert encrypted(way, plain, key, iv) == reference(plain, key, iv) == cryptg.encrypt_ige(plain, key, iv)


@given(st.integers(1, 33_000), st.binary(min_size=64, max_size=64), st.integers(0, 2**32))
def test_cbc_and_cryptg_agree_on_whole_parts(blocks: int, keys: bytes, seed: int) -> None:
    plain = (seed.to_bytes(5, "big") + keys) * (blocks * 16 // 69 + 1)
    plain = plain[: blocks * 16]
    assert encrypted(by_cbc, plain, keys[:32], keys[32:]) == cryptg.encrypt_ige(plain, keys[:32], keys[32:])


def test_the_fastest_is_chosen_once() -> None:
    assert fastest() in (by_cbc, by_cryptg)
    assert fastest() is fastest()
