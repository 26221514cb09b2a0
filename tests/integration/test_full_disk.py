"""A disk that is really full, met by whatever writes into the work folder: the job waits, then goes on from there."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from medusa import sources
from medusa.errors import DiskFull, MedusaError
from medusa.model import LocalFile, Order
from medusa.telegram.marks import kept_ledger
from medusa.telegram.parts import PART_SIZE
from medusa.tools import Tools
from medusa.workfolder import trouble
from tests.integration import source_kit
from tests.integration.source_kit import Reports, ffmpeg, folder_handler, make_video, serving, tool_box

SmallDisk = Callable[[Path, int], Path]


class Disk:
    """A disk of 8 MB whose free room can be set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workdir = folder / "1"
        self.workdir.mkdir()

    def leave(self, free: int) -> None:
        """Fill it up but for ``free`` bytes."""
        filler = self.folder / "filler"
        filler.unlink(missing_ok=True)
        seen = os.statvfs(self.folder)
        filler.write_bytes(bytes(seen.f_bavail * seen.f_frsize - free // seen.f_frsize * seen.f_frsize))


@pytest.fixture
def disk(small_disk: SmallDisk, tmp_path: Path) -> Disk:
    return Disk(small_disk(tmp_path / "disk", 8_000_000))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of about half a megabyte as a file and as HLS; joining the stream's parts takes a second copy."""
    folder = tmp_path_factory.mktemp("site")
    make_video(folder, "video.mp4", seconds=6)
    ffmpeg("-i", "video.mp4", "-c", "copy", "-f", "matroska", "video.mkv", cwd=folder)
    ffmpeg("-i", "video.mp4", "-c", "copy", "-hls_time", "1", "-hls_playlist_type", "vod", "video.m3u8", cwd=folder)
    return folder


async def fetch(order: Order, workdir: Path, tools: Tools) -> LocalFile:
    """What the pipeline does with a source, with the disk's own errors in the words of the house."""
    try:
        source, plan = await sources.resolve(order, workdir, tools, Reports())
        file = await source.fetch(plan, order, workdir, tools, Reports())
        assert isinstance(file, LocalFile)
        return file
    except OSError as error:
        raise trouble(error) from error


@pytest.mark.parametrize(("name", "shares"), [("video.mkv", (0.0, 0.5)), ("video.m3u8", (1.0,))])
async def test_a_fetch_that_fills_the_disk_goes_on_when_there_is_room(
    disk: Disk, site: Path, name: str, shares: tuple[float, ...]
) -> None:
    """The file meets it while it comes, the stream while its parts, which have all come, are joined."""
    size = (site / "video.mkv").stat().st_size
    kept: list[int] = []
    async with serving(folder_handler(site)) as server, tool_box(server) as tools:
        order = Order(server.url(f"/{name}"))
        for share in shares:
            disk.leave(int(share * size))
            with pytest.raises(DiskFull):
                await fetch(order, disk.workdir, tools)
            kept.append(sum(path.stat().st_size for path in disk.workdir.iterdir()))
        disk.leave(3 * size)
        file = await fetch(order, disk.workdir, tools)
        assert (await source_kit.process(file, order, disk.workdir, tools, Reports())).media is not None
    assert kept[-1] > size // 3


async def test_no_room_for_another_container_leaves_the_file_and_no_half_copy(disk: Disk, site: Path) -> None:
    path = disk.workdir / "video.mkv"
    path.write_bytes((site / "video.mkv").read_bytes())
    file = LocalFile(path, path.name, "video/x-matroska")
    async with tool_box() as tools:
        disk.leave(path.stat().st_size // 2)
        with pytest.raises(DiskFull):
            await source_kit.process(file, Order("https://a.b"), disk.workdir, tools, Reports())
        assert [left.name for left in disk.workdir.iterdir()] == ["video.mkv"]
        disk.leave(2 * path.stat().st_size)
        done = await source_kit.process(file, Order("https://a.b"), disk.workdir, tools, Reports())
    assert (done.mime, done.thumb is not None) == ("video/mp4", True)


async def test_no_room_for_the_thumbnail_is_waited_for(disk: Disk, site: Path) -> None:
    path = disk.workdir / "video.mkv"
    path.write_bytes((site / "video.mkv").read_bytes())
    file = LocalFile(path, path.name, "video/x-matroska")
    async with tool_box() as tools:
        disk.leave(0)
        with pytest.raises(DiskFull):
            await source_kit.process(file, Order("https://a.b", as_document=True), disk.workdir, tools, Reports())


def test_no_room_for_the_marks_of_an_upload_forgets_none(disk: Disk) -> None:
    path, size = disk.workdir / "upload.parts", 100_000 * PART_SIZE
    disk.leave(0)
    error = expect_full(path, size)
    assert isinstance(error, DiskFull)
    disk.leave(20_000)
    with kept_ledger(path, 7, size) as ledger:
        disk.leave(0)
        for part in range(0, 100_000, 999):
            ledger.confirm(part)  # which may not fail any more
    with kept_ledger(path, 7, size) as ledger:
        assert [part for part in range(100_000) if ledger.confirmed(part)] == list(range(0, 100_000, 999))


def expect_full(path: Path, size: int) -> MedusaError:
    with pytest.raises(OSError, match="No space left") as caught, kept_ledger(path, 7, size):
        pytest.fail("there was room")
    return trouble(caught.value)
