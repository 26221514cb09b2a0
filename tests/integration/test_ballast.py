"""The state on a small disk that something else fills: it opens, and every change is still committed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from medusa.errors import DiskFull
from medusa.storage import open_store
from medusa.storage.ballast import FILE, SIZE, Ballast
from medusa.storage.settings import StoredSettings
from medusa.storage.store import Store

SmallDisk = Callable[[Path, int], Path]


@pytest.fixture
def disk(small_disk: SmallDisk, tmp_path: Path) -> Path:
    return small_disk(tmp_path / "disk", 3 * SIZE)


def free(disk: Path) -> int:
    seen = os.statvfs(disk)
    return seen.f_bavail * seen.f_frsize


def fill(disk: Path) -> Path:
    """Leave nothing free."""
    filler = disk / "filler"
    with filler.open("ab") as file:
        file.write(bytes(free(disk)))
    assert free(disk) == 0
    return filler


async def change(store: Store, times: int) -> None:
    for number in range(times):
        await StoredSettings(store).set("key", f"{number} " + "x" * 3000)


async def test_the_ballast_holds_real_room(disk: Path) -> None:
    async with open_store(disk) as store:
        assert (disk / FILE).stat().st_blocks * 512 == SIZE
        before = free(disk)
        await change(store, 5)
        assert before - free(disk) < SIZE // 8


async def test_with_the_disk_full_changes_are_committed_and_the_ballast_comes_back(disk: Path) -> None:
    async with open_store(disk) as store:
        filler = fill(disk)
        await change(store, 1000)
        assert not (disk / FILE).exists()
        filler.unlink()
        await change(store, 1)
        assert (disk / FILE).stat().st_blocks * 512 == SIZE
    async with open_store(disk) as store:
        assert (await StoredSettings(store).all())["key"].startswith("0 ")


async def test_with_the_disk_full_the_state_is_opened(disk: Path) -> None:
    async with open_store(disk) as store:
        await change(store, 3)
    fill(disk)
    async with open_store(disk) as store:
        await change(store, 3)
        assert (await StoredSettings(store).all())["key"].startswith("2 ")


async def test_a_full_disk_that_does_not_look_full_is_relieved_by_the_first_failure(tmp_path: Path) -> None:
    """As under a quota: here, the database is the one that may not grow."""
    async with open_store(tmp_path) as store:
        [(pages,)] = await store.read("PRAGMA page_count")
        await store.read(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DiskFull) as caught:
            await StoredSettings(store).set("key", "x" * 50_000)
        assert caught.value.retry_after < 1
        assert not (tmp_path / FILE).exists()
        with pytest.raises(DiskFull) as caught:
            await StoredSettings(store).set("key", "x" * 50_000)
        assert caught.value.retry_after == 0.1  # it was made again meanwhile, since the disk itself has room


def test_where_it_cannot_be_made_nothing_fails(small_disk: SmallDisk, tmp_path: Path) -> None:
    disk = small_disk(tmp_path / "disk", SIZE)
    ballast = Ballast(disk)
    ballast.trim()
    assert not (disk / FILE).exists()
    assert not ballast.drop()
