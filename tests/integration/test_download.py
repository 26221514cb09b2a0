"""Downloads from the embedded Telegram: as a stream, into a file, resumed, by way of the CDN, through faults."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telethon import TelegramClient
from telethon.crypto import rsa
from telethon.tl import functions, types

from medusa.errors import Broken
from medusa.loopback import Loopback
from medusa.loopback.world import OTHER_DC
from medusa.telegram.cdn import CHUNK
from medusa.telegram.client import Account
from medusa.telegram.download import Downloader, Stored
from medusa.telegram.errors import StaleReference
from tests.integration.loopback_clients import until
from tests.integration.transfer_kit import MOST, open_files, silent, telegram

World = tuple[Loopback, Account]
MIB = 1 << 20
SIZES = (1, 1023, CHUNK - 1, CHUNK, CHUNK + 1, MIB - 1, MIB, MIB + 1, 5 * MIB + 3)


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    # Telethon keeps what a server said of its data centres in the class, for all clients to come.
    monkeypatch.setattr(TelegramClient, "_config", None)
    async with telegram() as both:
        yield both


async def stored(account: Account, data: bytes) -> Stored:
    """Upload ``data`` and return where it lies."""
    uploaded = await account.client.upload_file(data, file_name="s.bin", part_size_kb=512)
    media: Any = types.InputMediaUploadedDocument(uploaded, "application/octet-stream", [], force_file=True)
    answer = await account.client(functions.messages.UploadMediaRequest(types.InputPeerSelf(), media))
    return Stored.of(answer.document)


async def read(downloader: Downloader, place: Stored, **options: int) -> bytes:
    async with aclosing(downloader.stream(place, silent, **options)) as chunks:
        return b"".join([chunk async for chunk in chunks])


def some(size: int) -> bytes:
    return random.Random(size).randbytes(size)


async def test_a_file_comes_back_whole(world: World, tmp_path: Path) -> None:
    _, account = world
    async with Downloader(account, most=MOST) as downloader:
        for size in SIZES:
            place = await stored(account, some(size))
            path = tmp_path / str(size)
            await downloader.to_file(place, path, silent)
            assert path.read_bytes() == some(size)
        await downloader.to_file(replace(place, size=0), tmp_path / "empty", silent)
    assert (tmp_path / "empty").read_bytes() == b""


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[: len(data) * 2 // 3],
        lambda data: data[:1023],
        lambda data: data + b"too long",
        lambda data: data[: 2 * MIB] + bytes(len(data) - 2 * MIB),
        lambda data: bytes(1) + data[1:],
        lambda data: bytes(9 * MIB),
    ],
    ids=["cut", "hardly begun", "too long", "torn", "another first byte", "another file"],
)
async def test_what_is_there_is_kept_as_far_as_it_is_right(
    world: World, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    loopback, account = world
    data = some(7 * CHUNK + 1000)
    place = await stored(account, data)
    path = tmp_path / "file"
    path.write_bytes(spoil(data))
    right = next((at for at, (a, b) in enumerate(zip(spoil(data), data, strict=False)) if a != b), len(spoil(data)))
    async with Downloader(account, most=MOST) as downloader:
        await downloader.to_file(place, path, silent)
        assert path.read_bytes() == data
        assert loopback.calls["upload.getFile"] <= -(-(len(data) - right) // CHUNK) + 1
        calls = loopback.calls["upload.getFile"]
        await downloader.to_file(place, path, silent)
    assert (path.read_bytes(), loopback.calls["upload.getFile"]) == (data, calls)


async def test_bytes_that_nobody_vouches_for_are_fetched_again(world: World, tmp_path: Path) -> None:
    loopback, account = world
    data = some(3 * CHUNK)
    place = await stored(account, data)
    path = tmp_path / "file"
    path.write_bytes(data)
    loopback.faults.fail("upload.getFileHashes", "LOCATION_INVALID", times=None)
    async with Downloader(account, most=MOST) as downloader:
        await downloader.to_file(place, path, silent)
    assert (path.read_bytes(), loopback.calls["upload.getFile"]) == (data, 3)


async def test_any_stretch_can_be_asked_for(world: World) -> None:
    _, account = world
    data = some(3 * CHUNK + 5)
    place = await stored(account, data)
    async with Downloader(account, most=MOST) as downloader:
        for offset, size in ((0, 1), (1, 1023), (1023, 2), (CHUNK - 1, 2), (CHUNK + 7, 2 * CHUNK), (len(data) - 1, 9)):
            assert await read(downloader, place, offset=offset, size=size) == data[offset : offset + size]
        assert await read(downloader, place, offset=len(data)) == b""


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(1, 6 * MIB),
    seed=st.integers(0, 1000),
    floods=st.floats(0, 0.2),
    cdn=st.booleans(),
    lying=st.booleans(),
)
async def test_whatever_goes_wrong_the_bytes_are_right(
    world: World, size: int, seed: int, floods: float, cdn: bool, lying: bool
) -> None:
    loopback, account = world
    data = random.Random(seed).randbytes(size)
    place = await stored(account, data)
    loopback.cdn = cdn
    loopback.faults.lie_on_cdn(lying)
    loopback.faults.fail("upload.get*", "FLOOD_WAIT_1", times=2, chance=floods, seed=seed)
    loopback.faults.fail("upload.get*", "INTERNAL", code=500, times=2, chance=0.2, seed=seed)
    loopback.faults.drop("upload.get*", executed=False, times=1, chance=0.2, seed=seed)
    loopback.faults.drop("upload.get*", executed=True, times=1, chance=0.2, seed=seed)
    async with Downloader(account, most=MOST) as downloader:
        found = await read(downloader, place)
    loopback.faults.clear()
    assert hashlib.sha256(found).digest() == hashlib.sha256(data).digest()


async def test_a_stale_reference_is_told(world: World, tmp_path: Path) -> None:
    loopback, account = world
    place = await stored(account, bytes(3 * CHUNK))
    loopback.faults.expire_references()
    path = tmp_path / "file"
    async with Downloader(account, most=MOST) as downloader:
        for present in (0, CHUNK):
            path.write_bytes(bytes(present))
            with pytest.raises(StaleReference):
                await downloader.to_file(place, path, silent)
            assert path.stat().st_size == present


async def test_a_file_shorter_than_it_should_be_is_told(world: World, tmp_path: Path) -> None:
    loopback, account = world
    place = await stored(account, bytes(3 * CHUNK))
    async with Downloader(account, most=MOST) as downloader:
        for loopback.cdn in (False, True):
            with pytest.raises(Broken):
                await downloader.to_file(replace(place, size=place.size + 1), tmp_path / "file", silent)


@pytest.mark.parametrize("cdn", [False, True])
async def test_a_cancelled_download_leaves_nothing_behind(world: World, tmp_path: Path, cdn: bool) -> None:
    loopback, account = world
    data = some(12 * CHUNK)
    place = await stored(account, data)
    loopback.cdn = cdn
    path = tmp_path / "file.bin"
    tasks, files = asyncio.all_tasks(), open_files()
    for after in (0, 0.03, 0.1):
        path.unlink(missing_ok=True)
        async with Downloader(account, most=MOST) as downloader:
            task = asyncio.create_task(downloader.to_file(place, path, silent))
            await asyncio.sleep(after)
            task.cancel()
            await asyncio.wait({task})
            assert {one for one in asyncio.all_tasks() - tasks if "telegram/download" in repr(one)} == set()
            await downloader.to_file(place, path, silent)
        assert path.read_bytes() == data
    assert {one for one in asyncio.all_tasks() - tasks if "medusa/telegram" in repr(one)} == set()
    await until(lambda: open_files() <= files)


@pytest.mark.parametrize("cdn", [False, True])
async def test_a_file_in_another_data_centre_is_fetched_there(world: World, tmp_path: Path, cdn: bool) -> None:
    loopback, account = world
    data = some(5 * CHUNK + 1)
    place = await stored(account, data)
    loopback.move_file(place.location.id, OTHER_DC)
    loopback.cdn = cdn
    path = tmp_path / "file"
    async with Downloader(account, most=MOST) as downloader:
        await downloader.to_file(place, path, silent)
        assert path.read_bytes() == data
        path.write_bytes(data[: 3 * CHUNK])
        await downloader.to_file(replace(place, dc_id=OTHER_DC), path, silent)
    assert path.read_bytes() == data


async def test_the_cdn_is_followed_and_never_trusted_with_more(world: World) -> None:
    loopback, account = world
    data = some(4 * MIB + 77)
    place = await stored(account, data)
    loopback.cdn = True
    trusted = set(rsa._server_keys)
    more: set[int] = set()

    async def look() -> None:
        while True:
            more.update(set(rsa._server_keys) - trusted)
            await asyncio.sleep(0)

    async with Downloader(account, most=MOST) as downloader:
        looking = asyncio.create_task(look())
        assert await read(downloader, place) == data
        looking.cancel()
        asked = loopback.calls["upload.getFile"]
        assert 1 <= asked <= MOST.lanes * MOST.each
        assert loopback.calls["upload.getCdnFile"] >= 9
        assert loopback.calls["upload.reuploadCdnFile"] >= 1
        assert loopback.calls["upload.getCdnFileHashes"] >= 3
        assert await read(downloader, place, offset=MIB - 3, size=CHUNK) == data[MIB - 3 :][:CHUNK]
    assert more == set()
    assert set(rsa._server_keys) == trusted


@pytest.mark.parametrize(
    "trouble",
    [
        lambda faults: faults.lie_on_cdn(),
        lambda faults: faults.fail("upload.getCdnFile", "FILE_TOKEN_INVALID", times=None),
        lambda faults: faults.drop("upload.getCdnFile", executed=False, times=None),
        lambda faults: faults.fail("upload.getCdnFile", "INTERNAL", code=500, times=None),
        lambda faults: faults.fail("upload.reuploadCdnFile", "REQUEST_TOKEN_INVALID", times=None),
        lambda faults: faults.fail("upload.getCdnFileHashes", "RSA_DECRYPT_FAILED", times=None),
        lambda faults: faults.fail("help.getCdnConfig", "CDN_CONFIG_GONE", times=None),
    ],
    ids=["lies", "token", "drops", "errors", "no reupload", "no hashes", "no keys"],
)
async def test_without_a_good_cdn_the_files_own_data_centre_has_it(world: World, trouble: Callable[[Any], Any]) -> None:
    loopback, account = world
    data = some(3 * MIB + 1)
    place = await stored(account, data)
    loopback.cdn = True
    trouble(loopback.faults)
    async with Downloader(account, most=MOST) as downloader:
        assert await read(downloader, place) == data


async def test_a_cdn_that_lies_is_not_made_up_for_by_an_own_data_centre_that_fails(world: World) -> None:
    loopback, account = world
    place = await stored(account, some(2 * CHUNK))
    loopback.cdn = True
    loopback.faults.lie_on_cdn()
    loopback.faults.fail(
        "upload.getFile", "LOCATION_INVALID", times=None, when=lambda request: not request.cdn_supported
    )
    async with Downloader(account, most=MOST) as downloader:
        with pytest.raises(Broken):
            await read(downloader, place)
