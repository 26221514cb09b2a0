"""Reads and writes TL objects: bytes to Telethon's generated classes, and back."""

import struct
import zlib
from dataclasses import dataclass
from typing import Any

from telethon.errors import TypeNotFoundError
from telethon.extensions import BinaryReader
from telethon.tl import TLObject, functions

CONTAINER = 0x73F1F8DC
GZIP_PACKED = 0x3072CFA1
RPC_RESULT = 0xF35C6D01
VECTOR = 0x1CB5C415
BOOL_TRUE = 0x997275B5
BOOL_FALSE = 0xBC799737

MAX_INFLATED = 16 << 20
"""Bytes that a gzip_packed object may unpack to; more is taken for a bomb."""

_MAX_CONTAINER = 1024
_LONG = 254
_PART_HEADS = {
    kind.CONSTRUCTOR_ID: (kind, struct.Struct(head))
    for kind, head in (
        (functions.upload.SaveFilePartRequest, "<Iqi"),
        (functions.upload.SaveBigFilePartRequest, "<Iqii"),
    )
}
_GZIP_ABOVE = 4096

_UNREADABLE = (
    struct.error,
    BufferError,
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    OverflowError,
    EOFError,
    OSError,
    zlib.error,
)


class Unreadable(Exception):
    """Bytes that are no TL object of this layer; ``constructor`` is the first one met, in hexadecimal."""

    def __init__(self, constructor: str) -> None:
        super().__init__(constructor)
        self.constructor = constructor


@dataclass(frozen=True, slots=True)
class Incoming:
    """One client message: its msg_id, its seqno and its TL bytes (gzip already undone)."""

    msg_id: int
    seq: int
    body: bytes | memoryview


def parse(data: bytes | bytearray | memoryview) -> Any:
    """The TL object in ``data``; bytes behind it are ignored. Raises Unreadable.

    The bytes of a file part are not copied: they stay a view into ``data``.
    """
    head = _PART_HEADS.get(constructor_of(data))
    try:
        if head is not None:
            return _part(data, *head)
        return BinaryReader(bytes(data)).tgread_object()
    except TypeNotFoundError as error:
        raise Unreadable(f"{error.invalid_constructor_id:08X}") from None
    except _UNREADABLE:
        raise Unreadable(bytes(data[3::-1]).hex().upper()) from None


def _part(data: bytes | bytearray | memoryview, kind: Any, head: struct.Struct) -> Any:
    at = head.size + 4
    length = data[at - 4]
    if length == _LONG:
        length = int.from_bytes(data[at - 3 : at], "little")
    else:
        at -= 3
    payload = memoryview(data)[at : at + length]
    if len(payload) != length:
        raise EOFError
    return kind(*head.unpack_from(data)[1:], payload)


def pack(value: Any) -> bytes:
    """TL bytes of an object, of a bool, or of a list as a bare-boxed vector of objects."""
    if value is True or value is False:
        return struct.pack("<I", BOOL_TRUE if value else BOOL_FALSE)
    if isinstance(value, list):
        return struct.pack("<Ii", VECTOR, len(value)) + b"".join(pack(item) for item in value)
    if isinstance(value, int):
        return struct.pack("<i", value)
    return bytes(value)


def tl_bytes(data: bytes) -> bytes:
    """``data`` as a TL ``bytes`` field: length, bytes, padding to four."""
    return bytes(TLObject.serialize_bytes(data))


def inflate(data: bytes | memoryview) -> bytes:
    """The object inside a gzip_packed one. Raises Unreadable when it is broken or too big."""
    try:
        packed = BinaryReader(bytes(data[4:])).tgread_bytes()
        inflater = zlib.decompressobj(wbits=31)
        body = inflater.decompress(packed, MAX_INFLATED)
    except _UNREADABLE:
        raise Unreadable("3072CFA1") from None
    if inflater.unconsumed_tail or not inflater.eof:
        raise Unreadable("3072CFA1")
    return body


def deflate(data: bytes) -> bytes:
    """``data`` as gzip_packed when it is long and that makes it shorter; otherwise unchanged."""
    if len(data) < _GZIP_ABOVE:
        return data
    deflater = zlib.compressobj(1, wbits=31)
    packed = struct.pack("<I", GZIP_PACKED) + tl_bytes(deflater.compress(data) + deflater.flush())
    return packed if len(packed) < len(data) else data


def constructor_of(data: bytes | bytearray | memoryview) -> int:
    """The constructor id at the start of ``data``, 0 when there is none."""
    return int.from_bytes(data[:4], "little") if len(data) >= 4 else 0


def unfold(msg_id: int, seq: int, body: bytes | memoryview) -> list[Incoming]:
    """The messages in a message: itself, or the members of a container. Raises Unreadable.

    https://core.telegram.org/mtproto/service_messages#containers
    """
    if constructor_of(body) == GZIP_PACKED:
        body = inflate(body)
    if constructor_of(body) != CONTAINER:
        return [Incoming(msg_id, seq, body)]
    try:
        (count,) = struct.unpack_from("<i", body, 4)
        if not 0 <= count <= _MAX_CONTAINER:
            raise Unreadable("73F1F8DC")
        return list(_members(body, count))
    except struct.error:
        raise Unreadable("73F1F8DC") from None


def _members(body: bytes | memoryview, count: int) -> list[Incoming]:
    found, at = [], 8
    for _ in range(count):
        msg_id, seq, length = struct.unpack_from("<qii", body, at)
        at += 16
        member = body[at : at + length]
        if length < 0 or len(member) != length or constructor_of(member) == CONTAINER:
            raise Unreadable("73F1F8DC")
        at += length
        found.append(Incoming(msg_id, seq, inflate(member) if constructor_of(member) == GZIP_PACKED else member))
    return found


def method_name(request: Any) -> str:
    """The TL name of a request or of its class, for instance ``upload.saveBigFilePart``."""
    kind = request if isinstance(request, type) else type(request)
    plain = kind.__name__.removesuffix("Request")
    space = kind.__module__.rpartition(".")[2]
    name = plain[:1].lower() + plain[1:]
    return name if space == "functions" else f"{space}.{name}"
