"""What the owner has for a site goes there along with requests, and nowhere else, on the wire and on the disk."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from medusa import sources
from medusa.errors import LoginNeeded
from medusa.model import Order, Secrets
from medusa.tools import Tools, nothing_kept
from tests.integration.source_kit import Reports, Server, make_video, serving, tool_box

COOKIES = "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\towner-cookie-1\n"
KEY = "owner-key-1"
SENT = ("sid=owner-cookie-1", KEY)
PAGE = "<!doctype html><title>A film</title><video src='{}'></video>"


@dataclass
class Site:
    """A site and a stranger beside it, on two ports of one address."""

    folder: Path
    workdir: Path
    other: str = ""
    got: dict[tuple[int, str], tuple[str, str]] = field(default_factory=dict)
    """What was sent along, by port and path."""
    modes: set[tuple[str, int]] = field(default_factory=set)
    """The files with secrets that were in the work folder during a request, and their modes."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        sent = request.headers.get("Cookie", ""), request.headers.get("X-Key", "")
        self.got[request.url.port or 0, request.path] = sent
        for name in ("cookies.txt", "headers.json"):
            if (file := self.workdir / name).exists():
                self.modes.add((name, file.stat().st_mode & 0o777))
        match request.path:
            case "/private.html" if not sent[1]:
                return web.Response(status=401, text="who are you?", content_type="text/html")
            case "/away" | "/away.m3u8":
                raise web.HTTPFound(f"{self.other}/there.bin")
            case "/near":
                raise web.HTTPFound("/here.bin")
            case "/page.html" | "/private.html":
                answer = web.Response(text=PAGE.format("/film.mp4"), content_type="text/html")
                answer.set_cookie("visit", "servers-cookie-1")
                return answer
            case "/list.m3u8":
                parts = f"#EXTINF:3,\n{self.other}/film.ts\n#EXTINF:3,\n/film.ts"
                text = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n{parts}\n#EXT-X-ENDLIST\n"
                return web.Response(text=text, content_type="application/vnd.apple.mpegurl")
            case "/film.mp4" | "/film.ts":
                return web.FileResponse(self.folder / request.path[1:])
        return web.Response(body=b"bytes", content_type="application/octet-stream")


@dataclass
class Kit:
    site: Site
    tools: Tools
    server: Server
    workdir: Path

    async def get(self, path: str) -> dict[str, tuple[str, str]]:
        """Fetch a link of the site; returns what it, and the other one, got with each path."""
        order, reports = Order(self.server.url(path)), Reports()
        source, plan = await sources.resolve(order, self.workdir, self.tools, reports)
        await source.fetch(plan, order, self.workdir, self.tools, reports)
        if plan.stream is not None:
            async with aclosing(source.read(plan.stream, 0, self.tools)) as chunks:
                assert [chunk async for chunk in chunks]
        own = self.server.port
        return {f"{'own' if port == own else 'other'}{at}": sent for (port, at), sent in self.site.got.items()}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    make_video(folder, "film.mp4", "-movflags", "+faststart")
    make_video(folder, "film.ts")
    return folder


@pytest.fixture
async def kit(films: Path, tmp_path: Path) -> AsyncIterator[Kit]:
    workdir = tmp_path / "work"
    workdir.mkdir()
    site = Site(films, workdir)
    async with serving(site.handle) as server, serving(site.handle) as other, tool_box(server, other) as tools:
        site.other = other.url("")

        async def secrets(link: str) -> Secrets:
            own = urlsplit(link).port == server.port
            return Secrets(COOKIES, headers={"X-Key": KEY}) if own else Secrets()

        yield Kit(site, replace(tools, secrets=secrets), server, workdir)


async def test_a_direct_link_gets_them_also_at_its_own_redirects(kit: Kit) -> None:
    assert await kit.get("/near") == {"own/near": SENT, "own/here.bin": SENT}


async def test_a_redirect_takes_them_to_no_other_origin(kit: Kit) -> None:
    assert await kit.get("/away") == {"own/away": SENT, "other/there.bin": ("", "")}


async def test_a_page_and_its_film_get_them(kit: Kit) -> None:
    got = await kit.get("/page.html")
    assert got["own/page.html"] == SENT
    assert set(got["own/film.mp4"][0].split("; ")) == {"sid=owner-cookie-1", "visit=servers-cookie-1"}
    assert got["own/film.mp4"][1] == KEY
    assert kit.site.modes == {("cookies.txt", 0o600), ("headers.json", 0o600)}
    left = {file.name: file.read_text(errors="replace") for file in kit.workdir.iterdir() if file.suffix == ".json"}
    assert list(left) == ["info.json"]
    assert "servers-cookie-1" in json.loads(left["info.json"])["formats"][0]["cookies"]
    assert "owner-cookie-1" not in left["info.json"]
    assert KEY not in left["info.json"]


async def test_the_segments_of_a_playlist_get_them_at_home_only(kit: Kit) -> None:
    got = await kit.get("/list.m3u8")
    assert got["own/list.m3u8"] == got["own/film.ts"] == SENT
    assert got["other/film.ts"] == ("", "")


async def test_without_them_a_login_is_wanted(kit: Kit) -> None:
    assert (await kit.get("/private.html"))["own/film.mp4"][1] == KEY
    order, bare = Order(kit.server.url("/private.html")), replace(kit.tools, secrets=nothing_kept)
    (kit.workdir / "info.json").unlink()
    with pytest.raises(LoginNeeded):
        await sources.resolve(order, kit.workdir, bare, Reports())


async def test_a_cancelled_run_leaves_no_secret_behind(kit: Kit) -> None:
    order, reports = Order(kit.server.url("/page.html")), Reports()
    asking = asyncio.create_task(sources.resolve(order, kit.workdir, kit.tools, reports))
    async with asyncio.timeout(30):
        while not (kit.workdir / "cookies.txt").exists():
            await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.wait({asking})
    assert [file.name for file in kit.workdir.iterdir() if file.is_file()] == []
