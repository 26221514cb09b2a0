"""The rules of uploading and downloading, checked against the embedded Telegram with raw requests."""

import functools
import hashlib
import os
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon import errors
from telethon.errors.rpcerrorlist import rpc_errors_dict
from telethon.tl import functions, types

from medusa.loopback import Loopback, serve
from medusa.tools import find_ffmpeg
from tests.integration.loopback_clients import logged_in

KB = 1024
BIG = 512 * KB
MD5_OF_3_ZEROS = "693e9af84d3dfcc71e640e005bdc5e2e"


@pytest.fixture
async def loopback() -> AsyncIterator[Loopback]:
    async with serve() as running:
        yield running


@pytest.fixture
async def client(loopback: Loopback) -> AsyncIterator[Any]:
    async with logged_in(loopback) as telethon:
        yield telethon


def big(part: int, total: int, size: int, file_id: int = 7) -> Any:
    return functions.upload.SaveBigFilePartRequest(file_id, part, total, bytes([part % 256]) * size)


def small(part: int, size: int, file_id: int = 7) -> Any:
    return functions.upload.SaveFilePartRequest(file_id, part, bytes([part % 256]) * size)


def use_big(parts: int, file_id: int = 7) -> Any:
    return use(types.InputFileBig(file_id, parts, "film.mp4"))


def use_small(parts: int, md5: str = "") -> Any:
    return use(types.InputFile(7, parts, "film.mp4", md5))


def use(file: Any, **options: Any) -> Any:
    media = types.InputMediaUploadedDocument(file, "video/mp4", [], **options)
    return functions.messages.UploadMediaRequest("me", media)


RULES = {
    "512 KB parts": ([big(0, 2, BIG), big(1, 2, BIG), use_big(2)], None),
    "a short last part": ([big(0, 2, BIG), big(1, 2, 5), use_big(2)], None),
    "a single short part": ([big(0, 1, 5), use_big(1)], None),
    "the last part first": ([big(1, 2, 5), big(0, 2, KB), use_big(2)], None),
    "an unknown total": ([big(0, -1, BIG), big(1, -1, BIG), big(2, 3, 5), use_big(3)], None),
    "an unknown total that ends on a boundary": ([big(0, -1, KB), big(1, 2, 0), use_big(2)], None),
    "a part sent twice": ([big(0, 2, KB), big(0, 2, KB), big(1, 2, KB), use_big(2)], None),
    "a file used twice": ([big(0, 1, 5), use_big(1), big(0, 1, 5), use_big(1)], None),
    "a part that is no multiple of 1 KB": ([big(0, 2, KB + 1)], "FILE_PART_SIZE_INVALID"),
    "a part that does not divide 512 KB": ([big(0, 2, 3 * KB)], "FILE_PART_SIZE_INVALID"),
    "a part above 512 KB": ([big(0, 2, BIG + KB)], "FILE_PART_TOO_BIG"),
    "an empty part": ([big(0, 2, 0)], "FILE_PART_EMPTY"),
    "an empty part of unknown total": ([big(0, -1, 0)], "FILE_PART_EMPTY"),
    "parts of two sizes": ([big(0, 3, KB), big(1, 3, 2 * KB)], "FILE_PART_SIZE_CHANGED"),
    "a last part that is longer": ([big(0, 2, KB), big(1, 2, 2 * KB)], "FILE_PART_SIZE_INVALID"),
    "a last part that was longer": ([big(1, 2, 2 * KB), big(0, 2, KB), use_big(2)], "FILE_PART_SIZE_INVALID"),
    "a negative part": ([big(-1, 2, KB)], "FILE_PART_INVALID"),
    "a part behind the last": ([big(2, 2, KB)], "FILE_PART_INVALID"),
    "no parts": ([big(0, 0, KB)], "FILE_PARTS_INVALID"),
    "too many parts": ([big(0, 4001, KB)], "FILE_PARTS_INVALID"),
    "a total that changes": ([big(0, 2, KB), big(1, 3, KB)], "FILE_PARTS_INVALID"),
    "a total that differs when used": ([big(0, 2, KB), big(1, 2, KB), use_big(3)], "FILE_PARTS_INVALID"),
    "a missing part": ([big(0, 3, KB), big(2, 3, KB), use_big(3)], "FILE_PART_1_MISSING"),
    "nothing sent": ([use_big(3)], "FILE_PART_0_MISSING"),
    "small parts": ([small(0, KB), small(1, 7), use_small(2)], None),
    "small parts in any order": ([small(1, 7), small(0, KB), use_small(2)], None),
    "small parts of two sizes": (
        [small(0, KB), small(1, 2 * KB), small(2, KB), use_small(3)],
        "FILE_PART_SIZE_CHANGED",
    ),
    "small parts of a bad size": ([small(0, 3 * KB), small(1, 3 * KB), use_small(2)], "FILE_PART_SIZE_INVALID"),
    "a missing small part": ([small(1, KB), use_small(2)], "FILE_PART_0_MISSING"),
    "more parts than told": ([small(0, KB), small(1, KB), use_small(1)], "FILE_PARTS_INVALID"),
    "a wrong checksum": ([small(0, 3), use_small(1, "0" * 32)], "MD5_CHECKSUM_INVALID"),
    "a right checksum": ([small(0, 3), use_small(1, MD5_OF_3_ZEROS)], None),
    "small and big parts mixed": ([small(0, KB), big(1, 2, KB)], "FILE_PART_INVALID"),
    "a small part above 512 KB": ([small(0, BIG + 1)], "FILE_PART_TOO_BIG"),
    "an empty file": ([big(0, 1, 0), use_big(1)], "FILE_PARTS_INVALID"),
    "small parts above 10 MB": ([*(small(n, BIG) for n in range(21)), use_small(21)], "FILE_PARTS_INVALID"),
}


async def test_the_rules_of_parts(client: Any, loopback: Loopback) -> None:
    found = {rule: await _outcome(client, loopback, number) for number, rule in enumerate(RULES, 100)}
    assert found == {rule: (error, error is None) for rule, (_, error) in RULES.items()}


async def _outcome(client: Any, loopback: Loopback, file_id: int) -> tuple[str | None, bool]:
    """The error that a rule's requests end with, and whether the server then holds the whole file."""
    requests, _ = list(RULES.values())[file_id - 100]
    sent: dict[int, bytes] = {}
    for request in requests:
        if isinstance(request, functions.messages.UploadMediaRequest):
            request.media.file.id = file_id
        else:
            request.file_id = file_id
            sent[request.file_part] = request.bytes
        failure = await _failure(client, request)
        if failure:
            return failure, False
    return None, loopback.files()[-1].read() == b"".join(sent[number] for number in sorted(sent))


_NAMES = {kind: name for name, kind in rpc_errors_dict.items()}


async def _failure(client: Any, request: Any) -> str | None:
    """The bare name of the error that a request is answered with."""
    try:
        await client(request)
    except errors.FilePartMissingError as error:
        return f"FILE_PART_{error.which}_MISSING"
    except errors.RPCError as error:
        return _NAMES.get(type(error)) or str(error.message)
    return None


@functools.cache
def jpeg(width: int, height: int) -> bytes:
    """A real picture, made by ffmpeg."""
    source = ["-f", "lavfi", "-i", f"testsrc=size={width}x{height}"]
    command = [str(find_ffmpeg()), "-v", "error", *source, "-frames:v", "1", "-f", "mjpeg", "-"]
    return subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL).stdout


async def upload(client: Any, data: bytes, **options: Any) -> Any:
    """Upload bytes in 512 KB parts; returns the ``messageMedia``."""
    file_id = int.from_bytes(os.urandom(7), "big")
    parts = [data[at : at + BIG] for at in range(0, len(data), BIG)]
    for number, part in enumerate(parts):
        await client(functions.upload.SaveBigFilePartRequest(file_id, number, len(parts), part))
    return await client(use(types.InputFileBig(file_id, len(parts), "film.mp4"), **options))


def location(media: Any, thumb: str = "") -> Any:
    document = media.document
    return types.InputDocumentFileLocation(document.id, document.access_hash, document.file_reference, thumb)


async def test_ranges_are_served_by_the_rules(client: Any) -> None:
    data = os.urandom(2 * 1024 * KB + 100)
    where = location(await upload(client, data))

    async def get(offset: int, limit: int, precise: bool = True) -> bytes:
        request = functions.upload.GetFileRequest(where, offset, limit, precise=precise)
        return bytes((await client(request)).bytes)

    assert await get(0, 1024 * KB) == data[: 1024 * KB]
    assert await get(3 * KB, 5 * KB) == data[3 * KB : 8 * KB]
    assert await get(2 * 1024 * KB, 4 * KB, precise=False) == data[2 * 1024 * KB :]
    assert await get(4 * 1024 * KB, 4 * KB) == b""
    for offset, limit, precise in ((0, 1024 * KB + KB, True), (0, 100, True), (0, 0, True), (0, 12 * KB, False)):
        with pytest.raises(errors.LimitInvalidError):
            await get(offset, limit, precise)
    with pytest.raises(errors.LimitInvalidError):
        await get(1023 * KB, 2 * KB)
    for offset, precise in ((100, True), (-KB, True), (KB, False)):
        with pytest.raises(errors.OffsetInvalidError):
            await get(offset, 4 * KB, precise)
    hashes = await client(functions.upload.GetFileHashesRequest(where, 1024 * KB + 5))
    assert [item.offset for item in hashes] == [1024 * KB + n * 128 * KB for n in range(8)]
    assert hashes[1].hash == hashlib.sha256(data[1152 * KB : 1280 * KB]).digest()


async def test_a_document_keeps_what_it_was_sent_with(client: Any, loopback: Loopback) -> None:
    picture = jpeg(320, 180)
    await client(functions.upload.SaveFilePartRequest(99, 0, picture))
    attribute = types.DocumentAttributeVideo(12.5, 1280, 720, supports_streaming=True)
    media = types.InputMediaUploadedDocument(
        types.InputFileBig(7, 1, "film.mp4"),
        "video/mp4",
        [attribute],
        thumb=types.InputFile(99, 1, "thumb.jpg", ""),
        spoiler=True,
    )
    await client(big(0, 1, 100))
    await client(functions.messages.SendMediaRequest("me", media, "caption", random_id=1))
    message = loopback.messages()[0]
    stored = loopback.file_of(message)
    assert stored is not None
    assert (stored.name, stored.mime, stored.size, stored.thumb) == ("film.mp4", "video/mp4", 100, picture)
    got = (await client.get_messages("me", ids=1)).media
    assert (got.video, got.spoiler, got.document.attributes[0].duration) == (True, True, 12.5)
    assert [(size.type, size.w, size.h) for size in got.document.thumbs] == [("m", 320, 180)]
    thumb = await client(functions.upload.GetFileRequest(location(got, "m"), 0, 64 * KB))
    assert thumb.bytes == picture
    with pytest.raises(errors.LocationInvalidError):
        await client(functions.upload.GetFileRequest(location(got, "x"), 0, 64 * KB))


@pytest.mark.parametrize("size", [None, (640, 360)])
async def test_a_bad_thumbnail_is_left_out(client: Any, size: tuple[int, int] | None) -> None:
    thumb = jpeg(*size) if size else b"no picture"
    await client(functions.upload.SaveFilePartRequest(99, 0, thumb))
    media = await upload(client, b"data", thumb=types.InputFile(99, 1, "thumb.jpg", ""))
    assert media.document.thumbs is None


async def test_a_file_is_posted_again_without_sending_a_byte(client: Any, loopback: Loopback) -> None:
    document = (await upload(client, b"data")).document
    known = types.InputDocument(document.id, document.access_hash, document.file_reference)
    payload = loopback.payload
    await client(functions.messages.SendMediaRequest("me", types.InputMediaDocument(known), "one", random_id=1))
    await client(functions.messages.SendMediaRequest("me", types.InputMediaDocument(known), "two", random_id=2))
    assert {message.media.document.id for message in loopback.messages()} == {document.id}
    assert loopback.payload == payload
    loopback.faults.expire_references()
    request = functions.messages.SendMediaRequest("me", types.InputMediaDocument(known), "three", random_id=3)
    with pytest.raises(errors.FileReferenceExpiredError):
        await client(request)
    fresh = (await client.get_messages("me", ids=1)).media.document
    known.file_reference = fresh.file_reference
    await client(request)
    assert len(loopback.messages()) == 3
    known.file_reference = b""
    with pytest.raises(errors.FileReferenceEmptyError):
        await client(functions.messages.SendMediaRequest("me", types.InputMediaDocument(known), "", random_id=4))


async def test_a_text_becomes_media_and_captions_have_limits(client: Any, loopback: Loopback) -> None:
    sent = await client.send_message("me", "soon")
    document = (await upload(client, b"data")).document
    media = types.InputMediaDocument(types.InputDocument(document.id, document.access_hash, document.file_reference))
    await client(functions.messages.EditMessageRequest("me", sent.id, message="here", media=media))
    stored = loopback.messages()[0]
    assert (stored.message, stored.media.document.id) == ("here", document.id)
    with pytest.raises(errors.MediaCaptionTooLongError):
        await client.edit_message("me", sent.id, "😀" * 513)
    with pytest.raises(errors.MediaCaptionTooLongError):
        await client(functions.messages.SendMediaRequest("me", media, "x" * 1025, random_id=9))
    await client.edit_message("me", sent.id, "😀" * 512)


async def test_albums_take_what_was_uploaded_before(client: Any, loopback: Loopback) -> None:
    items = []
    for number in range(2):
        document = (await upload(client, bytes([number]))).document
        known = types.InputDocument(document.id, document.access_hash, document.file_reference)
        items.append(types.InputSingleMedia(types.InputMediaDocument(known), f"item {number}", random_id=number + 1))
    album = functions.messages.SendMultiMediaRequest("me", items)
    await client(album)
    await client(album)
    assert [message.message for message in loopback.messages()] == ["item 0", "item 1"]
    assert len({message.grouped_id for message in loopback.messages()}) == 1
    await client(small(0, 3))
    raw = types.InputMediaUploadedDocument(types.InputFile(7, 1, "a", ""), "text/plain", [])
    with pytest.raises(errors.MediaInvalidError):
        await client(functions.messages.SendMultiMediaRequest("me", [types.InputSingleMedia(raw, "", random_id=5)]))
    with pytest.raises(errors.MultiMediaTooLongError):
        await client(functions.messages.SendMultiMediaRequest("me", items * 6))


async def test_an_album_holds_one_kind_with_fresh_references(client: Any, loopback: Loopback) -> None:
    uploaded = types.InputMediaUploadedPhoto(await client.upload_file(jpeg(64, 36)))
    photo = (await client(functions.messages.UploadMediaRequest("me", uploaded))).photo
    document = (await upload(client, b"text")).document
    known = types.InputMediaPhoto(types.InputPhoto(photo.id, photo.access_hash, photo.file_reference))
    plain = types.InputDocument(document.id, document.access_hash, document.file_reference)
    mixed = [types.InputSingleMedia(known, "", random_id=1)]
    mixed += [types.InputSingleMedia(types.InputMediaDocument(plain), "", random_id=2)]
    with pytest.raises(errors.MediaGroupedInvalidError):
        await client(functions.messages.SendMultiMediaRequest("me", mixed))
    loopback.faults.expire_references()
    with pytest.raises(errors.BadRequestError, match="FILE_REFERENCE_0_EXPIRED"):
        await client(functions.messages.SendMultiMediaRequest("me", mixed[1:]))
    assert not loopback.messages()


async def test_photos_have_their_measures(client: Any, loopback: Loopback) -> None:
    picture = jpeg(640, 360)
    sent = await client.send_file("me", types.InputMediaUploadedPhoto(await client.upload_file(picture)))
    assert [(size.w, size.h) for size in sent.photo.sizes] == [(640, 360)]
    assert await client.download_media(sent, bytes) == picture
    with pytest.raises(errors.ImageProcessFailedError):
        await client.send_file("me", types.InputMediaUploadedPhoto(await client.upload_file(b"no picture")))


async def test_telethons_own_transfers_arrive_whole(client: Any, loopback: Loopback) -> None:
    for size in (1, 3 * 1024 * KB + 1, 11 * 1024 * KB):
        data = os.urandom(size)
        sent = await client.send_file("me", data, force_document=True, caption=str(size))
        assert loopback.files()[-1].read() == data
        assert await client.download_media(sent, bytes) == data


async def test_a_lower_limit_of_parts_can_be_set(client: Any, loopback: Loopback) -> None:
    loopback.limit_parts(2)
    with pytest.raises(errors.FilePartsInvalidError):
        await client(big(0, 3, KB))
    config = await client(functions.help.GetAppConfigRequest(0))
    assert {item.key: item.value.value for item in config.config.value}["upload_max_fileparts_default"] == 2
