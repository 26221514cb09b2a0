"""Live streams are recorded from now on, up to a cap, through real yt-dlp and ffmpeg."""

import asyncio
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aiohttp import web

from medusa import sources
from medusa.errors import Transient, UserError
from medusa.model import LocalFile, Order, Secrets
from medusa.sources import live, ytdlp, ytdlp_info
from medusa.sources.streams.parts import Kind
from medusa.steps.ffmpeg import look
from medusa.tools import Tools
from tests.integration.source_kit import Reports, ffmpeg, serving, tool_box

PIECES = 14
WINDOW = 4


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pieces of one second each."""
    folder = tmp_path_factory.mktemp("pieces")
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=s=64x48:r=10:d={PIECES}", "-f", "lavfi", "-i", f"sine=d={PIECES}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-pix_fmt", "yuv420p", "-c:a", "aac"),
        *("-f", "segment", "-segment_time", "1", "-segment_format", "mpegts", "%d.ts"),
        cwd=folder,
    )
    return folder


@dataclass
class Channel:
    """A live stream whose window moves on by one piece each time somebody looks at it."""

    folder: Path
    ends: bool = False
    gone: bool = False
    newest: int = WINDOW - 1
    looks: int = 0
    fetched: list[str] = field(default_factory=list)
    hold: asyncio.Event | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith(".ts"):
            self.fetched.append(request.path[1:-3])
            return web.FileResponse(self.folder / request.path[1:])
        if self.gone:
            return web.Response(status=404)
        if self.looks > 6 and self.hold:
            self.hold.set()
        self.looks += 1
        over = self.newest >= PIECES - 1
        first = max(0, self.newest - WINDOW + 1)
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
        for number in range(first, self.newest + 1):
            lines += ["#EXTINF:1.0,", f"/{number}.ts"]
        self.newest = min(self.newest + 1, PIECES - 1)
        lines += ["#EXT-X-ENDLIST"] if over and self.ends else []
        return web.Response(text="\n".join(lines), content_type="application/vnd.apple.mpegurl")


async def seconds(file: LocalFile, tools: Tools) -> float:
    assert tools.ffmpeg is not None
    seen = await look(file.path, tools.ffmpeg, file.path.parent)
    assert seen.media is not None
    assert (seen.media.video_codec, seen.media.audio_codec) == ("h264", "aac")
    return seen.media.duration or 0.0


async def test_a_live_stream_is_recorded_up_to_the_cap(pieces: Path, tmp_path: Path) -> None:
    channel = Channel(pieces)
    async with serving(channel.handle) as server, tool_box(server) as tools:
        order = Order(server.url("/now.m3u8"), live=4)
        reports = Reports()
        source, plan = await sources.resolve(order, tmp_path, tools, reports)
        assert plan.stream is None
        file = await source.fetch(plan, order, tmp_path, tools, reports)
        assert isinstance(file, LocalFile)
        assert await seconds(file, tools) == pytest.approx(4, abs=0.7)
        assert file.name.endswith(".mp4")
        assert "live: 2 s of at most 4 s" in reports.notes
        assert channel.fetched == [str(int(channel.fetched[0]) + n) for n in range(4)]
        assert await source.fetch(plan, order, tmp_path, tools, reports) == file
        assert len(channel.fetched) == 4
        (tmp_path / "look").mkdir()
        assert (await sources.describe(order, "", tmp_path / "look", tools)).kind == "live stream"


async def test_what_ends_by_itself_is_kept(pieces: Path, tmp_path: Path) -> None:
    channel = Channel(pieces, ends=True, newest=PIECES - 4)
    async with serving(channel.handle) as server, tool_box(server) as tools:
        order = Order(server.url("/now.m3u8"))
        source, plan = await sources.resolve(order, tmp_path, tools, Reports())
        file = await source.fetch(plan, order, tmp_path, tools, Reports())
        assert isinstance(file, LocalFile)
        assert channel.fetched[-1] == str(PIECES - 1)
        assert await seconds(file, tools) == pytest.approx(len(channel.fetched), abs=0.7)


@pytest.mark.parametrize("gone", [False, True])
async def test_a_recording_that_was_cut_off_goes_on(pieces: Path, tmp_path: Path, gone: bool) -> None:
    """Killed in its middle, it goes on with the stream, or, when that is over, is content with what there is."""
    channel = Channel(pieces, hold=asyncio.Event())
    async with serving(channel.handle) as server, tool_box(server) as tools:
        order = Order(server.url("/now.m3u8"), live=8)
        source, plan = await sources.resolve(order, tmp_path, tools, Reports())
        task = asyncio.create_task(source.fetch(plan, order, tmp_path, tools, Reports()))
        assert channel.hold is not None
        async with asyncio.timeout(60):
            await channel.hold.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        before = len(channel.fetched)
        assert before
        (tmp_path / "piece0-0").write_bytes(b"half a piece")
        channel.gone = gone
        note = tmp_path / "info.json"
        note.write_text(json.dumps({**json.loads(note.read_text()), "medusa_at": 0}))
        plan = await ytdlp.resolve(order, tmp_path, tools, Reports())
        shorter = replace(order, live=0.1) if gone else order
        file = await source.fetch(plan, shorter, tmp_path, tools, Reports())
        assert isinstance(file, LocalFile)
        assert len(set(channel.fetched)) == (before if gone else max(8, before))
        assert await seconds(file, tools) == pytest.approx(len(set(channel.fetched)), abs=1.5)
        assert live.begun(tmp_path)


async def test_a_stream_for_those_who_are_logged_in(pieces: Path, tmp_path: Path) -> None:
    channel = Channel(pieces, ends=True, newest=PIECES - 2)
    strangers: list[str] = []

    async def guarded(request: web.Request) -> web.StreamResponse:
        if request.headers.get("X-Key") != "owner-key":
            strangers.append(request.path)
            return web.Response(status=403)
        return await channel.handle(request)

    async def secrets(_: str) -> Secrets:
        return Secrets(headers={"X-Key": "owner-key"})

    async with serving(guarded) as server, tool_box(server) as box:
        feed = live.Feed(Kind.VIDEO, server.url("/live.m3u8"))
        path = await live.record([feed], 60, tmp_path, replace(box, secrets=secrets), Reports())
    assert path.stat().st_size > 1000
    assert strangers == []


async def test_a_stream_that_gives_nothing_is_no_recording(pieces: Path, tmp_path: Path) -> None:
    channel = Channel(pieces)
    async with serving(channel.handle) as server, tool_box(server) as tools:
        order = Order(server.url("/now.m3u8"))
        plan = await ytdlp.resolve(order, tmp_path, tools, Reports())
        channel.gone = True
        with pytest.raises(UserError, match="dead"):
            await ytdlp.fetch(plan, order, tmp_path, tools, Reports())


@pytest.mark.parametrize(
    ("info", "after"),
    [
        ({"live_status": "is_upcoming"}, 900),
        ({"live_status": "is_upcoming", "release_timestamp": 10**10}, 30 * 86400),
        ({"live_status": "is_upcoming", "release_timestamp": 5}, 60),
        ({"live_status": "is_upcoming", "release_timestamp": "soon"}, 900),
        ({"live_status": "post_live"}, 900),
    ],
)
def test_what_has_not_begun_is_waited_for(info: dict[str, object], after: float) -> None:
    with pytest.raises(Transient) as waits:
        ytdlp._expect_begun(info)
    assert waits.value.retry_after == after


def test_a_live_stream_that_is_no_hls_is_refused() -> None:
    with pytest.raises(UserError, match="cannot be recorded"):
        ytdlp_info.feeds({"is_live": True, "url": "https://a.example/x", "protocol": "http_dash_segments"})
