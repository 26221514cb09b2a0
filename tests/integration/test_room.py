"""Room on a real small disk: what is promised, who waits and with what words, who gives way, that somebody goes on."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from medusa import room as rooms
from medusa.errors import DiskFull, UserError
from medusa.model import Notice
from medusa.room import Room, held

MB = 1_000_000
DISK = 40 * MB
KEPT = DISK // 20
PATIENCE = 20.0


@dataclass
class Disk:
    """A disk of 40 MB of which 2 MB are kept free, with the folders of jobs on it."""

    folder: Path
    room: Room
    told: list[str] = field(default_factory=list)

    def job(self, number: int, size: int = 0) -> Path:
        """The folder of a job that holds ``size`` bytes."""
        folder = self.folder / str(number)
        folder.mkdir(exist_ok=True)
        if size:
            self.write(folder, size)
        return folder

    def write(self, folder: Path, size: int) -> None:
        (folder / f"{len(list(folder.iterdir()))}.part").write_bytes(bytes(size))

    def free(self) -> int:
        seen = os.statvfs(self.folder)
        return seen.f_bavail * seen.f_frsize

    async def pour(self, folder: Path, size: int) -> None:
        """Write ``size`` bytes as a child would that knows nothing of the room, watched closely."""
        for _ in range(2 * size // MB):
            self.write(folder, MB // 2)
            self.room._look()
            await asyncio.sleep(0.001)

    async def stopped(self) -> None:
        """Wait to be stopped."""
        await asyncio.wait_for(asyncio.Event().wait(), PATIENCE)


@pytest.fixture
async def disk(
    small_disk: Callable[[Path, int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Disk]:
    monkeypatch.setattr(rooms, "LOOK", 0.01)
    monkeypatch.setattr(rooms, "IDLE", 0.01)
    told: list[str] = []

    def tell(notice: Notice, line: str) -> None:
        assert notice is Notice.DISK
        told.append(line)

    folder = small_disk(tmp_path / "work", DISK)
    room = Room(folder, tell)
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(room.run())
        yield Disk(folder, room, told)
        watch.cancel()


async def test_what_one_job_was_promised_another_does_not_get(disk: Disk) -> None:
    async with disk.room.reserved(disk.job(1), 10 * MB, copies=2):
        async with disk.room.reserved(disk.job(3), 15 * MB):
            pass
        with pytest.raises(DiskFull, match=r"^Needs 20.0 MB, 40.0 MB is free; the job goes on when there is room.$"):
            async with disk.room.reserved(disk.job(2), 20 * MB):
                pytest.fail("it was let in")
        disk.job(1, 15 * MB)  # what has come is not promised any more
        async with disk.room.reserved(disk.job(3), 15 * MB):
            pass
    async with disk.room.reserved(disk.job(2), 20 * MB):
        pass


async def test_what_a_job_holds_is_taken_off_what_it_needs(disk: Disk) -> None:
    folder = disk.job(1, 30 * MB)
    async with disk.room.reserved(folder, 36 * MB):
        pass
    with pytest.raises(DiskFull, match=r"Needs 6.0 MB"):
        async with disk.room.reserved(disk.job(2, 3 * MB), 9 * MB):
            pytest.fail("it was let in")


async def test_a_file_that_is_only_to_be_uploaded_needs_no_room(disk: Disk) -> None:
    folder = disk.job(1, 39 * MB)
    async with disk.room.reserved(folder, held(folder)) as claim:
        claim.settle()
        await asyncio.sleep(0.05)  # nor is it ever stopped


async def test_what_can_never_fit_is_refused_at_once(disk: Disk) -> None:
    with pytest.raises(UserError, match=r"^Needs 39.0 MB, but the disk can hold 38.0 MB at the most.$"):
        async with disk.room.reserved(disk.job(1), 39 * MB):
            pytest.fail("it was let in")
    async with disk.room.reserved(disk.job(1), 37 * MB, copies=2):
        pass  # whether it needs a second copy is not known


async def test_a_job_of_unknown_size_stops_in_time_keeps_what_it_has_and_goes_on_when_there_is_room(disk: Disk) -> None:
    other = disk.job(1, 20 * MB)
    folder = disk.job(2)
    with pytest.raises(DiskFull, match="is free; the job goes on when there is room"):
        async with disk.room.reserved(folder, None):
            await disk.pour(folder, 30 * MB)
            await disk.stopped()
    kept = held(folder)
    assert 18 * MB < kept <= 20 * MB
    assert disk.free() > 0
    with pytest.raises(DiskFull, match=r"Needs 2.0 MB"):
        async with disk.room.reserved(folder, None):
            pytest.fail("it was let in")
    rooms._empty(other)
    async with disk.room.reserved(folder, None):
        assert held(folder) == kept
    async with asyncio.timeout(PATIENCE):
        while len(disk.told) < 2:
            await asyncio.sleep(0.002)
    assert [line.partition(":")[0] for line in disk.told] == ["The disk is nearly full", "The disk has room again"]


async def test_what_was_promised_is_not_taken_by_one_that_had_lied_about_its_size(disk: Disk) -> None:
    honest, liar = disk.job(1), disk.job(2)
    async with disk.room.reserved(honest, 20 * MB):
        with pytest.raises(DiskFull):
            async with disk.room.reserved(liar, 1 * MB):
                await disk.pour(liar, 38 * MB)
                await disk.stopped()
        disk.write(honest, 20 * MB)
    assert disk.told == []


async def test_room_that_others_take_stops_the_youngest_first(disk: Disk) -> None:
    async with disk.room.reserved(disk.job(1), 10 * MB):
        with pytest.raises(DiskFull):
            async with disk.room.reserved(disk.job(2), 10 * MB):
                (disk.folder / "stray").write_bytes(bytes(39_200_000))
                await disk.stopped()
        (disk.folder / "stray").unlink()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
async def test_a_disk_that_is_really_full_is_waited_for(disk: Disk, number: int) -> None:
    folder = disk.job(1)
    with pytest.raises(DiskFull):
        async with disk.room.reserved(folder, None):
            raise OSError(number, os.strerror(number))
    with pytest.raises(DiskFull):
        async with disk.room.reserved(folder, 1):
            raise DiskFull
    with pytest.raises(PermissionError):
        async with disk.room.reserved(folder, 1):
            raise PermissionError(errno.EACCES, "no")
    with pytest.raises(TimeoutError):
        async with disk.room.reserved(folder, 1):
            raise TimeoutError


async def test_a_cancel_stays_a_cancel(disk: Disk) -> None:
    async def job() -> None:
        async with disk.room.reserved(disk.job(1), 30 * MB):
            await asyncio.Event().wait()

    task = asyncio.create_task(job())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with disk.room.reserved(disk.job(2), 30 * MB):
        pass


async def job(disk: Disk, number: int, size: int, ends: list[int]) -> None:
    """A job whose size nobody knows, and which goes on from what it has as often as it takes."""
    folder = disk.job(number)
    while True:
        try:
            async with disk.room.reserved(folder, None):
                await disk.pour(folder, size - held(folder))
                rooms._empty(folder)
                folder.rmdir()
                return ends.append(number)
        except DiskFull:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("sizes", [(30, 30), (30, 25, 20, 10), (20, 36, 36)])
async def test_jobs_that_together_hold_all_the_room_do_not_wait_for_each_other_for_ever(
    disk: Disk, sizes: tuple[int, ...]
) -> None:
    ends: list[int] = []
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(job(disk, number, size * MB, ends) for number, size in enumerate(sizes)))
    assert sorted(ends) == list(range(len(sizes)))


async def test_a_job_that_turns_out_to_be_larger_than_the_disk_ends(disk: Disk) -> None:
    with pytest.raises(UserError, match=r"the disk can hold 38.0 MB at the most"):
        async with asyncio.timeout(PATIENCE):
            await job(disk, 1, 60 * MB, [])
