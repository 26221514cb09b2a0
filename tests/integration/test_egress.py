"""The proxy of children: tokens, both forms of requests, and no way into a private network."""

import asyncio
import base64
import contextlib
import gc
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from medusa.errors import Transient, UserError
from medusa.net import Egress, Guard, Lease, open_egress
from tests.integration.source_kit import Server, serving


async def echo(request: web.Request) -> web.StreamResponse:
    body = await request.read()
    return web.json_response(
        {
            "method": request.method,
            "target": request.path_qs,
            "host": request.host,
            "size": len(body),
            "headers": dict(request.headers),
        }
    )


@asynccontextmanager
async def way_out(*servers: Server) -> AsyncIterator[Egress]:
    async with open_egress(Guard([f"127.0.0.1:{server.port}" for server in servers])) as egress:
        yield egress


async def raw(egress_url: str, data: bytes) -> bytes:
    """Send bytes to the proxy as they are, and return all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(egress_url).port)
    writer.write(data)
    answer = b""
    # A connection that is closed with something unread in it ends with a reset.
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(20):
            answer = await reader.read()
    writer.close()
    return answer


def credentials(lease: Lease, *, token: str | None = None) -> str:
    password = token if token is not None else urlsplit(lease.url).password
    return "Proxy-Authorization: Basic " + base64.b64encode(f"job:{password}".encode()).decode()


async def test_a_plain_request_goes_through_in_origin_form_without_the_token() -> None:
    async with serving(echo) as server, way_out(server) as egress, aiohttp.ClientSession() as session:
        with egress.lease() as lease:
            async with session.post(server.url("/a%20b?c=d&e"), data=b"x" * 300_000, proxy=lease.url) as answer:
                seen = await answer.json()
                assert answer.headers["Connection"] == "close"
    assert (seen["method"], seen["target"], seen["size"]) == ("POST", "/a%20b?c=d&e", 300_000)
    assert seen["host"] == f"127.0.0.1:{server.port}"
    assert not [name for name in seen["headers"] if name.lower().startswith("proxy")]


async def test_a_tunnel_carries_bytes_both_ways() -> None:
    async def upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line.upper())
        writer.close()

    upstream = await asyncio.start_server(upper, "127.0.0.1", 0)
    port = upstream.sockets[0].getsockname()[1]
    async with upstream, open_egress(Guard([f"127.0.0.1:{port}"])) as egress:
        with egress.lease() as lease:
            reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(lease.url).port)
            writer.write(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n{credentials(lease)}\r\n\r\n".encode())
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            writer.write(b"hello\nworld\n")
            assert await reader.readline() == b"HELLO\n"
            assert await reader.readline() == b"WORLD\n"
            writer.close()


@pytest.mark.parametrize(
    "header",
    ["", "Proxy-Authorization: Basic bm9uc2Vuc2U=", "Proxy-Authorization: Basic ÿ", "Proxy-Authorization: Bearer x"],
)
async def test_without_a_valid_token_there_is_no_way(header: str) -> None:
    async with serving(echo) as server, way_out(server) as egress:
        with egress.lease() as lease:
            head = f"GET {server.url('/')} HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".replace("\r\n\r\n\r\n", "\r\n\r\n")
            answer = await raw(lease.url, head.encode("latin-1"))
        assert answer.startswith(b"HTTP/1.1 407 ")
        assert b"Proxy-Authenticate: Basic" in answer
        assert not server.requests


async def test_a_token_ends_with_its_block_and_so_do_its_connections() -> None:
    async with serving(echo) as server, way_out(server) as egress:
        with egress.lease() as lease:
            reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(lease.url).port)
            writer.write(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n{credentials(lease)}\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()
        late = await raw(
            lease.url, f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n{credentials(lease)}\r\n\r\n".encode()
        )
    assert late.startswith(b"HTTP/1.1 407 ")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "0", "127.1", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "１２７.１"]
)
@pytest.mark.parametrize("tunnel", [False, True])
async def test_private_addresses_are_refused_in_every_spelling(host: str, tunnel: bool) -> None:
    async with serving(echo) as secret, way_out() as egress:
        with egress.lease() as lease:
            target = f"CONNECT {host}:{secret.port}" if tunnel else f"GET http://{host}:{secret.port}/"
            answer = await raw(lease.url, f"{target} HTTP/1.1\r\n{credentials(lease)}\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 403 ")
            assert isinstance(lease.error, UserError)
        assert not secret.requests


async def test_ports_are_kept_to() -> None:
    async with way_out() as egress:
        with egress.lease() as lease:
            answer = await raw(lease.url, f"CONNECT 1.1.1.1:25 HTTP/1.1\r\n{credentials(lease)}\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 403 ")
            assert "Port 25" in str(lease.error)


@pytest.mark.parametrize(
    "line",
    [
        "GET / HTTP/1.1",
        "GET ftp://127.0.0.1/ HTTP/1.1",
        "GET http:/// HTTP/1.1",
        "CONNECT 127.0.0.1 HTTP/1.1",
        "CONNECT 127.0.0.1:99999 HTTP/1.1",
        "CONNECT a\0b:443 HTTP/1.1",
        "GET http://a\nb/ HTTP/1.1",
        "nonsense",
    ],
)
async def test_other_forms_of_requests_are_refused(line: str) -> None:
    async with way_out() as egress:
        with egress.lease() as lease:
            answer = await raw(lease.url, f"{line}\r\n{credentials(lease)}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Transfer-Encoding: chunked", b"411"),
        ("Content-Length: -5", b"400"),
        ("Content-Length: x", b"400"),
        (f"Content-Length: {'9' * 5000}", b"400"),
    ],
)
async def test_bodies_of_unknown_length_are_refused(header: str, status: bytes) -> None:
    async with serving(echo) as server, way_out(server) as egress:
        with egress.lease() as lease:
            head = f"POST {server.url('/')} HTTP/1.1\r\n{credentials(lease)}\r\n{header}\r\n\r\n"
            answer = await raw(lease.url, head.encode())
        assert answer.split()[1] == status


async def test_a_second_request_in_the_same_connection_goes_nowhere() -> None:
    async with serving(echo) as secret, serving(echo) as server, way_out(server) as egress:
        with egress.lease() as lease:
            first = f"GET {server.url('/one')} HTTP/1.1\r\n{credentials(lease)}\r\n\r\n"
            second = f"GET {secret.url('/two')} HTTP/1.1\r\n{credentials(lease)}\r\n\r\n"
            answer = await raw(lease.url, (first + second).encode())
        assert answer.count(b"HTTP/1.1 200") == 1
        assert [request.path for request in server.requests] == ["/one"]
        assert not secret.requests


async def test_a_server_that_is_gone_is_told_apart() -> None:
    async with serving(echo) as server:
        pass
    async with way_out(server) as egress:
        with egress.lease() as lease:
            answer = await raw(lease.url, f"GET {server.url('/')} HTTP/1.1\r\n{credentials(lease)}\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 502 ")
            assert isinstance(lease.error, Transient)


async def test_a_head_without_end_is_cut_off() -> None:
    async with way_out() as egress:
        with egress.lease() as lease:
            assert await raw(lease.url, b"GET http://x/ HTTP/1.1\r\nX: " + b"y" * 200_000) == b""


async def test_errors_of_the_block_pass_as_they_are() -> None:
    with pytest.raises(UserError, match="as it is"):
        async with way_out():
            raise UserError("as it is")


PIECES = (
    *("GET", "CONNECT", "POST", " ", "  ", "\t", "http://", "HTTP://", "https://", "/", "//"),
    *("@", ":", "::", "[", "]", "?"),
    *("127.0.0.1", "[::1]", "a.test", "a\0b", "１", "\xff", "%00", "x" * 300, ".", "..", "80", "443", "99999", "-1"),
    *(" HTTP/1.1", " HTTP/1.0", " HTTP/2", "\r\n", "\n", "\r", "\0", "Content-Length: ", "9" * 5000, "1e3", "Host: x"),
    *("Transfer-Encoding: chunked", "Expect: 100-continue", "Connection: upgrade", "Proxy-Authorization: Basic "),
)


async def test_whatever_a_child_says_the_proxy_has_an_answer_or_hangs_up(caplog: pytest.LogCaptureFixture) -> None:
    dice = random.Random(11)
    async with serving(echo) as secret, way_out() as egress:
        with egress.lease() as lease:
            for _ in range(200):
                first = "".join(dice.choices(PIECES, k=dice.randrange(1, 9)))
                method = dice.choice(("GET http://", "CONNECT ", "POST http://", ""))
                more = "".join(dice.choices(PIECES, k=dice.randrange(6)))
                head = f"{method}{first} HTTP/1.1\r\n{more}\r\n{credentials(lease)}\r\n\r\n"
                answer = await raw(lease.url, head.encode())
                assert not answer or answer.split()[1] in (b"400", b"403", b"407", b"411", b"502"), head
        assert not secret.requests
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
