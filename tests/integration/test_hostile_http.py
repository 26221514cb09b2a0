"""Servers that bait, bomb, stall and lie: each ends in plain words, within bounds, and learns nothing."""

import asyncio
import base64
import gzip
import random
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import web

from medusa.errors import Broken, MedusaError, Transient, UserError
from medusa.model import Order
from medusa.net import Guard, Web, open_web
from medusa.sources import http
from tests.integration.source_kit import Reports, Server, serving, tool_box

OK = b"HTTP/1.1 200 OK\r\n"
Talk = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[Server]:
    """A server that reads the head of a request and then writes what it likes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await talk(writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has had enough
        finally:
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listener:
        server = Server(_nobody)
        server.port = listener.sockets[0].getsockname()[1]
        yield server


async def _nobody(_: web.Request) -> web.StreamResponse:
    raise AssertionError("only the port of this server is used")


def saying(*pieces: bytes) -> Talk:
    async def talk(writer: asyncio.StreamWriter) -> None:
        writer.writelines(pieces)

    return talk


def forever(start: bytes, piece: bytes, pause: float = 0.0) -> Talk:
    async def talk(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return talk


@asynccontextmanager
async def client(*servers: Server) -> AsyncIterator[Web]:
    async with open_web(Guard([f"127.0.0.1:{server.port}" for server in servers])) as web_client:
        yield web_client


async def body(web_client: Web, link: str, most: int = 10**9, pause: float = 0.0) -> bytes:
    """Read a body as a source does; no piece may be larger than it is said to be."""
    data = b""
    async with web_client.get(link) as answer:
        async for chunk in answer.chunks():
            assert len(chunk) <= 256 * 1024
            data += chunk
            if len(data) > most:
                raise UserError("enough")
            await asyncio.sleep(pause)
    return data


def packed(kind: str, size: int) -> bytes:
    return gzip.compress(bytes(size)) if kind == "gzip" else zlib.compress(bytes(size))


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
async def test_a_bomb_is_unpacked_bit_by_bit_and_only_up_to_the_limit(kind: str, tmp_path: Path) -> None:
    bomb = packed(kind, 100_000_000)
    head = OK + f"Content-Encoding: {kind}\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    async with talking(saying(head, bomb)) as server, tool_box(server, max_bytes=3_000_000) as tools:
        with pytest.raises(UserError, match="enough"):
            await body(tools.web, server.url(), most=2_000_000)
        order = Order(server.url("/a.bin"))
        plan = await http.resolve(order, tmp_path, tools, Reports())
        assert plan is not None
        with pytest.raises(UserError, match="too big"):
            await http.fetch(plan, order, tmp_path, tools, Reports())
    assert (tmp_path / "download.part").stat().st_size <= 3_000_000


@pytest.mark.parametrize("kind", ["br", "zstd", "gzip", "deflate", "compress, gzip", "x" * 5000])
async def test_a_coding_that_is_none_is_refused_or_taken_as_it_is(kind: str) -> None:
    head = OK + f"Content-Encoding: {kind}\r\nContent-Length: 12\r\n\r\n".encode()
    async with talking(saying(head, b"not packed..")) as server, client(server) as web_client:
        try:
            assert await body(web_client, server.url()) == b"not packed.."
        except MedusaError as error:
            assert "127.0.0.1" in error.user_text


@pytest.mark.parametrize("kind", ["br", "zstd", "x-evil", "compress, gzip"])
async def test_a_file_that_nobody_can_unpack_is_not_taken_for_what_it_says(kind: str, tmp_path: Path) -> None:
    head = OK + f"Content-Type: video/mp4\r\nContent-Encoding: {kind}\r\nContent-Length: 12\r\n\r\n".encode()
    async with talking(saying(head, b"not packed..")) as server, tool_box(server) as tools:
        with pytest.raises(MedusaError):
            await http.resolve(Order(server.url("/a.mp4")), tmp_path, tools, Reports())


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/", "data:text/plain,x", "javascript:alert(1)", "gopher://x/"]
)
async def test_redirects_off_the_web_are_refused(target: str) -> None:
    head = f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()
    async with talking(saying(head)) as server, client(server) as web_client:
        with pytest.raises(UserError, match="not http or https"):
            await body(web_client, server.url())


@pytest.mark.parametrize(
    "target", [b"http://[", b"http://", b"//", b"\xff\xfe", b"http://a b/", b"http:///x", b"x" * 4000]
)
async def test_redirects_to_nowhere_end_in_words(target: bytes) -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: " + target + b"\r\nContent-Length: 0\r\n\r\n"
    async with talking(saying(head)) as server, client(server) as web_client:
        with pytest.raises(MedusaError) as refusal:
            await body(web_client, server.url())
    assert len(refusal.value.user_text) < 200


async def test_redirects_that_go_on_for_ever_are_left_after_ten() -> None:
    count = 0

    async def on(request: web.Request) -> web.StreamResponse:
        nonlocal count
        count += 1
        raise web.HTTPFound(f"/{count}")

    async with serving(on) as server, client(server) as web_client:
        with pytest.raises(UserError, match="circles"):
            await body(web_client, server.url())
    assert count == 11


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(forever(OK, b"X", 0.02), id="a header byte by byte"),
        pytest.param(forever(OK, b"X-A: b\r\n", 0.02), id="headers without end, slowly"),
        pytest.param(forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001), id="only announcements"),
        pytest.param(forever(b"", b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n", 0.001), id="only hints"),
    ],
)
async def test_an_answer_that_never_begins_is_given_up(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medusa.net.web._HEAD_SECONDS", 0.5)
    async with talking(talk) as server, client(server) as web_client:
        with pytest.raises((Transient, Broken)):
            await body(web_client, server.url())


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(forever(OK + b"X: ", b"y" * 4096), id="one header"),
        pytest.param(forever(OK, b"X-A: b\r\n" * 100), id="many headers"),
        pytest.param(forever(b"", b"y" * 4096), id="status line"),
        pytest.param(forever(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1" * 4096), id="size of a chunk"),
        pytest.param(saying(b"<html>version 0.9</html>"), id="HTTP/0.9"),
        pytest.param(saying(b"HTTP/9.9 200 OK\r\n\r\n"), id="another version"),
        pytest.param(saying(b"HTTP/1.1 2000 OK\r\n\r\n"), id="another status"),
        pytest.param(saying(OK + b"Content-Length: -1\r\n\r\nxx"), id="negative length"),
        pytest.param(saying(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), id="two lengths"),
        pytest.param(saying(OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\nxx"), id="both lengths"),
        pytest.param(saying(b""), id="nothing"),
    ],
)
async def test_an_answer_that_is_none_is_refused_at_once(talk: Talk) -> None:
    async with talking(talk) as server, client(server) as web_client, asyncio.timeout(20):
        with pytest.raises((Transient, Broken)) as refusal:
            await body(web_client, server.url())
    assert len(refusal.value.user_text) < 200


async def test_more_bytes_than_announced_are_not_taken() -> None:
    head = OK + b"Content-Length: 5\r\n\r\n"
    async with talking(saying(head, b"12345", b"HTTP/1.1 200 OK\r\n\r\nmore")) as server, client(server) as web_client:
        assert await body(web_client, server.url()) == b"12345"


async def test_headers_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    name = b'attachment; filename="\xff\xfe../../\x80.bin"'
    head = (
        OK + b"Content-Type: \xff/\xfe\r\nContent-Disposition: " + name + b"\r\nETag: \x80\r\nContent-Length: 3\r\n\r\n"
    )
    async with talking(saying(head, b"abc")) as server, tool_box(server) as tools:
        plan = await http.resolve(Order(server.url("/x")), tmp_path, tools, Reports())
    assert plan is not None
    assert plan.name is not None
    assert plan.name.encode()
    assert "/" not in plan.name


async def test_a_trickle_is_given_up_and_what_came_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medusa.net.floor.SECONDS", 0.4)
    start = OK + b'Content-Length: 900000\r\nAccept-Ranges: bytes\r\nETag: "1"\r\n\r\n' + bytes(4096)
    async with talking(forever(start, b"x", 0.02)) as server, tool_box(server) as tools:
        order = Order(server.url("/a.bin"))
        plan = await http.resolve(order, tmp_path, tools, Reports())
        assert plan is not None
        monkeypatch.setattr("medusa.sources.ranged._WEAK_TRIES", 1)
        with pytest.raises(Transient, match="sends next to nothing"):
            await http.fetch(plan, order, tmp_path, tools, Reports())
    assert (tmp_path / "download.part").stat().st_size > 4096


async def test_a_slow_reader_is_not_taken_for_a_slow_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medusa.net.floor.SECONDS", 0.3)
    monkeypatch.setattr("medusa.net.floor.BYTES", 10**9)
    data = bytes(2_000_000)
    head = OK + b"Content-Length: %d\r\n\r\n" % len(data)
    async with talking(saying(head, data)) as server, client(server) as web_client:
        assert await body(web_client, server.url(), pause=0.1) == data


PIECES = (
    *(
        b"HTTP/1.1 ",
        b"HTTP/1.0 ",
        b"HTTP/9 ",
        b"200",
        b"206",
        b"302",
        b"416",
        b"101",
        b"204",
        b"999",
        b" OK",
        b"\r\n",
        b"\n",
    ),
    *(
        b"\r\n\r\n",
        b"\r",
        b"\0",
        b"\xff\xfe",
        b"x" * 9000,
        b"9" * 5000,
        b"0\r\n\r\n",
        b"5\r\nabcde\r\n",
        b"-1",
        b"a: b",
    ),
    *(b"Content-Length: ", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n"),
    *(
        b"Content-Encoding: deflate\r\n",
        b"Location: ",
        b"Location: http://[\r\n",
        b"Location: //\r\n",
        b"Location: /x\r\n",
    ),
    *(
        b"Content-Range: bytes 0-1/",
        b"Content-Type: text/html\r\n",
        b"Set-Cookie: a=b\r\n",
        b"Connection: close\r\n",
        b": ",
    ),
)


async def test_whatever_a_server_says_it_ends_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medusa.net.web._HEAD_SECONDS", 5)
    dice = random.Random(12)

    async def babble(writer: asyncio.StreamWriter) -> None:
        writer.write(dice.choice((OK, b"", b"HTTP/1.1 206 Partial Content\r\n")))
        writer.writelines(dice.choices(PIECES, k=dice.randrange(1, 12)))

    async with talking(babble) as server, tool_box(server) as tools:
        for _ in range(150):
            with suppress(MedusaError):
                await http.resolve(Order(server.url("/x")), tmp_path, tools, Reports())


class Diary:
    """A server that writes down the headers it gets, sets a cookie, and redirects to wherever it is told."""

    def __init__(self, to: str = "") -> None:
        self.to = to
        self.seen: list[Mapping[str, str]] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request.headers)
        answer = web.Response(status=302 if self.to else 200, body=b"ok")
        answer.set_cookie("track", "me", domain="127.0.0.1")
        answer.headers["Set-Cookie2"] = "x=y"
        if self.to:
            answer.headers["Location"] = self.to
        return answer


SECRET = {"Authorization": "Bearer hush", "Cookie": "session=hush", "X-Access-Token": "hush"}


async def test_secrets_and_cookies_stay_with_their_host() -> None:
    stranger = Diary()
    async with serving(stranger) as there:
        own = Diary(there.url("/file"))
        async with serving(own) as here, client(here, there) as web_client:
            async with web_client.get(here.url("/x"), {**SECRET, "Range": "bytes=0-1", "Referer": "r"}) as answer:
                assert answer.status == 200
            await body(web_client, there.url("/again"))
    assert own.seen[0]["X-Access-Token"] == own.seen[0]["Cookie"].removeprefix("session=") == "hush"
    assert (stranger.seen[0]["Range"], stranger.seen[0]["Referer"]) == ("bytes=0-1", "r")
    for headers in stranger.seen:
        assert "hush" not in str(headers)
        assert "Cookie" not in headers


async def test_secrets_go_along_within_their_host() -> None:
    diary = Diary("/there")
    async with serving(diary) as server, client(server) as web_client:
        link = server.url("/x").replace("http://", "http://me:pass@")
        with pytest.raises(UserError, match="circles"):
            await body(web_client, link)
    expected = "Basic " + base64.b64encode(b"me:pass").decode()
    assert {headers["Authorization"] for headers in diary.seen} == {expected}
