"""Streams and pages through the real yt-dlp, against a local server."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from medusa import sources
from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.sources import Plan, Source, ytdlp, ytdlp_info
from medusa.steps.ffmpeg import look
from medusa.tools import Tools
from tests.integration.source_kit import Handler, Reports, Server, ffmpeg, folder_handler, make_video, serving, tool_box

PAGE = "<!doctype html><html><head><title>{title}</title></head><body>{body}</body></html>"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one video as a file, as HLS, as AES-128 HLS and as DASH, and pages around it."""
    folder = tmp_path_factory.mktemp("site")
    make_video(folder, "video.mp4", "-movflags", "+faststart", seconds=6)
    copy = ("-i", "video.mp4", "-c", "copy")
    ffmpeg(*copy, "-hls_time", "1", "-hls_playlist_type", "vod", "plain.m3u8", cwd=folder)
    (folder / "secret.key").write_bytes(bytes(range(16)))
    (folder / "key.info").write_text("secret.key\nsecret.key\n" + "00" * 16 + "\n")
    ffmpeg(
        *copy,
        "-hls_time",
        "1",
        "-hls_playlist_type",
        "vod",
        "-hls_key_info_file",
        "key.info",
        "locked.m3u8",
        cwd=folder,
    )
    ffmpeg(*copy, "-seg_duration", "1", "-f", "dash", "dash.mpd", cwd=folder)
    (folder / "page.html").write_text(PAGE.format(title="One lesson", body='<video src="video.mp4"></video>'))
    (folder / "empty.html").write_text(PAGE.format(title="Nothing here", body="<p>words</p>"))
    return folder


@pytest.fixture
async def server(site: Path) -> AsyncIterator[Server]:
    async with serving(folder_handler(site)) as server:
        yield server


async def get(link: str, tools: Tools, workdir: Path, quality: str = "best") -> tuple[Source, Plan, LocalFile]:
    order = Order(link, quality=quality)
    source, plan = await sources.resolve(order, workdir, tools, Reports())
    file = await source.fetch(plan, order, workdir, tools, Reports())
    assert isinstance(file, LocalFile)
    return source, plan, file


async def duration(file: LocalFile, tools: Tools) -> float:
    assert tools.ffmpeg is not None
    seen = await look(file.path, tools.ffmpeg, file.path.parent)
    assert seen.media is not None
    assert seen.media.duration is not None
    return seen.media.duration


@pytest.mark.parametrize("path", ["/plain.m3u8", "/locked.m3u8", "/dash.mpd"])
async def test_streams_arrive_whole(server: Server, tmp_path: Path, path: str) -> None:
    async with tool_box(server) as tools:
        source, plan, file = await get(server.url(path), tools, tmp_path)
        assert await duration(file, tools) == pytest.approx(6, abs=0.3)
    assert source.name == "streams"
    assert plan.name == path[1:].partition(".")[0]
    assert plan.stream is None
    assert file.name == f"{plan.name}.mp4"
    assert file.mime == "video/mp4"


async def test_the_one_plain_file_of_a_page_can_be_streamed(server: Server, site: Path, tmp_path: Path) -> None:
    async with tool_box(server) as tools:
        source, plan = await sources.resolve(Order(server.url("/page.html")), tmp_path, tools, Reports())
        stream = plan.stream
        assert stream is not None
        assert (stream.name, stream.title, stream.mime) == (f"{plan.name}.mp4", plan.title, "video/mp4")
        whole = (site / "video.mp4").read_bytes()
        assert stream.size == len(whole)
        assert stream.version
        for offset in (0, 1000):
            assert b"".join([chunk async for chunk in source.read(stream, offset, tools)]) == whole[offset:]
        small = replace(stream, most=50_000)
        asked = len(server.requests)
        assert b"".join([chunk async for chunk in source.read(small, 0, tools)]) == whole
        ranges = [request.headers["Range"] for request in server.requests[asked:]]
        assert ranges[:2] == ["bytes=0-49999", "bytes=50000-99999"]


PLAIN = {"url": "https://cdn.example.com/1.mp4", "protocol": "https", "ext": "mp4"}


@pytest.mark.parametrize(
    ("more", "plain"),
    [
        ({}, True),
        ({"protocol": None}, True),
        ({"container": "mp4"}, True),
        ({"container": "m4a_dash"}, False),
        ({"protocol": "m3u8_native"}, False),
        ({"protocol": "http_dash_segments"}, False),
        ({"cookies": "session=1; Domain=cdn.example.com"}, False),
        ({"fragments": [{"url": "https://cdn.example.com/1"}]}, False),
        ({"stretched_ratio": 1.3}, False),
        ({"url": "ftp://cdn.example.com/1.mp4", "protocol": "ftp"}, False),
        ({"url": "file:///etc/passwd"}, False),
        ({"ext": "../../x"}, False),
    ],
)
def test_only_plain_formats_are_streamed(more: dict[str, object], plain: bool) -> None:
    assert ytdlp_info.is_plain({**PLAIN, **more}) is plain


async def test_a_page_with_one_video(server: Server, tmp_path: Path) -> None:
    async with tool_box(server) as tools:
        source, plan, file = await get(server.url("/page.html"), tools, tmp_path)
    assert source.name == "pages"
    assert plan.title.startswith("One lesson")
    assert file.path.stat().st_size > 10_000


async def test_sound_alone(server: Server, tmp_path: Path) -> None:
    async with tool_box(server) as tools:
        _, _, file = await get(server.url("/dash.mpd"), tools, tmp_path, quality="audio")
        assert tools.ffmpeg is not None
        seen = await look(file.path, tools.ffmpeg, tmp_path)
    assert file.name == "dash.m4a"
    assert seen.media is not None
    assert (seen.media.video_codec, seen.media.audio_codec) == (None, "aac")


async def test_progress_is_reported_and_the_answer_is_kept(server: Server, tmp_path: Path) -> None:
    order = Order(server.url("/dash.mpd"))
    async with tool_box(server) as tools:
        source = sources.by_name("pages")
        plan = await source.resolve(order, tmp_path, tools, Reports())
        assert plan is not None
        asked = len(server.requests)
        assert await source.resolve(order, tmp_path, tools, Reports()) == plan
        assert len(server.requests) == asked
        reports = Reports()
        file = await source.fetch(plan, order, tmp_path, tools, reports)
        done = [progress.done for progress in reports.seen]
        assert done == sorted(done)
        assert done[-1] > 10_000
        assert await source.fetch(plan, order, tmp_path, tools, Reports()) == file


async def test_a_cancelled_download_goes_on(site: Path, tmp_path: Path) -> None:
    reached, go = asyncio.Event(), asyncio.Event()
    serve = folder_handler(site)

    async def slow(request: web.Request) -> web.StreamResponse:
        if request.path == "/plain3.ts" and not go.is_set():
            reached.set()
            await go.wait()
        return await serve(request)

    async with serving(slow) as server, tool_box(server) as tools:
        order = Order(server.url("/plain.m3u8"))
        source = sources.by_name("pages")
        plan = await source.resolve(order, tmp_path, tools, Reports())
        assert plan is not None
        task = asyncio.create_task(source.fetch(plan, order, tmp_path, tools, Reports()))
        async with asyncio.timeout(60):
            await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()
        first = len(server.requests)
        file = await source.fetch(plan, order, tmp_path, tools, Reports())
        again = [request.path for request in server.requests[first:]]
        assert isinstance(file, LocalFile)
        assert await duration(file, tools) == pytest.approx(6, abs=0.3)
    assert "/plain0.ts" not in again
    assert "/plain5.ts" in again


def playlist(segment: str, key: str = "") -> str:
    line = f'#EXT-X-KEY:METHOD=AES-128,URI="{key}"\n' if key else ""
    return f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n{line}#EXTINF:2,\n{segment}\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize("kind", ["segment", "key", "redirect", "page"])
async def test_streams_do_not_lead_into_private_networks(site: Path, tmp_path: Path, kind: str) -> None:
    async with serving(folder_handler(site)) as secret:

        async def lure(request: web.Request) -> web.StreamResponse:
            if request.path == "/a.m3u8":
                text = {
                    "segment": playlist(secret.url("/plain0.ts")),
                    "key": playlist("/plain0.ts", secret.url("/secret.key")),
                    "redirect": playlist("/hop"),
                }[kind]
                return web.Response(text=text, content_type="application/vnd.apple.mpegurl")
            if request.path == "/hop":
                raise web.HTTPFound(secret.url("/plain0.ts"))
            if request.path == "/p.html":
                body = f'<video src="{secret.url("/video.mp4")}"></video>'
                return web.Response(text=PAGE.format(title="x", body=body), content_type="text/html")
            return web.FileResponse(site / "plain0.ts")

        async with serving(lure) as server, tool_box(server) as tools:
            with pytest.raises(UserError, match="private network"):
                await get(server.url("/p.html" if kind == "page" else "/a.m3u8"), tools, tmp_path)
        assert not secret.requests


async def answer(text: str, kind: str = "text/html", status: int = 200) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type=kind, status=status)

    return handle


@pytest.mark.parametrize(
    ("path", "words"),
    [("/empty.html", "Nothing that can be fetched"), ("/gone.m3u8", "dead"), ("/gone.html", "dead")],
)
async def test_pages_with_nothing_and_dead_links(server: Server, tmp_path: Path, path: str, words: str) -> None:
    async with tool_box(server) as tools:
        with pytest.raises(UserError, match=words):
            await get(server.url(path), tools, tmp_path)


async def test_a_page_with_several_videos_is_named_as_a_playlist(site: Path, tmp_path: Path) -> None:
    body = '<video src="video.mp4?1"></video><video src="video.mp4?2"></video>'
    async with serving(await answer(PAGE.format(title="The course", body=body))) as server, tool_box(server) as tools:
        with pytest.raises(UserError, match="playlist: “The course”"):
            await get(server.url("/course"), tools, tmp_path)


async def test_a_private_page(tmp_path: Path) -> None:
    async with serving(await answer("<html>login</html>", status=403)) as server, tool_box(server) as tools:
        with pytest.raises(UserError, match="private"):
            await get(server.url("/lesson"), tools, tmp_path)


@pytest.mark.parametrize(("manifest", "parts"), [("plain.m3u8", "plain*.ts"), ("dash.mpd", "*.m4s")])
async def test_a_stream_over_the_limit_is_refused(
    server: Server, site: Path, tmp_path: Path, manifest: str, parts: str
) -> None:
    """A stream does not tell its size; no part of it is too big, nor is picture or sound, but the whole is."""
    limit = sum(part.stat().st_size for part in site.glob(parts)) * 19 // 20
    order, source = Order(server.url(f"/{manifest}")), sources.by_name("pages")
    async with tool_box(server, max_bytes=limit) as tools:
        plan = await source.resolve(order, tmp_path, tools, Reports())
        assert plan is not None
        with pytest.raises(UserError, match="bigger than a job may fetch"):
            await source.fetch(plan, order, tmp_path, tools, Reports())
    assert sum(path.stat().st_size for path in tmp_path.glob("media*")) <= 2 * limit


async def test_without_yt_dlp_it_says_so(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = Path("/usr/bin/python3")
    if not bare.exists():
        pytest.skip("no second Python on this machine")
    monkeypatch.setattr(sys, "executable", str(bare))
    async with tool_box(server) as tools:
        with pytest.raises(UserError, match="yt-dlp is not installed"):
            await get(server.url("/page.html"), tools, tmp_path)


async def test_without_ffmpeg_whole_streams_still_come(server: Server, tmp_path: Path) -> None:
    async with tool_box(server, with_ffmpeg=False) as tools:
        _, _, file = await get(server.url("/plain.m3u8"), tools, tmp_path)
    assert file.path.stat().st_size > 10_000


async def test_the_token_of_the_proxy_is_on_no_command_line(server: Server, tmp_path: Path) -> None:
    """The order's info file and yt-dlp's arguments are all that outlives the call or can be read by others."""
    async with tool_box(server) as tools:
        await sources.by_name("pages").resolve(Order(server.url("/plain.m3u8")), tmp_path, tools, Reports())
        info = json.loads((tmp_path / "info.json").read_text())
    assert "job:" not in json.dumps(info)
    assert {entry["protocol"] for entry in info["formats"]} == {"m3u8_native"}
    assert "webpage_url" not in info


async def test_pages_are_looked_at_one_after_the_other_where_memory_is_scarce(tmp_path: Path) -> None:
    there, most = 0, 0

    async def page(_: web.Request) -> web.StreamResponse:
        nonlocal there, most
        there += 1
        most = max(most, there)
        await asyncio.sleep(0.3)
        there -= 1
        return web.Response(text="<p>Nothing here.</p>", content_type="text/html")

    folders = [tmp_path / str(number) for number in range(2)]
    for folder in folders:
        folder.mkdir()
    async with serving(page) as server, tool_box(server) as tools:
        looks = [ytdlp.resolve(Order(server.url(f"/{f.name}")), f, tools, lambda _: None) for f in folders]
        ended = await asyncio.gather(*looks, return_exceptions=True)
    assert all(isinstance(error, UserError) for error in ended)
    assert len(server.requests) >= 2
    assert most == 1
