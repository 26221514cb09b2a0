"""Servers that bait and stall a child: the proxy ends the connection, and the lease says why."""

import asyncio

import pytest

from medusa.errors import Transient, UserError
from medusa.net import Guard, Lease, open_egress
from tests.integration.source_kit import Server
from tests.integration.test_egress import credentials, raw
from tests.integration.test_hostile_http import OK, Talk, forever, saying, talking


async def through_proxy(server: Server, most: int | None = None, *, tunnel: bool = False) -> tuple[bytes, Lease]:
    """What a child gets that asks for the server's file, and its lease."""
    async with open_egress(Guard([f"127.0.0.1:{server.port}"])) as egress:
        with egress.lease(most) as lease:
            ask = f"CONNECT 127.0.0.1:{server.port}" if tunnel else f"GET {server.url()}"
            head = f"{ask} HTTP/1.1\r\n{credentials(lease)}\r\n\r\n{'GET / HTTP/1.1' if tunnel else ''}"
            return await raw(lease.url, f"{head}\r\n\r\n".encode() if tunnel else head.encode()), lease


@pytest.mark.parametrize("tunnel", [False, True])
async def test_a_child_gets_no_more_than_its_lease_grants(tunnel: bool) -> None:
    async with talking(forever(OK + b"\r\n", b"z" * 65536)) as server:
        got, lease = await through_proxy(server, 1_000_000, tunnel=tunnel)
    assert 500_000 < len(got) <= 1_000_000
    assert isinstance(lease.error, UserError)
    assert "too much" in lease.error.user_text


@pytest.mark.parametrize("tunnel", [False, True])
async def test_a_trickle_for_a_child_is_given_up(tunnel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medusa.net.floor.SECONDS", 0.4)
    async with talking(forever(OK + b"\r\n", b"z", 0.02)) as server:
        got, lease = await through_proxy(server, tunnel=tunnel)
    assert len(got) < 1000
    assert isinstance(lease.error, Transient)
    assert "next to nothing" in lease.error.user_text


async def test_a_child_may_leave_a_tunnel_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is kept open brings little, seldom: only what was asked for has to come at some speed."""
    monkeypatch.setattr("medusa.net.floor.SECONDS", 0.2)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        async with open_egress(Guard([f"127.0.0.1:{port}"])) as egress:
            with egress.lease() as lease:
                reader, writer = await asyncio.open_connection(*_place(lease))
                writer.write(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n{credentials(lease)}\r\n\r\n".encode())
                await reader.readuntil(b"\r\n\r\n")
                for _ in range(4):
                    await asyncio.sleep(0.3)
                    writer.write(b"hello\n")
                    assert await reader.readline() == b"hello\n"
                writer.close()
    assert lease.error is None


def _place(lease: Lease) -> tuple[str, int]:
    return "127.0.0.1", int(lease.url.rpartition(":")[2])


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="only announcements"),
        pytest.param(forever(OK, b"X-A: b\r\n" * 100), id="many headers"),
        pytest.param(saying(b"<html>version 0.9</html>"), id="HTTP/0.9"),
    ],
)
async def test_an_answer_that_is_none_ends_the_childs_connection(talk: Talk) -> None:
    async with talking(talk) as server:
        got, _ = await through_proxy(server)
    assert got == b""


async def test_https_only_holds_for_children_too() -> None:
    async with talking(saying(OK + b"\r\n")) as server:
        guard = Guard([])
        guard.allow([f"127.0.0.0/8:{server.port}"])  # a network: the name that leads there is not spared
        guard.https_only(True)
        async with open_egress(guard) as egress:
            with egress.lease() as lease:
                token = credentials(lease)
                port = server.port
                plain = await raw(lease.url, f"GET http://localhost:{port}/ HTTP/1.1\r\n{token}\r\n\r\n".encode())
                connect = f"CONNECT localhost:{port} HTTP/1.1\r\n{token}\r\n\r\n".encode()
                tunnel = await raw(lease.url, connect + b"GET / HTTP/1.1\r\n\r\n")
                sealed = await raw(lease.url, connect + b"\x16\x03\x01 hello\r\n\r\n")
    assert plain.startswith(b"HTTP/1.1 403 ")
    assert tunnel == b"HTTP/1.1 200 Connection established\r\n\r\n"
    assert sealed.endswith(OK + b"\r\n")
    assert lease.error is not None
    assert "plain http" in lease.error.user_text


async def test_a_header_within_a_header_is_refused() -> None:
    async with talking(saying(OK + b"\r\n")) as server, open_egress(Guard([f"127.0.0.1:{server.port}"])) as egress:
        with egress.lease() as lease:
            smuggled = "X: a\nTransfer-Encoding: chunked"
            head = f"GET {server.url()} HTTP/1.1\r\n{credentials(lease)}\r\n{smuggled}\r\n\r\n"
            assert (await raw(lease.url, head.encode())).startswith(b"HTTP/1.1 400 ")
