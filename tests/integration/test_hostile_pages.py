"""Pages that are too big, too full or not to be trusted, looked at by the real yt-dlp."""

from pathlib import Path

import pytest
from aiohttp import web

from medusa import sources
from medusa.errors import UserError
from medusa.model import Order
from medusa.sources import ytdlp
from tests.integration.source_kit import Reports, serving, serving_untrusted, tool_box


async def test_a_title_of_100_mb_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ytdlp, "_MAX_READ", 8_000_000)
    sent = 0

    async def page(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        answer = web.StreamResponse(headers={"Content-Type": "text/html"})
        await answer.prepare(request)
        await answer.write(b"<!doctype html><html><head><title>")
        for _ in range(1600):
            await answer.write(b"long " * 13_107)
            sent += 65_535
        await answer.write(b"</title>")
        return answer

    async with serving(page) as server, tool_box(server) as tools:
        with pytest.raises(UserError, match="too much to read"):
            await sources.resolve(Order(server.url("/page")), tmp_path, tools, Reports())
    assert sent < 50_000_000


async def test_a_page_of_50_000_videos_is_named_as_a_playlist(tmp_path: Path) -> None:
    videos = "".join(f'<video src="/{number}.mp4"></video>' for number in range(50_000))

    async def page(_: web.Request) -> web.StreamResponse:
        return web.Response(text=f"<!doctype html><title>All</title>{videos}", content_type="text/html")

    async with serving(page) as server, tool_box(server) as tools:
        with pytest.raises(UserError, match="playlist"):
            await sources.resolve(Order(server.url("/page")), tmp_path, tools, Reports())


async def test_yt_dlp_trusts_no_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    async with serving_untrusted(tmp_path) as server, tool_box(server) as tools:
        link = server.url("/a.m3u8").replace("http:", "https:")
        with pytest.raises(UserError, match="certificate"):
            await sources.resolve(Order(link), tmp_path, tools, Reports())
