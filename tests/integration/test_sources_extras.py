"""Subtitles, chapters and cookies on their way through the real yt-dlp."""

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from medusa.errors import UserError
from medusa.model import Order, Secrets
from medusa.sources import pictures, ytdlp
from medusa.steps.image import Image, image_in
from medusa.tools import NoMemory, find_ffmpeg
from tests.integration import source_kit
from tests.integration.source_kit import Reports, Server, ffmpeg, folder_handler, make_video, serving, tool_box

HOSTILE = """WEBVTT

00:00:00.000 --> 00:00:01.000
<script>alert(1)</script><font color="red">{\\an8}Hello</font> &lt;b&gt;

00:00:01.000 --> 00:00:02.000
<img src=http://127.0.0.1:9/x> file:///etc/passwd
"""
PAGE = (
    '<!doctype html><title>Talk</title><video src="/video.mp4">'
    '<track kind="subtitles" srclang="en" src="/en.vtt"><track kind="subtitles" srclang="fr" src="file:///etc/passwd">'
    "</video>"
)
COOKIES = "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\tsecret-of-the-owner\n"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    (tmp_path / "site").mkdir()
    make_video(tmp_path / "site", "video.mp4", "-movflags", "+faststart", seconds=2)
    (tmp_path / "site" / "en.vtt").write_text(HOSTILE)
    (tmp_path / "site" / "page.html").write_text(PAGE)
    async with serving(folder_handler(tmp_path / "site")) as server:
        yield server


def make_picture(file: Path, size: str) -> None:
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={size}", "-frames:v", "1", file.name, cwd=file.parent)


async def written(file: Path, *options: str) -> str:
    """What ffmpeg writes of a file."""
    command = [str(find_ffmpeg()), "-v", "error", "-i", str(file), *options, "-"]
    done = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    return done.stdout.decode()


async def test_chapters_are_put_into_the_video(server: Server, tmp_path: Path) -> None:
    order = Order(server.url("/watch"))
    info = {
        "id": "1",
        "title": "Talk",
        "extractor": "site",
        "extractor_key": "Site",
        "duration": 2,
        "formats": [{"format_id": "1", "url": server.url("/video.mp4"), "ext": "mp4", "height": 180}],
        "chapters": [
            {"start_time": 0, "end_time": 1, "title": "One"},
            {"start_time": 1, "end_time": 2, "title": "[CHAPTER]\nfile=/etc/passwd"},
        ],
        "medusa_at": time.time(),
        "medusa_order": ytdlp._mark(order),
    }
    (tmp_path / "info.json").write_text(json.dumps(info))
    async with tool_box(server) as tools:
        plan = await ytdlp.resolve(order, tmp_path, tools, Reports())
        file = await ytdlp.fetch(plan, order, tmp_path, tools, Reports())
    text = await written(file.path, "-f", "ffmetadata")
    assert text.count("START=") == 2
    assert "title=One" in text


def a_song(server: Server, **more: object) -> dict[str, object]:
    """An extractor's answer about sound with pictures beside it."""
    return {
        "id": "1",
        "title": "A song",
        "extractor": "site",
        "extractor_key": "Site",
        "uploader": "Some <b>One</b>\nand others",
        "album": "x" * 5000,
        "upload_date": "20260203",
        "description": "long " * 100_000,
        "meta_comment": "planted",
        "thumbnails": [{"url": server.url(path)} for path in ("/small.png", "/cover.png")],
        "formats": [{"format_id": "1", "url": server.url("/video.mp4"), "ext": "mp4", "width": 320, "height": 180}],
        **more,
    }


class Known(NoMemory):
    """Remembers one answer, whoever asks."""

    def __init__(self, info: dict[str, object]) -> None:
        self._info = info

    async def get(self, _key: str) -> bytes | None:
        return json.dumps({**self._info, "medusa_at": time.time()}).encode()


async def test_sound_says_whose_it_is_and_shows_the_sites_picture(server: Server, tmp_path: Path) -> None:
    make_picture(tmp_path / "site" / "cover.png", "640x640")
    order = Order(server.url("/watch"), quality="audio")
    async with tool_box(server) as box:
        tools = replace(box, answers=Known(a_song(server)))
        plan = await ytdlp.resolve(order, tmp_path, tools, Reports())
        file = await ytdlp.fetch(plan, order, tmp_path, tools, Reports())
        file = await source_kit.process(file, order, tmp_path, tools, Reports())
    assert file.path.suffix == ".m4a"
    assert file.media is not None
    assert (file.media.title, file.media.performer) == ("A song", "Some <b>One</b> and others")
    assert file.thumb is not None
    assert image_in(file.thumb.read_bytes()) == Image("image/jpeg", 320, 320)
    tags = await written(file.path, "-f", "ffmetadata")
    assert "date=20260203" in tags
    assert f"album={'x' * 199}…" in tags
    assert "planted" not in tags
    assert "long long" not in tags


@pytest.mark.parametrize(
    "link",
    ["/gone.png", "/en.vtt", "/bomb.png", "/big.png", "/video.mp4", "/page.html", "file:///etc/passwd", "http://["],
)
async def test_a_picture_that_is_none_is_left_out(server: Server, tmp_path: Path, link: str) -> None:
    site = tmp_path / "site"
    (site / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(8) + b"\xff" * 8 + bytes(100))
    make_picture(site / "big.png", "64x36")
    with (site / "big.png").open("ab") as file:
        file.write(bytes(6_000_000))
    info = a_song(server, thumbnails=[{"url": server.url(link) if link.startswith("/") else link}, 1, {}])
    async with tool_box(server) as tools:
        assert await pictures.thumbnail_of(info, Order("", quality="audio"), tmp_path, tools) is None
    assert not (tmp_path / "picture").exists()


async def test_a_picture_that_lies_inside_is_left_out_too(server: Server, tmp_path: Path) -> None:
    make_picture(tmp_path / "site" / "cover.png", "640x360")
    async with tool_box() as tools:
        assert await pictures.thumbnail_of(a_song(server), Order(""), tmp_path, tools) is None
    assert not server.requests


@pytest.mark.parametrize(
    ("size", "quality", "shown"),
    [("640x360", "best", True), ("360x640", "best", False), ("360x640", "audio", True), ("9x9", "audio", True)],
)
async def test_a_video_shows_the_sites_picture_where_it_has_its_shape(
    server: Server, tmp_path: Path, size: str, quality: str, *, shown: bool
) -> None:
    make_picture(tmp_path / "site" / "cover.png", size)
    info = a_song(server, width=320, height=180)
    async with tool_box(server) as tools:
        made = await pictures.thumbnail_of(info, Order("", quality=quality), tmp_path, tools)
    assert (made is not None) is shown


async def test_subtitles_are_put_into_the_video_and_stay_text(server: Server, tmp_path: Path) -> None:
    order = Order(server.url("/page.html"), subtitles="en,fr,xx")
    work = tmp_path / "work"
    work.mkdir()
    async with tool_box(server) as tools:
        plan = await ytdlp.resolve(order, work, tools, Reports())
        assert plan.stream is None
        file = await ytdlp.fetch(plan, order, work, tools, Reports())
    assert file.path.suffix == ".mp4"
    text = await written(file.path, "-map", "0:s", "-f", "srt")
    assert "Hello" in text
    assert "root:" not in text


async def test_cookies_reach_their_host_and_do_not_stay(tmp_path: Path) -> None:
    seen: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Cookie", ""))
        return web.Response(text="<!doctype html><title>x</title>", content_type="text/html")

    async def kept(_: str) -> Secrets:
        return Secrets(cookies=COOKIES)

    async with serving(handle) as server, tool_box(server) as box:
        tools = replace(box, secrets=kept)
        with pytest.raises(Exception, match="Nothing"):
            await ytdlp.resolve(Order(server.url("/page.html")), tmp_path, tools, Reports())
    assert seen[-1] == "session=secret-of-the-owner"
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"secret-of" in path.read_bytes()]


async def test_a_page_that_lets_in_browsers_alone(server: Server, tmp_path: Path) -> None:
    refused: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == "/page.html" and "sec-ch-ua" not in request.headers:
            refused.append(request.path)
            return web.Response(status=403, headers={"cf-mitigated": "challenge"})
        return await server.handle(request)

    async with serving(handle) as picky, tool_box(picky) as tools:
        plan = await ytdlp.resolve(Order(picky.url("/page.html")), tmp_path, tools, Reports())
    assert plan.title == "Talk"
    assert refused


async def test_a_browser_gets_no_further_than_others(tmp_path: Path) -> None:
    async with tool_box() as tools:
        for link in ("http://127.0.0.1:9/x", "https://10.0.0.1/x"):
            with pytest.raises(UserError, match="private network"):
                await ytdlp._answer(link, ["--impersonate", "chrome", "--", link], tmp_path, tools)
