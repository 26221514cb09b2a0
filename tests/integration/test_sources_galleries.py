"""gallery-dl as a child: what it is asked, what it may reach, and what it leaves in the work folder."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from medusa import sources
from medusa.errors import NothingThere, UserError
from medusa.model import LocalFile, Order, Secrets
from medusa.sources import NOTHING, galleries
from medusa.tools import Tools
from tests.integration.source_kit import Reports, Server, serving, tool_box
from tests.pictures import gallery_site, png

pytest.importorskip("gallery_dl")


@asynccontextmanager
async def site_and_tools() -> AsyncIterator[tuple[Server, Tools]]:
    images = gallery_site()

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == "/plain.html":
            return web.Response(text="<!doctype html><p>Nothing here</p>", content_type="text/html")
        if request.path.startswith("/api/v1/accounts/lookup"):
            return web.json_response({"id": "1", "acct": "me"})
        if request.path.startswith("/api/v1/accounts/1/following"):
            return web.json_response([{"url": f"http://{request.host}/@{name}"} for name in ("ann", "bob")])
        return await images(request)

    async with serving(handle) as site, tool_box(site) as tools:
        yield site, tools


async def fetched(order: Order, tools: Tools, workdir: Path, reports: Reports) -> tuple[LocalFile, ...]:
    source, plan = await sources.resolve(order, workdir, tools, reports)
    assert source is galleries.SOURCE
    files = await source.fetch(plan, order, workdir, tools, reports)
    assert isinstance(files, tuple)
    return files


async def test_what_is_there_already_is_not_fetched_again(tmp_path: Path) -> None:
    reports = Reports()
    async with site_and_tools() as (site, tools):
        order = Order(f"mastodon:{site.url('/@me/3')}", name="trip")
        first = await fetched(order, tools, tmp_path, reports)
        assert [(file.name, file.title, file.path.read_bytes()) for file in first] == [
            (f"trip {number}.png", "My trip", png(number)) for number in range(1, 4)
        ]
        first[1].path.unlink()
        asked = len(site.requests)
        assert await fetched(order, tools, tmp_path, reports) == first
        images = [request.path for request in site.requests[asked:] if request.path.endswith(".png")]
    assert images == ["/2.png"]
    assert "3 of 3" in reports.notes
    assert {path.name for path in tmp_path.iterdir()} == {"gallery"}


async def test_cookies_of_the_site_are_sent(tmp_path: Path) -> None:
    async with site_and_tools() as (site, tools):

        async def kept(link: str) -> Secrets:
            assert link.startswith("http://127.0.0.1")
            return Secrets(cookies="# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tid\tsecret\n")

        equipped = replace(tools, secrets=kept)
        await fetched(Order(f"mastodon:{site.url('/@me/1')}"), equipped, tmp_path, Reports())
        assert {request.cookies.get("id") for request in site.requests} == {"secret"}
        assert (tmp_path / "gallery.cookies").stat().st_mode & 0o077 == 0


async def test_lists_of_galleries_and_pages_without_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with site_and_tools() as (site, tools):
        with pytest.raises(UserError, match="a list of galleries"):
            await sources.resolve(Order(f"mastodon:{site.url('/@me/following')}"), tmp_path, tools, Reports())
        page = Order(site.url("/plain.html"))
        with pytest.raises(NothingThere) as nothing:
            await sources.resolve(page, tmp_path, tools, Reports())
        assert nothing.value.user_text == NOTHING
        monkeypatch.setattr(galleries, "find_spec", lambda _: None)
        with pytest.raises(NothingThere, match="need gallery-dl"):
            await sources.resolve(Order(f"mastodon:{site.url('/@me/3')}"), tmp_path, tools, Reports())
        assert await galleries.resolve(page, tmp_path, tools, Reports()) is None


async def test_it_reaches_nothing_but_the_proxy(tmp_path: Path) -> None:
    async with site_and_tools() as (site, tools), serving(gallery_site()) as other:
        with pytest.raises(UserError):
            await galleries.resolve(Order(f"mastodon:{other.url('/@me/3')}"), tmp_path, tools, Reports())
        assert not other.requests
        assert not site.requests


async def test_files_that_are_too_big_end_the_job(tmp_path: Path) -> None:
    async with site_and_tools() as (site, tools):
        order = Order(f"mastodon:{site.url('/@me/3')}")
        plan = await galleries.resolve(order, tmp_path, tools, Reports())
        assert plan is not None
        with pytest.raises(UserError, match="too big"):
            await galleries.fetch(plan, order, tmp_path, replace(tools, max_bytes=2 * len(png(1))), Reports())


async def test_a_configuration_that_lies_around_is_not_read(tmp_path: Path) -> None:
    hostile = {"extractor": {"postprocessors": [{"name": "exec", "command": "touch planted"}]}}
    for place in (".gallery-dl.conf", ".config/gallery-dl/config.json", "gallery-dl.conf"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(json.dumps(hostile))
    async with site_and_tools() as (site, tools):
        await fetched(Order(f"mastodon:{site.url('/@me/1')}"), tools, tmp_path, Reports())
    assert not list(tmp_path.rglob("planted"))
