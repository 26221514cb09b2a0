"""Takes the parts of files and gives files out again.

https://core.telegram.org/api/files
"""

from hashlib import sha256
from typing import Any

from telethon.tl import functions, types

from medusa.loopback.call import Call, Methods
from medusa.loopback.files import Media
from medusa.loopback.rpc import RpcFailure
from medusa.loopback.world import CDN_DC

MAX_CHUNK = 1 << 20
_HASHED = 128 << 10


def _save_part(call: Call, request: Any) -> bool:
    call.world.files.save_small(call.me.user_id, request.file_id, request.file_part, request.bytes)
    call.world.files.received += len(request.bytes)
    return True


def _save_big_part(call: Call, request: Any) -> bool:
    call.world.files.save_big(
        call.me.user_id, request.file_id, request.file_part, request.file_total_parts, request.bytes
    )
    call.world.files.received += len(request.bytes)
    return True


def _get_file(call: Call, request: Any) -> Any:
    call.me  # noqa: B018 -- only accounts may download
    media, thumb = located(call, request.location)
    check_range(request)
    if call.world.cdn.on and request.cdn_supported and not thumb:
        return redirect(call, media)
    data = call.world.files.read(media, request.offset, request.limit, thumb=thumb)
    kind = types.storage.FileJpeg() if thumb else types.storage.FileUnknown()
    return types.upload.File(kind, int(media.body.date.timestamp()), data)


def located(call: Call, location: Any) -> tuple[Media, bool]:
    """The media of a location, and whether its thumbnail is meant. Raises RpcFailure."""
    if not isinstance(location, types.InputDocumentFileLocation | types.InputPhotoFileLocation):
        raise RpcFailure("LOCATION_INVALID")
    media = call.world.files.find(location)
    is_document = isinstance(location, types.InputDocumentFileLocation)
    if media.body.dc_id != call.world.dc_id:
        raise RpcFailure(f"FILE_MIGRATE_{media.body.dc_id}")
    thumb = is_document and bool(location.thumb_size)
    if thumb and (media.thumb is None or location.thumb_size != "m"):
        raise RpcFailure("LOCATION_INVALID")
    return media, thumb


def check_range(request: Any) -> None:
    """Telegram's rules of alignment. Raises RpcFailure OFFSET_INVALID or LIMIT_INVALID."""
    offset, limit, precise = request.offset, request.limit, getattr(request, "precise", False)
    grain = 1024 if precise else 4096
    if offset < 0 or offset % grain:
        raise RpcFailure("OFFSET_INVALID")
    if not 0 < limit <= MAX_CHUNK or limit % grain or (not precise and MAX_CHUNK % limit):
        raise RpcFailure("LIMIT_INVALID")
    if offset // MAX_CHUNK != (offset + limit - 1) // MAX_CHUNK:
        raise RpcFailure("LIMIT_INVALID")


def _get_hashes(call: Call, request: Any) -> list[Any]:
    media, thumb = located(call, request.location)
    return hashes_of(call, media, request.offset, thumb=thumb)


def hashes_of(call: Call, media: Media, offset: int, *, thumb: bool = False) -> list[Any]:
    """SHA-256 over stretches of 128 KB, from the megabyte that holds the offset to its end."""
    start = max(0, offset) // MAX_CHUNK * MAX_CHUNK
    data = call.world.files.read(media, start, MAX_CHUNK, thumb=thumb)
    pieces = [(at, data[at : at + _HASHED]) for at in range(0, len(data), _HASHED)]
    return [types.FileHash(start + at, len(piece), sha256(piece).digest()) for at, piece in pieces]


def redirect(call: Call, media: Media) -> Any:
    """Send the client to the CDN. https://core.telegram.org/cdn"""
    copy = call.world.cdn.copy_of(media.id)
    hashes = hashes_of(call, media, 0)
    return types.upload.FileCdnRedirect(CDN_DC, copy.token, copy.key, copy.iv, hashes)


def _get_cdn_file(call: Call, request: Any) -> Any:
    check_range(request)
    cdn = call.world.cdn
    copy = cdn.named(request.file_token)
    if not copy.there:
        return types.upload.CdnFileReuploadNeeded(copy.request)
    media = call.world.files.get(copy.media)
    data = call.world.files.read(media, request.offset, request.limit, thumb=False)
    return types.upload.CdnFile(copy.encrypt(request.offset, cdn.spoil(data)))


def _reupload(call: Call, request: Any) -> list[Any]:
    call.me  # noqa: B018 -- only accounts may ask
    copy = call.world.cdn.named(request.file_token)
    if request.request_token != copy.request:
        raise RpcFailure("REQUEST_TOKEN_INVALID")
    copy.there = True
    return hashes_of(call, call.world.files.get(copy.media), 0)


def _get_cdn_hashes(call: Call, request: Any) -> list[Any]:
    call.me  # noqa: B018 -- only accounts may ask
    return hashes_of(call, call.world.files.get(call.world.cdn.named(request.file_token).media), request.offset)


METHODS: Methods = {
    functions.upload.SaveFilePartRequest: _save_part,
    functions.upload.SaveBigFilePartRequest: _save_big_part,
    functions.upload.GetFileRequest: _get_file,
    functions.upload.GetFileHashesRequest: _get_hashes,
    functions.upload.GetCdnFileRequest: _get_cdn_file,
    functions.upload.ReuploadCdnFileRequest: _reupload,
    functions.upload.GetCdnFileHashesRequest: _get_cdn_hashes,
}
