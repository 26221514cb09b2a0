"""The TCP transports: how packets are cut out of a byte stream.

https://core.telegram.org/mtproto/mtproto-transports
"""

import os
import struct
from typing import Protocol
from zlib import crc32

from medusa.loopback.sockets import Reader

Packet = bytes | bytearray | memoryview

MAX_PACKET = 2 << 20
"""Bytes that one packet may have; Telegram itself closes a little above 1 MB."""


class BrokenFrame(Exception):
    """A packet that breaks its transport's rules: the connection is closed."""


class Framing(Protocol):
    """One transport in both directions."""

    async def read(self, reader: Reader, *, checked: bool = True) -> Packet:
        """The next packet's payload. Raises BrokenFrame, IncompleteReadError."""

    def frame(self, payload: bytes) -> tuple[bytes, ...]:
        """What goes on the wire for a payload, in pieces.

        None is empty: asyncio's ``writelines`` would hold on to an empty piece from Python 3.12 on, and spin.
        """

    def error(self, code: int) -> bytes:
        """What goes on the wire for a transport error such as 404 or 429."""


def _checked(length: int) -> int:
    if not 0 < length <= MAX_PACKET:
        raise BrokenFrame(f"a packet of {length} bytes")
    return length


class Full:
    """Length, sequence number, payload, CRC32."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._sent = 0

    async def read(self, reader: Reader, *, checked: bool = True) -> Packet:
        """The next payload; its checksum must be right, if it is ``checked``."""
        head = self._head or await reader.readexactly(8)
        self._head = b""
        length = _checked(struct.unpack_from("<i", head)[0] - 12)
        body = await reader.readexactly(length + 4)
        payload = memoryview(body)[:-4]
        if checked and crc32(payload, crc32(head)) != int.from_bytes(body[-4:], "little"):
            raise BrokenFrame("a wrong checksum")
        return payload

    def frame(self, payload: bytes) -> tuple[bytes, ...]:
        """Head, payload, checksum."""
        head = struct.pack("<ii", len(payload) + 12, self._sent)
        self._sent += 1
        return head, payload, struct.pack("<I", crc32(payload, crc32(head)))

    def error(self, code: int) -> bytes:
        """404 comes inside a frame, floods as three bare numbers: that is what clients know."""
        if code == 404:
            return b"".join(self.frame(struct.pack("<i", -code)))
        return struct.pack("<iii", -code, -code, -code)


class Abridged:
    """One byte of length in words, or four for longer packets."""

    async def read(self, reader: Reader, *, checked: bool = True) -> Packet:  # noqa: ARG002 -- it has no checksum
        """The next payload; the quick-acknowledgement bit is accepted and left unanswered."""
        words = (await reader.readexactly(1))[0] & 0x7F
        if words == 0x7F:
            words = int.from_bytes(await reader.readexactly(3), "little")
        return await reader.readexactly(_checked(words * 4))

    def frame(self, payload: bytes) -> tuple[bytes, ...]:
        """Length and payload."""
        words = len(payload) >> 2
        return (bytes((words,)) if words < 0x7F else b"\x7f" + words.to_bytes(3, "little")), payload

    def error(self, code: int) -> bytes:
        """The number as a packet of its own."""
        return b"".join(self.frame(struct.pack("<i", -code)))


class Intermediate:
    """Four bytes of length in bytes; ``padded`` adds 0 to 15 random bytes behind the payload."""

    def __init__(self, *, padded: bool = False) -> None:
        self._padded = padded

    async def read(self, reader: Reader, *, checked: bool = True) -> Packet:  # noqa: ARG002 -- it has no checksum
        """The next payload, with its padding cut off."""
        length = _checked(int.from_bytes(await reader.readexactly(4), "little") & 0x7FFFFFFF)
        packet = await reader.readexactly(length)
        return _unpadded(packet) if self._padded else packet

    def frame(self, payload: bytes) -> tuple[bytes, ...]:
        """Length and payload."""
        padding = os.urandom(os.urandom(1)[0] % 16) if self._padded else b""
        head = struct.pack("<I", len(payload) + len(padding))
        return (head, payload, padding) if padding else (head, payload)

    def error(self, code: int) -> bytes:
        """The number as a packet of its own, never padded: clients know it by its length."""
        return struct.pack("<Ii", 4, -code)


def _unpadded(packet: Packet) -> Packet:
    """Encrypted payloads are 24 bytes and whole AES blocks; plain ones state their own length."""
    if packet[:8] == bytes(8) and len(packet) >= 20:
        return packet[: 20 + int.from_bytes(packet[16:20], "little")]
    return packet[: len(packet) - (len(packet) - 24) % 16] if len(packet) > 24 else packet


async def detect(reader: Reader) -> Framing:
    """The transport that a client opens with. Raises BrokenFrame for one that is not served."""
    first = await reader.readexactly(1)
    if first == b"\xef":
        return Abridged()
    word = first + await reader.readexactly(3)
    if word == b"\xee\xee\xee\xee":
        return Intermediate()
    if word == b"\xdd\xdd\xdd\xdd":
        return Intermediate(padded=True)
    second = await reader.readexactly(4)
    if second != bytes(4):
        raise BrokenFrame("an obfuscated or unknown transport")
    return Full(bytes(word + second))
