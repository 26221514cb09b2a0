"""Takes the parts of files and gives files out again.

https://core.telegram.org/api/files
"""

from hashlib import sha256
from typing import Any

from telethon.tl import functions, types

from medusa.loopback.call import Call, Methods
from medusa.loopback.files import Media
from medusa.loopback.rpc import RpcFailure

MAX_CHUNK = 1 << 20
_HASHED = 128 << 10


def _save_part(call: Call, request: Any) -> bool:
    call.world.files.save_small(call.me.user_id, request.file_id, request.file_part, request.bytes)
    call.world.payload += len(request.bytes)
    return True


def _save_big_part(call: Call, request: Any) -> bool:
    call.world.files.save_big(
        call.me.user_id, request.file_id, request.file_part, request.file_total_parts, request.bytes
    )
    call.world.payload += len(request.bytes)
    return True


def _get_file(call: Call, request: Any) -> Any:
    call.me  # noqa: B018 -- only accounts may download
    media, thumb = _located(call, request.location)
    _check_range(request)
    data = call.world.files.read(media, request.offset, request.limit, thumb=thumb)
    kind = types.storage.FileJpeg() if thumb else types.storage.FileUnknown()
    return types.upload.File(kind, int(media.body.date.timestamp()), data)


def _located(call: Call, location: Any) -> tuple[Media, bool]:
    """The media of a location, and whether its thumbnail is meant. Raises RpcFailure."""
    if not isinstance(location, types.InputDocumentFileLocation | types.InputPhotoFileLocation):
        raise RpcFailure("LOCATION_INVALID")
    media = call.world.files.find(location)
    is_document = isinstance(location, types.InputDocumentFileLocation)
    thumb = is_document and bool(location.thumb_size)
    if thumb and (media.thumb is None or location.thumb_size != "m"):
        raise RpcFailure("LOCATION_INVALID")
    return media, thumb


def _check_range(request: Any) -> None:
    """Telegram's rules of alignment. Raises RpcFailure OFFSET_INVALID or LIMIT_INVALID."""
    offset, limit, grain = request.offset, request.limit, 1024 if request.precise else 4096
    if offset < 0 or offset % grain:
        raise RpcFailure("OFFSET_INVALID")
    if not 0 < limit <= MAX_CHUNK or limit % grain or (not request.precise and MAX_CHUNK % limit):
        raise RpcFailure("LIMIT_INVALID")
    if offset // MAX_CHUNK != (offset + limit - 1) // MAX_CHUNK:
        raise RpcFailure("LIMIT_INVALID")


def _get_hashes(call: Call, request: Any) -> list[Any]:
    """SHA-256 over stretches of 128 KB, from the megabyte that holds the offset."""
    media, thumb = _located(call, request.location)
    start = max(0, request.offset) // MAX_CHUNK * MAX_CHUNK
    data = call.world.files.read(media, start, MAX_CHUNK, thumb=thumb)
    pieces = [(at, data[at : at + _HASHED]) for at in range(0, len(data), _HASHED)]
    return [types.FileHash(start + at, len(piece), sha256(piece).digest()) for at, piece in pieces]


METHODS: Methods = {
    functions.upload.SaveFilePartRequest: _save_part,
    functions.upload.SaveBigFilePartRequest: _save_big_part,
    functions.upload.GetFileRequest: _get_file,
    functions.upload.GetFileHashesRequest: _get_hashes,
}
