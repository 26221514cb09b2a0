"""What needs no work goes from its server straight to Telegram, whatever happens on the way."""

import asyncio
import hashlib
import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from medusa.config import Config
from medusa.demo.samples import Samples
from medusa.demo.stage import Stage, open_stage
from medusa.model import Job, JobState
from medusa.model import Stage as Phase
from medusa.telegram.parts import BIG_FILE, PART_SIZE
from tests.e2e.kit import post, send, stored
from tests.integration.source_kit import ffmpeg, serving

SIZE = BIG_FILE + 3 * PART_SIZE + 11


@dataclass
class Origin:
    """A server of one file, which can be told to misbehave."""

    data: bytes
    kind: str = "application/octet-stream"
    ranges: bool = True
    deaf: bool = False
    """Whether it overlooks If-Range."""
    etag: str = '"one"'
    announced: int | None = None
    """The size that it claims; None is the true one, -1 none at all."""
    stalls: bool = False
    """Whether it keeps silent, in place of hanging up, when it has less than it claims."""
    cuts: list[int] = field(default_factory=list)
    """Positions at which the connection breaks, once each."""
    drips: bool = False
    """Whether it sends a little of each file, and then hardly anything."""
    odd: dict[str, str] = field(default_factory=dict)
    """Headers in place of its own."""
    turns: list[tuple[str, bytes]] = field(default_factory=list)
    """What each request behind the first look is answered from: ETag and bytes."""
    asked: list[str] = field(default_factory=list)
    """The ranges of all requests behind the first look; "" where none was asked for."""
    sent: int = 0
    at: dict[int, Callable[[], None]] = field(default_factory=dict)
    """What happens when so many bytes have been sent, once each."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        wanted = request.headers.get("Range", "")
        if wanted != "bytes=0-2047":
            self.asked.append(wanted.removeprefix("bytes="))
            if self.turns:
                self.etag, self.data = self.turns.pop(0)
        fresh = self.deaf or request.headers.get("If-Range", self.etag) == self.etag
        start, stop = 0, len(self.data)
        response = web.StreamResponse(headers={"Content-Type": self.kind})
        if self.etag:
            response.headers["ETag"] = self.etag
        if self.ranges and wanted and fresh:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(int(last or stop) + 1, stop)
            response.set_status(206)
            total = len(self.data) if self.announced in (None, -1) else self.announced
            response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{total}"
        if self.announced is None:
            response.content_length = stop - start
        elif self.announced >= 0:
            response.content_length = self.announced - start
        else:
            response.enable_chunked_encoding()
        for name, value in self.odd.items():
            if name in response.headers:
                response.headers[name] = value
        await response.prepare(request)
        await self._pour(request, response, start, stop)
        return response

    async def _pour(self, request: web.Request, response: web.StreamResponse, start: int, stop: int) -> None:
        for begin in range(start, stop, 64 * 1024):
            await response.write(self.data[begin : min(begin + 64 * 1024, stop)])
            self.sent += 64 * 1024
            if self.drips and begin > 1_500_000:
                await asyncio.sleep(1)
            for position in [one for one in self.at if self.sent >= one]:
                self.at.pop(position)()
            if self.cuts and begin >= self.cuts[0]:
                self.cuts.pop(0)
                assert request.transport is not None
                request.transport.close()
                return
        if self.announced is not None and self.announced > len(self.data) and not self.stalls:
            assert request.transport is not None
            request.transport.close()


@dataclass
class World:
    stage: Stage
    origin: Origin
    url: str

    async def fetch(self, name: str = "file.bin", options: str = "") -> str:
        """Order the file; returns the owner's line about it."""
        messages = await send(self.stage, f"/dl {self.url}/{name} {options}")
        return [message for message in messages if message.text[:1] in "✓✗–" and not message.file][-1].text

    async def reaches(self, state: JobState, number: int = 1) -> Job:
        """The job of this number, once it is in this state."""
        async with asyncio.timeout(30):
            while not (job := await self.stage.app.jobs.get(number)) or job.state is not state:
                await asyncio.sleep(0.05)
        return job

    @property
    def whole(self) -> bool:
        """Whether what was stored last is what the server has."""
        return self.stage.telegram.files()[-1].sha256 == hashlib.sha256(self.origin.data).hexdigest()


Begin = Callable[[Origin], Awaitable[World]]


@asynccontextmanager
async def world(origin: Origin, config: Config, folder: Path, samples_folder: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(origin.handle))
        allow = (f"127.0.0.1:{server.port}",)
        stage = await stack.enter_async_context(open_stage(config, folder / "stage", samples_folder, allow))
        yield World(stage, origin, server.url(""))
        assert not list(stage.app.config.work.iterdir())


@pytest.fixture
async def opened(config: Config, tmp_path: Path, samples: Samples, samples_folder: Path) -> AsyncIterator[Begin]:
    async with AsyncExitStack() as stack:

        async def begin(origin: Origin) -> World:
            return await stack.enter_async_context(world(origin, config, tmp_path, samples_folder))

        yield begin


def data(size: int = SIZE) -> bytes:
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
async def test_a_file_of_any_size_is_streamed(opened: Begin, known: bool) -> None:
    origin = Origin(b"", announced=None if known else -1, ranges=known)
    here = await opened(origin)
    for size in (1, PART_SIZE - 1, PART_SIZE, PART_SIZE + 1, BIG_FILE - 1, BIG_FILE, BIG_FILE + 1):
        origin.data = data(size)
        origin.asked.clear()
        await here.fetch(f"{size}.bin")
        file = here.stage.telegram.files()[-1]
        assert (file.size, file.sha256) == (size, hashlib.sha256(origin.data).hexdigest())
        assert origin.asked == [""]
    assert len(here.stage.telegram.files()) == 7


async def test_nothing_reaches_the_work_folder(opened: Begin) -> None:
    here = await opened(Origin(data()))
    here.stage.telegram.faults.delay("upload.saveBigFilePart", 0.1)
    work = here.stage.app.config.work / "1"
    going = asyncio.create_task(here.fetch())
    seen: dict[str, int] = {}
    while not going.done():
        for file in work.iterdir() if work.exists() else ():
            seen[file.name] = max(seen.get(file.name, 0), file.stat().st_size)
        await asyncio.sleep(0.01)
    assert (await going).startswith("✓")
    assert here.whole
    assert list(seen) == ["upload.parts"]
    assert seen["upload.parts"] < 100


async def test_the_source_waits_for_the_upload(opened: Begin) -> None:
    """While Telegram takes no parts, no more is read than fits what is under way and the buffers of sockets."""
    origin = Origin(data(80 * PART_SIZE))
    here = await opened(origin)
    hang = here.stage.telegram.faults.hang("upload.saveBigFilePart", times=None)
    going = asyncio.create_task(here.fetch())
    last = -1
    while origin.sent == 0 or origin.sent != last:
        last = origin.sent
        await asyncio.sleep(1)
    assert 0 < origin.sent < 70 * PART_SIZE, origin.sent / PART_SIZE
    hang.stop()
    here.stage.telegram.faults.drop_connections()
    assert (await going).startswith("✓")
    assert here.whole


async def test_after_a_break_it_goes_on_by_range(opened: Begin) -> None:
    here = await opened(Origin(data(), cuts=[3_000_000, 8_000_000]))
    assert (await here.fetch()).startswith("✓")
    assert here.whole
    assert len(here.origin.asked) == 3
    assert all(one.endswith("-") and int(one[:-1]) > 2_000_000 for one in here.origin.asked[1:])
    assert here.stage.telegram.payload == SIZE


async def test_a_source_that_cannot_go_on_is_fetched_into_a_file(opened: Begin) -> None:
    origin = Origin(b"")
    here = await opened(origin)

    def change() -> None:
        origin.data, origin.etag = origin.data[::-1], '"two"'

    for number, trouble in enumerate(["no ranges", "no version", "unknown length", "changed"], start=1):
        origin.data, origin.sent, origin.cuts = data(SIZE + number), 0, [5_000_000]
        origin.ranges = trouble != "no ranges"
        origin.etag = "" if trouble == "no version" else '"one"'
        origin.announced = -1 if trouble == "unknown length" else None
        if trouble == "changed":
            origin.at[5_000_000] = change
        assert (await here.fetch(f"{number}.bin")).startswith("✓"), trouble
        assert here.whole, trouble
        assert not origin.cuts
        assert len(here.stage.telegram.files()) == number


async def test_servers_of_one_name_that_hold_different_files_are_not_mixed(opened: Begin) -> None:
    """The first look and the second half come from one of two servers, the first half from the other."""
    one, two = data(), data()[::-1]
    origin = Origin(one, cuts=[6_000_000], turns=[('"two"', two), ('"one"', one)])
    here = await opened(origin)
    assert (await here.fetch()).startswith("✓")
    assert stored(here.stage).sha256 == hashlib.sha256(one).hexdigest()


async def test_a_server_that_overlooks_if_range_mixes_nothing(opened: Begin) -> None:
    origin = Origin(data(), cuts=[5_000_000], deaf=True)
    here = await opened(origin)

    def change() -> None:
        origin.data, origin.etag = origin.data[::-1], '"two"'

    origin.at[5_000_000] = change
    assert (await here.fetch()).startswith("✓")
    assert here.whole


async def test_a_lost_part_is_not_taken_from_what_may_be_another_file(opened: Begin) -> None:
    origin = Origin(data(), etag="")
    here = await opened(origin)
    faults = here.stage.telegram.faults

    def lose(request: object) -> bool:
        faults.forget_parts(request.media.file.id, [3, 4])  # type: ignore[attr-defined]
        origin.data = origin.data[::-1]
        losing.stop()
        return False

    losing = faults.fail("messages.uploadMedia", "NEVER", when=lose)
    assert (await here.fetch()).startswith("✓")
    assert here.whole


async def test_what_cannot_be_proven_later_is_fetched_before_a_long_wait(opened: Begin) -> None:
    """Else each wait would have it begin at the beginning."""
    here = await opened(Origin(data(), etag=""))
    flood = here.stage.telegram.faults.fail(
        "upload.saveBigFilePart", "FLOOD_WAIT_61", times=None, when=lambda request: request.file_part >= 15
    )
    going = asyncio.create_task(here.fetch())
    job = await here.reaches(JobState.WAITING)
    assert job.stage is Phase.UPLOAD
    assert job.files[0].path.read_bytes() == here.origin.data
    flood.stop()
    await here.stage.owner.send(0, "/cancel 1")
    await going


async def test_a_slow_server_does_not_keep_others_from_uploading(opened: Begin) -> None:
    """All slots for uploads stay free for files that are ready, here one that has to be made right first."""
    here = await opened(Origin(data(), drips=True))
    slots = here.stage.app.config.slots
    for number in range(min(slots.fetch - 1, slots.upload)):
        await here.stage.owner.send(0, f"/dl {here.url}/{number}.bin")
    async with asyncio.timeout(30):
        while here.stage.telegram.payload == 0 and here.origin.sent < 2_000_000:
            await asyncio.sleep(0.05)
    clip = await here.stage.owner.send(0, f"/dl {here.stage.media.link('clip.mp4')}")
    async with asyncio.timeout(60):
        while not any(m.id == clip and m.message.startswith("✓") for m in here.stage.telegram.messages()):
            await asyncio.sleep(0.1)
    await here.stage.owner.send(0, "/cancel all")
    await here.stage.app.idle()


async def test_odd_headers_end_in_a_post_or_in_words(opened: Begin) -> None:
    here = await opened(Origin(data(3 * PART_SIZE)))
    for number, headers in enumerate([{"ETag": '"\udce9t"'}, {"Content-Range": f"bytes 0-1/{'9' * 5000}"}]):
        here.origin.odd = headers
        told = await here.fetch(f"{number}.bin")
        assert told[0] in "✓✗"
        assert "inside Medusa" not in told


async def test_more_bytes_than_announced_are_left_out(opened: Begin) -> None:
    origin = Origin(data(2 * PART_SIZE), ranges=False, announced=2 * PART_SIZE - 1000)
    here = await opened(origin)
    assert (await here.fetch()).startswith("✓")
    assert stored(here.stage).size == origin.announced


async def test_of_too_few_bytes_the_owner_hears_in_words(opened: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medusa.net.web._TIMEOUT", aiohttp.ClientTimeout(sock_read=1))
    origin = Origin(data(2 * PART_SIZE), announced=2 * PART_SIZE + 1000)
    here = await opened(origin)
    ways = itertools.product([True, False], repeat=2)
    for number, (origin.ranges, origin.stalls) in enumerate(ways, start=1):
        going = asyncio.create_task(here.fetch(f"{number}.bin"))
        job = await here.reaches(JobState.WAITING, number)
        assert any(words in job.reason for words in ("too early", "broke off", "does not answer"))
        await here.stage.owner.send(0, f"/cancel {number}")
        await going
    assert not here.stage.telegram.files()


async def test_a_flood_of_a_day_puts_the_job_off_and_lets_the_server_go(opened: Begin) -> None:
    here = await opened(Origin(data(80 * PART_SIZE)))
    flood = here.stage.telegram.faults.fail("upload.save*Part", "FLOOD_WAIT_86400", times=None)
    going = asyncio.create_task(here.fetch())
    job = await here.reaches(JobState.WAITING)
    assert job.reason == "Telegram asks to wait 1 d 0 h."
    assert 86000 < job.not_before - time.time() < 200_000
    read = here.origin.sent
    flood.stop()
    await asyncio.sleep(0.5)
    assert here.origin.sent == read < 80 * PART_SIZE
    await here.stage.owner.send(0, "/cancel 1")
    assert (await going).startswith("–")


async def test_parts_that_telegram_lost_are_asked_for_again(opened: Begin) -> None:
    here = await opened(Origin(data()))
    faults = here.stage.telegram.faults

    def lose(request: object) -> bool:
        faults.forget_parts(request.media.file.id, [3, 4, 20])  # type: ignore[attr-defined]
        losing.stop()
        return False

    losing = faults.fail("messages.uploadMedia", "NEVER", when=lose)
    assert (await here.fetch()).startswith("✓")
    assert here.whole
    assert here.stage.telegram.payload == SIZE + 3 * PART_SIZE
    assert len(here.origin.asked) == 4


async def test_a_stale_reference_streams_again_into_one_post(opened: Begin) -> None:
    here = await opened(Origin(data(3 * PART_SIZE)))
    here.stage.telegram.faults.fail("messages.sendMedia", "FILE_REFERENCE_EXPIRED", times=1)
    assert (await here.fetch()).startswith("✓")
    assert here.whole


SECONDS = 20


def made(folder: Path, name: str, *options: str) -> bytes:
    """Some picture and sound, or sound alone, as ffmpeg makes it."""
    sound = ("-f", "lavfi", "-i", f"anoisesrc=d={SECONDS}:a=0.3")
    picture = ("-f", "lavfi", "-i", f"testsrc2=s=320x180:r=25:d={SECONDS}")
    tags = ("-metadata", "title=Waves", "-metadata", "artist=The Sea")
    video = name.endswith((".mp4", ".webm"))
    ffmpeg(*(picture if video else ()), *sound, *options, *tags, name, cwd=folder)
    return (folder / name).read_bytes()


H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p", "-b:v", "2M", "-c:a", "aac")
MEDIA = {
    "film.mp4": (*H264, "-movflags", "+faststart"),
    "song.mp3": ("-b:a", "320k"),
    "song.m4a": ("-c:a", "aac", "-b:a", "256k"),
    "song.ogg": ("-c:a", "libvorbis"),
    "song.flac": ("-c:a", "flac"),
    "clip.webm": ("-c:v", "libvpx", "-deadline", "realtime", "-b:v", "1M", "-c:a", "libvorbis"),
}


async def test_media_is_known_by_its_ends(opened: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("_FIRST", 16), ("_HEAD", 48), ("_MEDIA", 48), ("_TAIL", 64)):
        monkeypatch.setattr(f"medusa.steps.ahead.{name}", size * 1024)
    here = await opened(Origin(b""))
    for name, options in MEDIA.items():
        here.origin.data = made(tmp_path, name, *options)
        here.origin.asked.clear()
        messages = await send(here.stage, f"/dl {here.url}/{name}")
        assert here.whole, name
        tails = [int(one[:-1]) for one in here.origin.asked if one]
        assert here.origin.asked.count("") == 1
        assert tails == ([] if name == "film.mp4" else [len(here.origin.data) - 64 * 1024]), name
        file = [message for message in messages if message.file][-1].file
        assert file is not None
        assert file.duration == pytest.approx(SECONDS, abs=0.6), name
        if name.startswith("song"):
            assert (file.kind, file.title, file.performer) == ("audio", "Waves", "The Sea")
        else:
            assert (file.kind, file.width, file.height, bool(file.thumb)) == ("video", 320, 180, True)
        assert file.streamable is (name == "film.mp4")


async def test_a_video_whose_index_is_at_its_end_is_made_right_first(opened: Begin, tmp_path: Path) -> None:
    here = await opened(Origin(made(tmp_path, "film.mp4", *H264), "video/mp4"))
    file = post(await send(here.stage, f"/dl {here.url}/film.mp4")).file
    assert file is not None
    assert file.streamable
    assert file.duration == pytest.approx(SECONDS, abs=0.5)
    assert not here.whole


async def test_as_a_document_it_is_streamed_all_the_same(opened: Begin, tmp_path: Path) -> None:
    here = await opened(Origin(made(tmp_path, "film.mp4", *H264), "video/mp4"))
    file = post(await send(here.stage, f"/dl {here.url}/film.mp4 --doc")).file
    assert file is not None
    assert file.kind == "file"
    assert here.whole
