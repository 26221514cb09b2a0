"""Direct files over real HTTP: names, resuming, limits, and everything that servers do wrong."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from medusa import sources
from medusa.errors import Broken, MedusaError, StreamBroken, Transient, UserError
from medusa.model import LocalFile, Order
from medusa.net import Guard, open_web
from medusa.sources import ByteStream, Plan, http, ranged
from medusa.tools import Tools
from tests.integration.source_kit import Reports, Server, folder_handler, serving, serving_untrusted, sha256, tool_box

BODY = bytes(range(256)) * 4000
BIG = bytes(range(256)) * 14000


async def plan_of(server: Server, tools: Tools, workdir: Path, path: str = "/file.bin") -> Plan:
    plan = await http.resolve(Order(server.url(path)), workdir, tools, Reports())
    assert plan is not None
    return plan


async def fetch(plan: Plan, tools: Tools, workdir: Path) -> LocalFile:
    return await http.fetch(plan, Order(plan.link), workdir, tools, Reports())


class Flaky:
    """Serves one body with ranges and a version; the first answers break off after the bytes that ``cuts`` name."""

    def __init__(self, body: bytes, *, cuts: Sequence[int] = (), etag: str = '"v1"', ranges: bool = True) -> None:
        self.body = body
        self.cuts = list(cuts)
        self.etag = etag
        self.ranges = ranges

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        start, end = self._span(request)
        status = 206 if self.ranges and "Range" in request.headers and start is not None else 200
        first = start or 0
        last = min(end if end is not None else len(self.body) - 1, len(self.body) - 1)
        response = web.StreamResponse(status=status)
        if self.etag:
            response.headers["ETag"] = self.etag
        if status == 206:
            response.headers["Content-Range"] = f"bytes {first}-{last}/{len(self.body)}"
        response.content_length = last - first + 1
        await response.prepare(request)
        data = self.body[first : last + 1]
        if self.cuts and len(data) > 4096:
            await response.write(data[: self.cuts.pop(0)])
            await asyncio.sleep(0.05)
            assert request.transport is not None
            request.transport.abort()
            return response
        await response.write(data)
        return response

    def _span(self, request: web.Request) -> tuple[int | None, int | None]:
        if not self.ranges or "Range" not in request.headers:
            return None, None
        if request.headers.get("If-Range", self.etag) != self.etag:
            return None, None
        first, _, last = request.headers["Range"].removeprefix("bytes=").partition("-")
        return int(first), int(last) if last else None


async def test_a_file_arrives_whole_with_progress(tmp_path: Path) -> None:
    async with serving(Flaky(BODY)) as server, tool_box(server) as tools:
        plan = await plan_of(server, tools, tmp_path, "/a/my%20talk.pdf?x=1")
        reports = Reports()
        file = await http.fetch(plan, Order(plan.link), tmp_path, tools, reports)
    assert (plan.name, plan.size) == ("my talk.pdf", len(BODY))
    assert (file.name, file.mime) == ("my talk.pdf", "application/pdf")
    assert sha256(file.path.read_bytes()) == sha256(BODY)
    assert reports.seen[-1].done == reports.seen[-1].total == len(BODY)
    assert [entry.name for entry in tmp_path.iterdir()] == [file.path.name]


async def test_a_second_call_finds_the_finished_file(tmp_path: Path) -> None:
    async with serving(Flaky(BODY)) as server, tool_box(server) as tools:
        plan = await plan_of(server, tools, tmp_path)
        first = await fetch(plan, tools, tmp_path)
        asked = len(server.requests)
        assert await fetch(plan, tools, tmp_path) == first
        assert len(server.requests) == asked


async def test_a_broken_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async with serving(Flaky(BODY, cuts=(300_000, 0))) as server, tool_box(server) as tools:
        plan = await plan_of(server, tools, tmp_path)
        with pytest.raises(Transient, match="broke off"):
            await fetch(plan, tools, tmp_path)
        have = (tmp_path / "download.part").stat().st_size
        assert 0 < have <= 300_000
        file = await fetch(plan, tools, tmp_path)
        assert server.requests[-1].headers["Range"] == f"bytes={have}-"
        assert server.requests[-1].headers["If-Range"] == '"v1"'
    assert file.path.read_bytes() == BODY


async def test_tries_that_gain_ground_follow_at_once(tmp_path: Path) -> None:
    async with serving(Flaky(BIG, cuts=(1_500_000, 70_000))) as server, tool_box(server) as tools:
        file = await fetch(await plan_of(server, tools, tmp_path), tools, tmp_path)
        assert len(server.requests) == 4
    assert sha256(file.path.read_bytes()) == sha256(BIG)


async def test_a_file_that_changed_meanwhile_starts_over(tmp_path: Path) -> None:
    flaky = Flaky(BODY, cuts=(300_000, 0))
    async with serving(flaky) as server, tool_box(server) as tools:
        plan = await plan_of(server, tools, tmp_path)
        with pytest.raises(Transient):
            await fetch(plan, tools, tmp_path)
        flaky.body, flaky.etag = BODY[::-1], '"v2"'
        file = await fetch(plan, tools, tmp_path)
    assert file.path.read_bytes() == BODY[::-1]


@pytest.mark.parametrize(("etag", "ranges"), [('"v1"', False), ("", True)])
async def test_without_ranges_or_a_version_it_starts_over(tmp_path: Path, etag: str, ranges: bool) -> None:
    flaky = Flaky(BODY, cuts=(300_000, 0), etag=etag, ranges=ranges)
    async with serving(flaky) as server, tool_box(server) as tools:
        plan = Plan(server.url("/file.bin"), "file", "file.bin", None, {"mime": "application/x-thing"})
        with pytest.raises(Transient):
            await fetch(plan, tools, tmp_path)
        file = await fetch(plan, tools, tmp_path)
    assert file.path.read_bytes() == BODY


async def test_a_server_that_lost_its_place_is_started_over(tmp_path: Path) -> None:
    flaky = Flaky(BODY, cuts=(300_000, 0))
    async with serving(flaky) as server, tool_box(server) as tools:
        plan = await plan_of(server, tools, tmp_path)
        with pytest.raises(Transient):
            await fetch(plan, tools, tmp_path)
        with (tmp_path / "download.part").open("ab") as part:
            part.truncate(len(BODY) + 5)

        async def lost(request: web.Request) -> web.StreamResponse:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(BODY)}"})

        server._handler = lost
        with pytest.raises(Transient, match="lost its place"):
            await fetch(plan, tools, tmp_path)
        server._handler = flaky
        file = await fetch(plan, tools, tmp_path)
    assert file.path.read_bytes() == BODY


async def test_a_download_that_was_complete_but_not_renamed_is_taken(tmp_path: Path) -> None:
    async with serving(folder_handler(tmp_path)) as server, tool_box(server) as tools:
        (tmp_path / "file.bin").write_bytes(BODY)
        work = tmp_path / "work"
        work.mkdir()
        plan = await plan_of(server, tools, work)
        version = (await _etag(server, tools)) or ""
        (work / "download.part").write_bytes(BODY)
        (work / "download.json").write_text(json.dumps({"version": version, "size": len(BODY)}))
        file = await fetch(plan, tools, work)
    assert file.path.read_bytes() == BODY


async def _etag(server: Server, tools: Tools) -> str | None:
    async with tools.web.get(server.url("/file.bin")) as answer:
        return answer.headers.get("ETag")


@pytest.mark.parametrize(
    ("status", "headers", "kind", "words"),
    [
        (404, {}, UserError, "dead"),
        (410, {}, UserError, "dead"),
        (401, {}, UserError, "login"),
        (403, {}, UserError, "private"),
        (451, {}, UserError, "law"),
        (400, {}, UserError, "does not accept"),
        (429, {"Retry-After": "77"}, Transient, "alone"),
        (503, {}, Transient, "busy"),
        (500, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, Transient, "busy"),
    ],
)
async def test_statuses(
    tmp_path: Path, status: int, headers: dict[str, str], kind: type[MedusaError], words: str
) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers=headers, body=b"no")

    async with serving(refuse) as server, tool_box(server) as tools:
        with pytest.raises(kind, match=words) as refusal:
            await plan_of(server, tools, tmp_path)
    if "77" in headers.values():
        assert refusal.value.retry_after == 77


async def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.bin").touch()
    async with serving(folder_handler(tmp_path)) as server, tool_box(server) as tools:
        with pytest.raises(UserError, match="empty"):
            await plan_of(server, tools, tmp_path, "/empty.bin")


async def test_an_announced_size_over_the_limit_is_refused(tmp_path: Path) -> None:
    async with serving(Flaky(BODY)) as server, tool_box(server, max_bytes=1000) as tools:
        with pytest.raises(UserError, match="too big"):
            await plan_of(server, tools, tmp_path)


async def test_bytes_over_the_limit_are_counted(tmp_path: Path) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for _ in range(64):
            await response.write(b"x" * 65536)
        return response

    async with serving(endless) as server, tool_box(server, max_bytes=1_500_000) as tools:
        plan = await plan_of(server, tools, tmp_path)
        assert plan.size is None
        with pytest.raises(UserError, match="too big"):
            await fetch(plan, tools, tmp_path)
    assert (tmp_path / "download.part").stat().st_size <= 1_500_000


async def test_a_page_in_place_of_the_file_is_not_taken_for_it(tmp_path: Path) -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>log in</html>", content_type="text/html")

    async with serving(Flaky(BODY)) as server, tool_box(server) as tools:
        plan = await plan_of(server, tools, tmp_path)
        server._handler = page
        with pytest.raises(UserError, match="web page"):
            await fetch(plan, tools, tmp_path)


PAGE = b"<!doctype html><title>x</title>"
PLAYLIST = b"#EXTM3U\n#EXT-X-VERSION:3\n"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html; charset=utf-8", PAGE),
        ("text/plain", b"\n  " + PAGE),
        ("application/vnd.apple.mpegurl", b"whatever"),
        ("application/octet-stream", PLAYLIST),
        ("text/xml", b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>'),
    ],
)
async def test_pages_and_manifests_are_left_to_others(tmp_path: Path, kind: str, body: bytes) -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers={"Content-Type": kind})

    async with serving(page) as server, tool_box(server) as tools:
        assert await http.resolve(Order(server.url("/x")), tmp_path, tools, Reports()) is None


async def test_a_gzipped_answer_is_unpacked(tmp_path: Path) -> None:
    async def packed(request: web.Request) -> web.StreamResponse:
        response = web.Response(body=BODY, headers={"ETag": '"v1"'})
        response.enable_compression(web.ContentCoding.gzip)
        return response

    async with serving(packed) as server, tool_box(server) as tools:
        plan = await plan_of(server, tools, tmp_path)
        file = await fetch(plan, tools, tmp_path)
    assert plan.size is None
    assert file.path.read_bytes() == BODY


@pytest.mark.parametrize(
    "link",
    [
        "ftp://example.com/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "example.com/x",
        "http://",
        "http://[::1",
        "http://a b/",
    ],
)
async def test_what_is_no_web_link_is_refused(tmp_path: Path, link: str) -> None:
    async with tool_box() as tools:
        with pytest.raises(UserError, match=r"http:// or https://|not a valid link"):
            await sources.resolve(Order(link), tmp_path, tools, Reports())


SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "0",
    "2130706433",
    "0x7f000001",
    "017700000001",
    "localhost",
    "[::ffff:127.0.0.1]",
    "[::1]",
]


@pytest.mark.parametrize("host", [*SPELLINGS, "１２７.0.0.1", "127.0.0.1."])
@pytest.mark.parametrize("redirected", [False, True])
async def test_private_addresses_are_never_reached(tmp_path: Path, host: str, redirected: bool) -> None:
    async with serving(Flaky(BODY)) as secret:
        target = f"http://{host}:{secret.port}/file.bin"

        async def redirect(request: web.Request) -> web.StreamResponse:
            raise web.HTTPFound(target)

        async with serving(redirect) as server, tool_box(server) as tools:
            link = server.url("/a") if redirected else target
            with pytest.raises(UserError, match=r"private network|not a valid link"):
                await http.resolve(Order(link), tmp_path, tools, Reports())
        assert not secret.requests


async def test_a_name_on_the_allow_list_is_reached_by_that_name(tmp_path: Path) -> None:
    async with serving(Flaky(BODY)) as server:
        link = f"http://localhost:{server.port}/x"
        async with open_web(Guard([f"localhost:{server.port}"])) as client, client.get(link) as answer:
            assert answer.status == 200
        async with open_web(Guard([])) as client:
            with pytest.raises(UserError, match="private network"):
                await client.get(link).__aenter__()
        assert len(server.requests) == 1


async def test_a_redirect_to_another_scheme_and_in_circles(tmp_path: Path) -> None:
    async def redirect(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("ftp://example.com/" if request.path == "/ftp" else request.path)

    async with serving(redirect) as server, tool_box(server) as tools:
        with pytest.raises(UserError, match="not http"):
            await plan_of(server, tools, tmp_path, "/ftp")
        with pytest.raises(UserError, match="circles"):
            await plan_of(server, tools, tmp_path, "/round")


async def test_a_closed_port_and_a_dead_host(tmp_path: Path) -> None:
    async with serving(Flaky(BODY)) as server:
        gone = server
    async with tool_box(gone) as tools:
        with pytest.raises(Transient, match="refuses connections"):
            await plan_of(gone, tools, tmp_path)
        # Without any name server the same name is "cannot be looked up", which passes.
        with pytest.raises(MedusaError, match=r"no-such-host\.invalid"):
            await http.resolve(Order("http://no-such-host.invalid/x"), tmp_path, tools, Reports())


async def test_a_server_that_speaks_no_http(tmp_path: Path) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 smtp ready\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        fake = Server(Flaky(BODY))
        fake.port = server.sockets[0].getsockname()[1]
        async with tool_box(fake) as tools:
            with pytest.raises(MedusaError, match="proper HTTP"):
                await plan_of(fake, tools, tmp_path)


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    async with serving_untrusted(tmp_path) as server, tool_box(server) as tools:
        with pytest.raises(UserError, match="certificate"):
            await http.resolve(Order(server.url("/x").replace("http:", "https:")), tmp_path, tools, Reports())


async def test_a_stream_whose_server_refuses_the_whole_is_left_to_the_source(tmp_path: Path) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        if "Range" not in request.headers:
            return web.Response(status=403)
        headers = {"Content-Range": "bytes 0-2047/9000000", "ETag": '"a"'}
        return web.Response(status=206, body=bytes(2048), headers=headers)

    async with serving(handle) as server, tool_box(server) as tools:
        stream = await ranged.measured(ByteStream(server.url("/v.mp4"), "v.mp4", "video/mp4", None), tools)
        assert stream is not None
        assert (stream.size, stream.version) == (9_000_000, '"a"')
        with pytest.raises(StreamBroken, match="private"):
            await anext(ranged.read(stream, 0, tools))


async def test_a_file_that_changed_behind_a_server_deaf_to_if_range_starts_over(tmp_path: Path) -> None:
    """Its partial answers name no version; only the size gives it away."""
    flaky = Flaky(BODY, cuts=(300_000, 0))
    async with serving(flaky) as server, tool_box(server) as tools:
        plan = await plan_of(server, tools, tmp_path)
        with pytest.raises(Transient):
            await fetch(plan, tools, tmp_path)

        async def deaf(request: web.Request) -> web.StreamResponse:
            whole = BODY[::-1] + b"more"
            if "Range" not in request.headers:
                return web.Response(body=whole)
            start = int(request.headers["Range"].removeprefix("bytes=").partition("-")[0])
            headers = {"Content-Range": f"bytes {start}-{len(whole) - 1}/{len(whole)}"}
            return web.Response(status=206, body=whole[start:], headers=headers)

        server._handler = deaf
        with pytest.raises(Transient, match="starting again"):
            await fetch(plan, tools, tmp_path)
        file = await fetch(await plan_of(server, tools, tmp_path), tools, tmp_path)
    assert file.path.read_bytes() == BODY[::-1] + b"more"


async def test_what_comes_in_place_of_the_file_is_not_taken_for_it(tmp_path: Path) -> None:
    async def expired(request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": "link expired"})

    async with serving(Flaky(BODY)) as server, tool_box(server) as tools:
        plan = await plan_of(server, tools, tmp_path)
        server._handler = expired
        with pytest.raises(UserError, match="something else"):
            await fetch(plan, tools, tmp_path)


async def test_a_malformed_body_breaks_off_and_never_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """aiohttp alone would wait for ever, or raise RuntimeError to a slow reader."""
    monkeypatch.setattr("medusa.net.web._TIMEOUT", aiohttp.ClientTimeout(sock_read=1))

    async def malformed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"400000\r\n" + bytes(0x400000) + b"\r\n")
        await writer.drain()
        writer.write(b"ZZZ\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(malformed, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with open_web(Guard([f"127.0.0.1:{port}"])) as client:
            with pytest.raises((Transient, Broken)):
                async with client.get(f"http://127.0.0.1:{port}/") as answer, asyncio.timeout(10):
                    async for _ in answer.chunks():
                        await asyncio.sleep(0.01)


async def test_a_connection_that_breaks_all_the_time_still_delivers(tmp_path: Path) -> None:
    async with serving(Flaky(BODY, cuts=[100_000] * 8)) as server, tool_box(server) as tools:
        plan = await plan_of(server, tools, tmp_path)
        assert plan.stream is not None
        assert b"".join([chunk async for chunk in ranged.read(plan.stream, 0, tools)]) == BODY
