"""Pages that are too big, too full or not to be trusted, looked at by the real yt-dlp."""

import gzip
from pathlib import Path

import pytest
from aiohttp import web

from medusa import cage, sources
from medusa.errors import MedusaError, Transient, UserError
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


async def test_pages_that_lead_to_and_fro_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """yt-dlp would follow them until it is ended."""
    monkeypatch.setattr(ytdlp, "_MAX_READ", 2_000_000)

    async def page(request: web.Request) -> web.StreamResponse:
        other = "/there" if request.path == "/back" else "/back"
        text = f'<!doctype html><html><head><meta http-equiv="refresh" content="0; url={other}"></head></html>'
        return web.Response(text=text, content_type="text/html")

    async with serving(page) as server, tool_box(server) as tools:
        with pytest.raises(UserError, match="too much to read"):
            await sources.resolve(Order(server.url("/there")), tmp_path, tools, Reports())
        assert len(server.requests) < 20


async def test_a_playlist_that_names_itself_comes_to_an_end(tmp_path: Path) -> None:
    async def playlist(request: web.Request) -> web.StreamResponse:
        text = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n/a.m3u8\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n/a.m3u8\n"
        return web.Response(text=f"{text}#EXT-X-ENDLIST\n", content_type="application/vnd.apple.mpegurl")

    async with serving(playlist) as server, tool_box(server) as tools:
        order = Order(server.url("/a.m3u8"))
        with pytest.raises(MedusaError):
            source, plan = await sources.resolve(order, tmp_path, tools, Reports())
            await source.fetch(plan, order, tmp_path, tools, Reports())
        assert len(server.requests) < 20


async def test_yt_dlp_trusts_no_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    async with serving_untrusted(tmp_path) as server, tool_box(server) as tools:
        link = server.url("/a.m3u8").replace("http:", "https:")
        with pytest.raises(UserError, match="certificate"):
            await sources.resolve(Order(link), tmp_path, tools, Reports())


async def test_a_page_that_unpacks_to_400_mb_ends_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """yt-dlp unpacks in memory, of which a child has so much and no more."""
    monkeypatch.setattr(cage, "share_of_memory", lambda: 256 * 1024**2)
    bomb = gzip.compress(b"<!doctype html><title>" + bytes(400_000_000), 1)

    async def page(_: web.Request) -> web.StreamResponse:
        return web.Response(body=bomb, content_type="text/html", headers={"Content-Encoding": "gzip"})

    async with serving(page) as server, tool_box(server) as tools:
        with pytest.raises(Transient, match="more memory than"):
            await sources.by_name("pages").resolve(Order(server.url("/page.html")), tmp_path, tools, Reports())
