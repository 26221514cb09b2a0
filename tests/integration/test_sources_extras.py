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
from medusa.sources import ytdlp
from medusa.tools import find_ffmpeg
from tests.integration.source_kit import Reports, Server, folder_handler, make_video, serving, tool_box

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
