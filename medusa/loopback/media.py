"""Turns what a client offers as media into what a message holds."""

import struct
import time
from typing import Any

from telethon.tl import types

from medusa.loopback.accounts import random_long
from medusa.loopback.call import Call
from medusa.loopback.files import Blob
from medusa.loopback.rpc import RpcFailure
from medusa.loopback.world import HOME_DC

MAX_THUMB = 200 << 10


def receive(call: Call, offered: Any) -> Any:
    """The ``messageMedia`` for an ``inputMedia``, None for an empty one. Raises RpcFailure."""
    if isinstance(offered, types.InputMediaEmpty):
        return None
    if isinstance(offered, types.InputMediaUploadedDocument):
        return _new_document(call, offered)
    if isinstance(offered, types.InputMediaUploadedPhoto):
        return _new_photo(call, offered)
    if isinstance(offered, types.InputMediaDocument):
        return _known(call, offered, types.Document)
    if isinstance(offered, types.InputMediaPhoto):
        return _known(call, offered, types.Photo)
    raise RpcFailure("MEDIA_INVALID")


def _new_document(call: Call, offered: Any) -> Any:
    blob = call.world.files.assemble(call.me.user_id, offered.file)
    if blob.size == 0:
        raise RpcFailure("FILE_PARTS_INVALID")
    thumb = _thumb(call, offered.thumb)
    identity = call.world.files.new_id()
    document = types.Document(
        id=identity,
        access_hash=random_long(),
        file_reference=b"",
        date=int(time.time()),
        mime_type=offered.mime_type or "application/octet-stream",
        size=blob.size,
        dc_id=HOME_DC,
        attributes=_named(offered.attributes, blob.name),
        thumbs=[_photo_size("m", thumb)] if thumb else None,
    )
    media = call.world.files.keep(identity, document, blob, thumb)
    document.file_reference = media.reference
    return _document_media(document, offered)


def _named(attributes: list[Any], name: str) -> list[Any]:
    """The attributes with the file's own name where the client gave none."""
    if not name or any(isinstance(attribute, types.DocumentAttributeFilename) for attribute in attributes):
        return attributes
    return [*attributes, types.DocumentAttributeFilename(name)]


def _document_media(document: Any, offered: Any) -> Any:
    kinds = {type(attribute): attribute for attribute in document.attributes}
    video = kinds.get(types.DocumentAttributeVideo)
    audio = kinds.get(types.DocumentAttributeAudio)
    return types.MessageMediaDocument(
        document=document,
        spoiler=bool(offered.spoiler),
        video=video is not None and types.DocumentAttributeAnimated not in kinds,
        round=bool(video and video.round_message),
        voice=bool(audio and audio.voice),
        ttl_seconds=offered.ttl_seconds,
    )


def _new_photo(call: Call, offered: Any) -> Any:
    blob = call.world.files.assemble(call.me.user_id, offered.file)
    size = _photo_size("x", _whole(call, blob))
    if size is None:
        raise RpcFailure("IMAGE_PROCESS_FAILED")
    identity = call.world.files.new_id()
    photo = types.Photo(identity, random_long(), b"", int(time.time()), [size], HOME_DC)
    media = call.world.files.keep(identity, photo, blob, None)
    photo.file_reference = media.reference
    return types.MessageMediaPhoto(photo=photo, spoiler=bool(offered.spoiler), ttl_seconds=offered.ttl_seconds)


def _known(call: Call, offered: Any, kind: Any) -> Any:
    """A file that the server has already: nothing is sent again."""
    if not isinstance(offered.id, types.InputDocument | types.InputPhoto):
        raise RpcFailure("MEDIA_EMPTY")
    media = call.world.files.find(offered.id)
    if not isinstance(media.body, kind):
        raise RpcFailure("MEDIA_INVALID")
    media.body.file_reference = media.reference
    if kind is types.Document:
        return _document_media(media.body, offered)
    return types.MessageMediaPhoto(photo=media.body, spoiler=bool(offered.spoiler), ttl_seconds=offered.ttl_seconds)


def _whole(call: Call, blob: Blob) -> bytes:
    if blob.size > 10 << 20:
        raise RpcFailure("PHOTO_SAVE_FILE_INVALID")
    return call.world.files.path(blob.file).read_bytes()


def _thumb(call: Call, offered: Any) -> bytes | None:
    """The bytes of an uploaded thumbnail; one that is no small JPEG is left out, as Telegram does."""
    if offered is None:
        return None
    blob = call.world.files.assemble(call.me.user_id, offered)
    data = call.world.files.path(blob.file).read_bytes() if blob.size <= MAX_THUMB else b""
    size = image_size(data)
    return data if size and max(size) <= 320 else None


def _photo_size(kind: str, data: bytes) -> Any | None:
    size = image_size(data)
    return size and types.PhotoSize(kind, size[0], size[1], len(data))


def image_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels of a JPEG or PNG, None for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        width, height = struct.unpack_from(">II", data, 16)
        return width, height
    if not data.startswith(b"\xff\xd8"):
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        # Start-of-frame segments carry the size; C4, C8 and CC in that range are other things.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + length
    return None
