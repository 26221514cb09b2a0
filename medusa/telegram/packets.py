"""Builds encrypted MTProto packets in buffers that are used again, with as few copies as the protocol allows."""

import os
import struct
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256

from telethon.network.mtprotostate import MTProtoState
from telethon.tl import functions

from medusa.telegram import aes
from medusa.telegram.parts import PART_SIZE

Fill = Callable[[memoryview], None]
"""Writes the payload into the buffer that it is given, of exactly the payload's length; called in any thread."""

_OUTER = struct.Struct("<i8s16s")
"""Length of the packet (Intermediate transport), id of the auth key, message key."""
_INNER = struct.Struct("<qqqii")
"""Salt, session, message id, sequence number, length of the body."""
_LEAST_PADDING = 12
_NICE = 5
"""How much less than the event loop a thread asks of a processor that the two share."""
_MOST_HEAD = 1024
"""Bytes before the payload: a part's own 24, and on a new connection the client's introduction."""
PACKET_ROOM = _OUTER.size + _INNER.size + _MOST_HEAD + PART_SIZE + _LEAST_PADDING + aes.BLOCK
"""Bytes of a buffer that holds a packet with a whole part."""

# upload.saveFilePart and upload.saveBigFilePart, https://core.telegram.org/schema
_SAVE_PART = struct.Struct("<Iqi")
_SAVE_BIG_PART = struct.Struct("<Iqii")
_SAVE_PART_ID = functions.upload.SaveFilePartRequest.CONSTRUCTOR_ID
_SAVE_BIG_PART_ID = functions.upload.SaveBigFilePartRequest.CONSTRUCTOR_ID


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an upload; ``total`` is the number of parts, -1 while unknown, None for a file of up to 10 MB."""

    file_id: int
    number: int
    total: int | None
    size: int

    def head(self) -> bytes:
        """The request up to the payload (https://core.telegram.org/mtproto/serialize#base-types)."""
        length = bytes((self.size,)) if self.size < 254 else b"\xfe" + self.size.to_bytes(3, "little")
        if self.total is None:
            return _SAVE_PART.pack(_SAVE_PART_ID, self.file_id, self.number) + length
        return _SAVE_BIG_PART.pack(_SAVE_BIG_PART_ID, self.file_id, self.number, self.total) + length


@dataclass(frozen=True, slots=True)
class Body:
    """A message's TL bytes in pieces: ``head``, then ``size`` bytes by ``fill``, then zeros up to a whole word."""

    head: bytes
    size: int = 0
    fill: Fill = lambda _: None

    def __len__(self) -> int:
        return -(-(len(self.head) + self.size) // 4) * 4


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a session adds to a message."""

    auth_key: bytes
    key_id: int
    salt: int
    session: int
    msg_id: int
    seq: int


class Packer:
    """Packs messages in threads of its own; all buffers are reused and dropped by ``close``.

    Hashing and encrypting leave the interpreter free, so that the event loop goes on meanwhile.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._executor: ThreadPoolExecutor | None = None
        self._scratch = threading.local()
        self._packets: list[bytearray] = []

    @property
    def executor(self) -> ThreadPoolExecutor:
        """The threads, started when first needed."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="parts", initializer=_give_way)
        return self._executor

    def close(self) -> None:
        """Let go of the threads and the buffers; a later use brings them back."""
        if self._executor is not None:
            self._executor.shutdown(wait=True)
        self._executor = None
        self._scratch = threading.local()
        self._packets.clear()

    def lease(self, body: Body) -> bytearray:
        """A buffer for a packet with ``body``; one for a short message is made to measure."""
        room = _OUTER.size + _INNER.size + len(body) + _LEAST_PADDING + aes.BLOCK
        if not body.size or room > PACKET_ROOM:
            return bytearray(room)
        return self._packets.pop() if self._packets else bytearray(PACKET_ROOM)

    def give_back(self, buffer: bytearray) -> None:
        """Return a buffer; those of another size than a part's are dropped."""
        if len(buffer) == PACKET_ROOM:
            self._packets.append(buffer)

    def pack(self, envelope: Envelope, body: Body, packet: bytearray) -> memoryview:
        """Write the encrypted message into ``packet``; returns what is to be sent of it. May run in any thread."""
        view = memoryview(packet)
        text = _written(view[_OUTER.size :], envelope, body)
        digest = sha256(envelope.auth_key[88:120])
        digest.update(text)
        msg_key = digest.digest()[8:24]
        key, iv = MTProtoState._calc_key(envelope.auth_key, msg_key, True)  # noqa: SLF001 (MTProto 2.0's key derivation)
        end = _OUTER.size + len(text)
        _OUTER.pack_into(packet, 0, end - 4, envelope.key_id.to_bytes(8, "little"), msg_key)
        aes.fastest()(text, key, iv, self._work())
        return view[:end]

    def _work(self) -> memoryview:
        """This thread's working memory."""
        if not hasattr(self._scratch, "view"):
            self._scratch.view = memoryview(bytearray(aes.SCRATCH))
        view: memoryview = self._scratch.view
        return view


def _give_way() -> None:
    """Let the event loop's thread go first where the two share a processor."""
    # Only on Linux is this the calling thread's affair alone (setpriority(2)).
    if sys.platform == "linux":
        os.nice(_NICE)


def _written(plain: memoryview, envelope: Envelope, body: Body) -> memoryview:
    """The message before its encryption, with random padding to whole AES blocks."""
    size = len(body)
    _INNER.pack_into(plain, 0, envelope.salt, envelope.session, envelope.msg_id, envelope.seq, size)
    at = _INNER.size
    plain[at : at + len(body.head)] = body.head
    at += len(body.head)
    body.fill(plain[at : at + body.size])
    at += body.size
    end = _INNER.size + size
    plain[at:end] = bytes(end - at)
    padding = os.urandom(-(end + _LEAST_PADDING) % aes.BLOCK + _LEAST_PADDING)
    plain[end : end + len(padding)] = padding
    return plain[: end + len(padding)]
