"""Downloads from the embedded Telegram: as a stream, into a file, resumed, through faults."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from telethon.tl import functions, types

from medusa.errors import Broken
from medusa.loopback import Loopback
from medusa.loopback.world import OTHER_DC
from medusa.telegram.client import Account
from medusa.telegram.download import CHUNK, Downloader, Stored
from medusa.telegram.errors import StaleReference
from medusa.telegram.transfer import Uploader
from tests.integration.transfer_kit import BOUNDARIES, MOST, fresh, lanes_to, served, silent, telegram

World = tuple[Loopback, Account]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with telegram() as both:
        yield both


async def stored(account: Account, data: bytes) -> Stored:
    """Upload ``data`` and return where it lies."""
    async with lanes_to(account) as lanes:
        uploaded = await Uploader(lanes).upload_stream(served(data), "s.bin", fresh(len(data)), silent)
    media: Any = types.InputMediaUploadedDocument(uploaded, "application/octet-stream", [], force_file=True)
    answer = await account.client(functions.messages.UploadMediaRequest(types.InputPeerSelf(), media))
    document = answer.document
    return Stored(document.id, document.access_hash, document.file_reference, document.size, document.dc_id)


async def test_a_file_comes_back_whole(world: World, tmp_path: Path) -> None:
    loopback, account = world
    async with Downloader(account, most=MOST) as downloader:
        for size in BOUNDARIES:
            data = random.Random(size).randbytes(size)
            place = await stored(account, data)
            path = tmp_path / str(size)
            await downloader.to_file(place, path, silent)
            assert path.read_bytes() == data
            path.write_bytes(data[: size * 2 // 3])
            await downloader.to_file(place, path, silent)
            assert path.read_bytes() == data
            calls = loopback.calls["upload.getFile"]
            await downloader.to_file(place, path, silent)
            assert (path.read_bytes(), loopback.calls["upload.getFile"]) == (data, calls)


@pytest.mark.parametrize("seed", range(3))
async def test_a_stream_survives_floods_drops_and_errors(world: World, seed: int) -> None:
    loopback, account = world
    data = random.Random(seed).randbytes(9 * CHUNK + seed)
    place = await stored(account, data)
    loopback.faults.fail("upload.getFile", "FLOOD_WAIT_1", chance=0.2, seed=seed)
    loopback.faults.fail("upload.getFile", "INTERNAL", code=500, times=2, chance=0.3, seed=seed)
    loopback.faults.drop("upload.getFile", executed=False, times=2, chance=0.3, seed=seed)
    digest = hashlib.sha256()
    async with Downloader(account, most=MOST) as downloader, aclosing(downloader.stream(place, silent)) as chunks:
        async for chunk in chunks:
            digest.update(chunk)
    assert digest.digest() == hashlib.sha256(data).digest()


async def test_a_stale_reference_is_told(world: World, tmp_path: Path) -> None:
    loopback, account = world
    place = await stored(account, bytes(3 * CHUNK))
    loopback.faults.expire_references()
    async with Downloader(account, most=MOST) as downloader:
        with pytest.raises(StaleReference):
            await downloader.to_file(place, tmp_path / "file", silent)


async def test_a_file_shorter_than_it_should_be_is_told(world: World, tmp_path: Path) -> None:
    _, account = world
    place = await stored(account, bytes(3 * CHUNK))
    async with Downloader(account, most=MOST) as downloader:
        with pytest.raises(Broken):
            await downloader.to_file(replace(place, size=place.size + 1), tmp_path / "file", silent)


async def test_a_cancelled_download_leaves_nothing_behind(world: World, tmp_path: Path) -> None:
    _, account = world
    data = random.Random(0).randbytes(30 * CHUNK)
    place = await stored(account, data)
    path = tmp_path / "file"
    before = asyncio.all_tasks()
    async with Downloader(account, most=MOST) as downloader:
        for after in (0, 0.02, 0.1):
            path.unlink(missing_ok=True)
            task = asyncio.create_task(downloader.to_file(place, path, silent))
            await asyncio.sleep(after)
            task.cancel()
            await asyncio.wait({task})
            await downloader.to_file(place, path, silent)
            assert path.read_bytes() == data
    assert {one for one in asyncio.all_tasks() - before if "medusa/telegram" in repr(one)} == set()


async def test_a_file_in_another_data_centre_is_fetched_there(world: World, tmp_path: Path) -> None:
    loopback, account = world
    data = random.Random(7).randbytes(5 * CHUNK + 1)
    place = await stored(account, data)
    loopback.move_file(place.id, OTHER_DC)
    path = tmp_path / "file"
    async with Downloader(account, most=MOST) as downloader:
        await downloader.to_file(place, path, silent)
        assert path.read_bytes() == data
        path.unlink()
        await downloader.to_file(replace(place, dc_id=OTHER_DC), path, silent)
    assert path.read_bytes() == data
