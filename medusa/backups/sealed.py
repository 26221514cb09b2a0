"""Compresses and encrypts a stream of lines so that nothing of it can be changed, left out, added or cut off.

A file is a head of 48 bytes (magic, the key's name, a salt) and frames. Each frame is 64 KiB of what zlib has made of
the lines, under AES-256-GCM with a key of this file alone. Its nonce is its number and whether it is the last; the head
is authenticated with each. Only the last frame is shorter, as with STREAM (https://eprint.iacr.org/2015/189).
"""

import secrets
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF

from medusa.errors import UserError

KEY_BYTES = 32
MAGIC = b"MedusaBackup\x001\r\n"
"""With what text editors and transfers as text would change."""
_NAME = _SALT = 16
HEAD = len(MAGIC) + _NAME + _SALT
FRAME = 64 * 1024
_TAG = 16
_MOST = 1 << 20
"""Bytes that are unpacked at once."""
DAMAGED = "This backup is damaged or not whole. Take another one, or fetch it again; nothing was changed."
NO_BACKUP = "This is no backup of Medusa's."
WRONG_KEY = "This backup belongs to another backup key. Give the one that it was made with; nothing was changed."


def seal(key: bytes, lines: Iterable[bytes], out: BinaryIO) -> None:
    """Write the lines, each of which ends in a line feed, encrypted with ``key``. Raises OSError."""
    head = MAGIC + name_of(key) + secrets.token_bytes(_SALT)
    out.write(head)
    own, number = _own_key(key, head), 0
    waiting = bytearray()
    for packed in _packed(lines):
        waiting += packed
        while len(waiting) > FRAME:
            out.write(_shut(own, head, number, last=False, plain=bytes(waiting[:FRAME])))
            del waiting[:FRAME]
            number += 1
    out.write(_shut(own, head, number, last=True, plain=bytes(waiting)))


def unseal(key: bytes, source: BinaryIO) -> Iterator[bytes]:
    """The lines of what ``seal`` has written, each only once it is authenticated. Raises UserError."""
    head = source.read(HEAD)
    if not head.startswith(MAGIC):
        raise UserError(NO_BACKUP)
    if len(head) < HEAD:
        raise UserError(DAMAGED)
    if head[len(MAGIC) : -_SALT] != name_of(key):
        raise UserError(WRONG_KEY)
    rest = b""
    for plain in _unpacked(_frames(_own_key(key, head), head, source)):
        *lines, rest = (rest + plain).split(b"\n")
        yield from lines
    if rest:
        raise UserError(DAMAGED)


def name_of(key: bytes) -> bytes:
    """What tells keys apart without saying anything of them."""
    return _derived(key, b"", b"medusa backup name", _NAME)


def _frames(own: bytes, head: bytes, source: BinaryIO) -> Iterator[bytes]:
    frame, number = source.read(FRAME + _TAG), 0
    while frame:
        following = source.read(FRAME + _TAG)
        yield _opened(own, head, number, last=not following, frame=frame)
        frame, number = following, number + 1
    if number == 0:
        raise UserError(DAMAGED)


def _packed(lines: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(6)
    for line in lines:
        yield packer.compress(line)
    yield packer.flush()


def _unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj()
    try:
        for chunk in chunks:
            yield unpacker.decompress(chunk, _MOST)
            while unpacker.unconsumed_tail:
                yield unpacker.decompress(unpacker.unconsumed_tail, _MOST)
    except zlib.error as error:
        raise UserError(DAMAGED) from error
    if not unpacker.eof or unpacker.unused_data:
        raise UserError(DAMAGED)


def _own_key(key: bytes, head: bytes) -> bytes:
    """The key of one file, so that no nonce is ever used twice with the same."""
    return _derived(key, head[-_SALT:], b"medusa backup", KEY_BYTES)


def _derived(key: bytes, salt: bytes, purpose: bytes, size: int) -> bytes:
    if len(key) != KEY_BYTES:
        raise ValueError("a backup key has 32 bytes")
    derived = HKDF(key, size, salt, SHA256, context=purpose)
    if not isinstance(derived, bytes):
        raise TypeError("HKDF returns one key when one is asked for")
    return derived


def _shut(own: bytes, head: bytes, number: int, *, last: bool, plain: bytes) -> bytes:
    cipher = AES.new(own, AES.MODE_GCM, nonce=_nonce(number, last=last))
    cipher.update(head)
    closed, tag = cipher.encrypt_and_digest(plain)
    return closed + tag


def _opened(own: bytes, head: bytes, number: int, *, last: bool, frame: bytes) -> bytes:
    cipher = AES.new(own, AES.MODE_GCM, nonce=_nonce(number, last=last))
    cipher.update(head)
    try:
        return cipher.decrypt_and_verify(frame[:-_TAG], frame[-_TAG:])
    except ValueError:
        raise UserError(DAMAGED) from None


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
