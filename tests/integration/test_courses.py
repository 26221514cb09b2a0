"""Course platforms, imitated by a local server, lead to their videos, and whatever they answer is told in words."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from medusa.errors import MedusaError, Transient, UserError, Wait
from medusa.model import LocalFile, Order, Secrets
from medusa.sources import apivideo, classplus
from medusa.sources.courses import MOST_ANSWER, Resolver, at, course
from medusa.tools import Tools
from tests.integration.media_kit import decoded
from tests.integration.source_kit import Reports, Server, ffmpeg, make_video, serving, tool_box

TOKEN = "owner-token-123"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("courses")
    make_video(folder, "video.mp4", "-movflags", "+faststart", seconds=4)
    ffmpeg("-i", "video.mp4", "-c", "copy", "-hls_time", "1", "-hls_playlist_type", "vod", "lesson.m3u8", cwd=folder)
    return folder


@dataclass
class Platform:
    """A server whose videos can be had with a signature alone, which its API gives for a token."""

    folder: Path
    answer: Any = None
    """What the API says in place of the truth, as JSON or as a finished answer."""
    signature: int = 1
    good_for: int = 1000
    """How many requests a signature is good for."""
    asked: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        if path.startswith("api/"):
            return self._api(request)
        self.asked.append(path)
        if path.endswith((".ts", ".mp4")):
            self.good_for -= 1
            if self.good_for < 0:
                return web.Response(status=403)
        elif request.query.get("sign") != str(self.signature):
            return web.Response(status=403)
        return web.FileResponse(self.folder / path)

    def _api(self, request: web.Request) -> web.StreamResponse:
        if self.answer is not None:
            return self.answer if isinstance(self.answer, web.Response) else web.json_response(self.answer)
        token = request.headers.get("x-access-token") or request.headers.get("Authorization", "").removeprefix(
            "Bearer "
        )
        if token != TOKEN:
            return web.json_response({"message": "Unauthorized"}, status=401)
        self.signature, self.good_for = self.signature + 1, max(self.good_for, 3)
        base = f"http://{request.host}"
        if "id" in request.query:
            return web.json_response({"title": "Lesson <1>", "assets": {"mp4": f"{base}/{request.query['id']}.mp4"}})
        return web.json_response({"status": "ok", "url": f"{request.query['url']}?sign={self.signature}"})


@pytest.fixture
def platform(site: Path) -> Platform:
    return Platform(site)


@pytest.fixture
async def server(platform: Platform) -> AsyncIterator[Server]:
    async with serving(platform.handle) as server:
        yield server


def signed(server: Server) -> Resolver:
    """The resolver of ClassPlus, for this server."""
    return replace(
        classplus.RESOLVER, pattern=re.compile(r"http://.*m3u8"), endpoint=server.url("/api/sign?url={link}")
    )


def hosted(server: Server) -> Resolver:
    """The resolver of api.video, for this server."""
    pattern = re.compile(r"http://[^/]+/vod/(?P<id>\w+)")
    return replace(apivideo.RESOLVER, pattern=pattern, endpoint=server.url("/api/videos?id={id}"))


def with_token(tools: Tools, token: str = TOKEN) -> Tools:
    async def secrets(link: str) -> Secrets:
        return Secrets(token=token)

    return replace(tools, secrets=secrets)


async def get(resolver: Resolver, link: str, tools: Tools, workdir: Path, token: str = TOKEN) -> LocalFile:
    source, order = course(resolver), Order(link)
    own = with_token(tools, token)
    plan = await source.resolve(order, workdir, own, Reports())
    assert plan is not None
    json.dumps(plan.details)
    file = await source.fetch(plan, order, workdir, own, Reports())
    assert isinstance(file, LocalFile)
    return file


async def test_a_stream_is_signed_and_fetched(server: Server, tmp_path: Path) -> None:
    async with tool_box(server) as tools:
        file = await get(signed(server), server.url("/lesson.m3u8"), tools, tmp_path)
    assert file.name == "lesson.mp4"
    assert (await asyncio.to_thread(decoded, file.path))[0] == 100


async def test_a_file_gets_the_title_that_the_platform_gives(server: Server, site: Path, tmp_path: Path) -> None:
    async with tool_box(server) as tools:
        file = await get(hosted(server), server.url("/vod/video"), tools, tmp_path)
    assert file.name == "Lesson _1_.mp4"
    assert file.path.read_bytes() == (site / "video.mp4").read_bytes()


async def test_a_signature_that_expires_is_renewed(server: Server, platform: Platform, tmp_path: Path) -> None:
    platform.good_for = 3
    async with tool_box(server) as tools:
        with pytest.raises(Wait, match="new ones"):
            await get(signed(server), server.url("/lesson.m3u8"), tools, tmp_path)
        file = await get(signed(server), server.url("/lesson.m3u8"), tools, tmp_path)
    assert (await asyncio.to_thread(decoded, file.path))[0] == 100
    assert [platform.asked.count(f"lesson{piece}.ts") for piece in range(4)] == [1, 1, 1, 2]


@pytest.mark.parametrize(
    ("token", "words"),
    [("", r"needs your token: /token classplusapp\.com TOKEN"), ("old", "does not accept your token")],
)
async def test_the_token_is_asked_for(server: Server, tmp_path: Path, token: str, words: str) -> None:
    async with tool_box(server) as tools:
        with pytest.raises(UserError, match=words):
            await get(signed(server), server.url("/lesson.m3u8"), tools, tmp_path, token)


ODD = "does not know; perhaps it has changed"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({}, ODD),
        ([], ODD),
        ({"url": ["https://example.com/a.m3u8"]}, ODD),
        ({"url": {"url": "https://example.com/a.m3u8"}}, ODD),
        ({"url": 1}, ODD),
        ({"url": "https://example.com/" + "a" * 10_000}, ODD),
        (web.Response(text="[" * 100_000, content_type="application/json"), ODD),
        (web.Response(body=b"\xff\xfe{}", content_type="application/json"), ODD),
        (web.Response(text="", content_type="application/json"), ODD),
        (web.Response(text='"' + "a" * MOST_ANSWER + '"', content_type="application/json"), ODD),
        (web.Response(text="<!doctype html><form>Log in</form>", content_type="text/html"), "answers with a web page"),
        ({"status": "error", "message": "Session expired"}, "does not accept your token"),
        ({"status": "error", "message": "No such\nvideo"}, "ClassPlus says: No such video"),
        (web.json_response({"message": "jwt: token malformed"}, status=400), "does not accept your token"),
        (web.Response(status=404), "link is dead"),
        (web.Response(status=503), "busy"),
        ({"url": "file:///etc/passwd"}, "not http or https"),
        ({"url": "javascript:alert(1)"}, "not http or https"),
        ({"url": "//example.com/a.m3u8"}, "not http or https"),
        ({"url": "http://[::1"}, "not http or https"),
        ({"url": "http://169.254.169.254/latest/a.m3u8"}, "private network"),
        ({"url": "http://127.0.0.1:1/a.m3u8"}, "private network"),
    ],
)
async def test_whatever_is_answered_has_its_words(
    server: Server, platform: Platform, tmp_path: Path, answer: Any, words: str
) -> None:
    platform.answer = answer
    async with tool_box(server) as tools:
        with pytest.raises(MedusaError, match=words) as caught:
            await get(signed(server), server.url("/lesson.m3u8"), tools, tmp_path)
    assert isinstance(caught.value, Transient) == (words == "busy")
    assert TOKEN not in str(caught.value)
    assert platform.asked == []


async def test_an_address_without_a_video_is_refused(server: Server, platform: Platform, tmp_path: Path) -> None:
    (platform.folder / "live.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nlesson0.ts\n")
    async with tool_box(server) as tools:
        with pytest.raises(UserError, match="holds no video; it may be live"):
            await get(signed(server), server.url("/live.m3u8"), tools, tmp_path)


async def test_the_token_goes_to_the_endpoint_alone(server: Server, platform: Platform, tmp_path: Path) -> None:
    async with tool_box(server) as tools:
        await get(signed(server), server.url("/lesson.m3u8"), tools, tmp_path)
    carried = {request.path for request in server.requests if TOKEN in str(request.raw_headers)}
    assert carried == {"/api/sign"}


async def test_a_redirect_takes_no_token_along(server: Server, platform: Platform, tmp_path: Path) -> None:
    async with serving(platform.handle) as other:

        async def lead_away(request: web.Request) -> web.StreamResponse:
            raise web.HTTPFound(other.url("/api/sign?url=x"))

        async with serving(lead_away) as first, tool_box(server, first, other) as tools:
            resolver = replace(signed(server), endpoint=first.url("/?url={link}"))
            with pytest.raises(UserError, match="does not accept your token"):
                await get(resolver, server.url("/lesson.m3u8"), tools, tmp_path)
        assert [TOKEN in str(request.raw_headers) for request in first.requests] == [True]
        assert [TOKEN in str(request.raw_headers) for request in other.requests] == [False]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("a", {"b": [{"c": "x"}, "y"]}),
        ("a.b[0].c", "x"),
        ("a.b[1]", "y"),
        ("a.b[2]", None),
        ("a[0]", None),
        ("b.c", None),
        ("a.b.c", None),
    ],
)
def test_places_of_an_answer(place: str, value: Any) -> None:
    assert at({"a": {"b": [{"c": "x"}, "y"]}}, place) == value
