"""Limits on real connections: uploads, our own fetches and those of children stay below them, and jobs take turns."""

import asyncio
import base64
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from medusa.net import Egress, Guard, Lease, Web, open_egress, open_web
from medusa.telegram.parts import PART_SIZE
from medusa.telegram.transfer import Uploader, new_ledger
from medusa.throttle import BURST_SECONDS, Throttle, current_flow, own_flow
from tests.integration.source_kit import Server, serving
from tests.integration.transfer_kit import lanes_to, stored, telegram

PIECE = 64 * 1024
BODY = random.Random(0).randbytes(24 * PIECE)


class Watch:
    """Notes how much has passed at which moment; ``most`` is what may pass at once."""

    def __init__(self, rate: int, most: int = 0) -> None:
        self._rate = rate
        self._most = max(most, rate * BURST_SECONDS) + 2
        self._begin = asyncio.get_running_loop().time()
        self.passed = 0

    def add(self, size: int) -> None:
        self.see(self.passed + size)

    def see(self, passed: int) -> None:
        self.passed = passed
        elapsed = asyncio.get_running_loop().time() - self._begin
        assert passed <= self._rate * elapsed + self._most


def limited(rate: int) -> Throttle:
    throttle = Throttle()
    throttle.limit(rate)
    return throttle


async def body(_: web.Request) -> web.Response:
    return web.Response(body=BODY)


class Endless:
    """A handler that sends as much as is taken, and counts it."""

    def __init__(self) -> None:
        self.sent = 0

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(BODY)
                self.sent += len(BODY)
        return response


@asynccontextmanager
async def client_of(server: Server, throttle: Throttle) -> AsyncIterator[Web]:
    async with open_web(Guard([f"127.0.0.1:{server.port}"]), throttle) as client:
        yield client


@asynccontextmanager
async def egress_to(server: Server, throttle: Throttle) -> AsyncIterator[Egress]:
    async with open_egress(Guard([f"127.0.0.1:{server.port}"]), throttle) as egress:
        yield egress


async def tunnel(lease: Lease, server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask for the server's body through a tunnel, up to its head."""
    proxy = urlsplit(lease.url)
    token = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\nProxy-Authorization: Basic {token}\r\n\r\n".encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def test_an_upload_stays_below_the_limit_and_arrives_whole(tmp_path: Path) -> None:
    path, rate = tmp_path / "file.bin", 4_000_000
    data = random.Random(1).randbytes(10 * PART_SIZE + 1)
    path.write_bytes(data)
    async with telegram() as (loopback, account), lanes_to(account, throttle=limited(rate)) as lanes:
        watch = Watch(rate, PART_SIZE)
        uploaded = await Uploader(lanes).upload(path, "f.bin", new_ledger(path), lambda _: watch.see(loopback.payload))
        assert (await stored(account, loopback, uploaded)).size == len(data)
    assert watch.passed == len(data)


async def test_an_upload_that_waits_for_the_limit_can_be_cancelled(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(bytes(4 * PART_SIZE))
    throttle = limited(20_000)
    async with telegram() as (loopback, account), lanes_to(account, throttle=throttle) as lanes:
        sent = asyncio.Event()
        upload = Uploader(lanes).upload(path, "f.bin", new_ledger(path), lambda _: sent.set())
        task = asyncio.create_task(upload)
        async with asyncio.timeout(30):
            await sent.wait()
        task.cancel()
        await asyncio.wait({task})
        assert loopback.payload == PART_SIZE
    assert not throttle._turns
    assert throttle._timer is None


@pytest.mark.parametrize("throttled", [False, True])
async def test_jobs_take_turns_at_the_lanes(throttled: bool) -> None:
    order: list[str] = []

    async def part(name: str) -> None:
        await lanes.place()
        order.append(name)

    throttle = limited(20_000) if throttled else Throttle()
    async with telegram() as (_, account), lanes_to(account, throttle=throttle) as lanes:
        taken = 0 if throttled else lanes.pace.window
        for _ in range(taken):
            await lanes.place()
        tasks = []
        for name, weight, count in (("many", 2, 6), ("few", 2, 2), ("first", 4, 4)):
            with own_flow(weight):
                tasks += [asyncio.create_task(part(name)) for _ in range(count)]
        await asyncio.sleep(0)
        throttle.limit(10_000_000 if throttled else None)
        for count in range(1, len(tasks) + 1):
            if taken or count > lanes.pace.window:
                lanes.leave()
            while len(order) < min(count, len(tasks)):
                await asyncio.sleep(0.001)
        assert order[:8].count("first") == 4
        assert order[:8].count("few") == 2
        assert order[8:] == ["many"] * 4
        for _ in range(lanes._busy):
            lanes.leave()


async def test_a_place_that_is_given_up_goes_to_the_next() -> None:
    async with telegram() as (_, account), lanes_to(account) as lanes:
        for _ in range(lanes.pace.window):
            await lanes.place()
        early, late, last = (asyncio.create_task(lanes.place()) for _ in range(3))
        await asyncio.sleep(0)
        early.cancel()
        lanes.leave()
        late.cancel()
        await asyncio.wait({early, late, last})
        assert (early.cancelled(), late.cancelled(), last.done()) == (True, True, True)
        for _ in range(lanes.pace.window):
            lanes.leave()


async def test_our_own_fetch_stays_below_the_limit() -> None:
    rate = 1_500_000
    async with serving(body) as server, client_of(server, limited(rate)) as client:
        watch, got = Watch(rate), b""
        async with client.get(server.url()) as answer:
            async for chunk in answer.chunks():
                watch.add(len(chunk))
                got += chunk
    assert got == BODY


async def test_a_limit_that_changes_in_mid_fetch_holds_at_once() -> None:
    throttle = limited(10_000)
    async with serving(body) as server, client_of(server, throttle) as client:
        got = 0
        async with asyncio.timeout(30), client.get(server.url()) as answer:
            async for chunk in answer.chunks():
                got += len(chunk)
                throttle.limit(None)
    assert got == len(BODY)


Fetch = Callable[[Server, Throttle], Coroutine[Any, Any, None]]


async def fetch_directly(server: Server, throttle: Throttle) -> None:
    async with client_of(server, throttle) as client, client.get(server.url()) as answer:
        async for _ in answer.chunks():
            pass


async def fetch_in_a_tunnel(server: Server, throttle: Throttle) -> None:
    async with egress_to(server, throttle) as egress:
        with egress.lease() as lease:
            reader, writer = await tunnel(lease, server)
            with contextlib.closing(writer):
                while await reader.read(PIECE):
                    pass


@pytest.mark.parametrize("fetch", [fetch_directly, fetch_in_a_tunnel])
async def test_a_server_is_held_back_by_the_limit(fetch: Fetch) -> None:
    """What has been sent stays within what the sockets on the way hold, however long it goes on."""
    endless = Endless()
    async with serving(endless) as server:
        task = asyncio.create_task(fetch(server, limited(100_000)))
        sent = -1
        async with asyncio.timeout(60):
            while sent != endless.sent or not sent:
                sent = endless.sent
                await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.wait({task})
    assert 0 < endless.sent < 64 * 1024 * 1024


@pytest.mark.parametrize("plain", [True, False])
async def test_a_child_stays_below_the_limit(plain: bool) -> None:
    rate = 1_500_000
    async with serving(body) as server, egress_to(server, limited(rate)) as egress:
        with egress.lease() as lease:
            watch, got = Watch(rate), b""
            if plain:
                async with aiohttp.ClientSession() as session, session.get(server.url(), proxy=lease.url) as answer:
                    async for chunk in answer.content.iter_any():
                        watch.add(len(chunk))
                        got += chunk
            else:
                reader, writer = await tunnel(lease, server)
                with contextlib.closing(writer):
                    while chunk := await reader.read(PIECE):
                        watch.add(len(chunk))
                        got += chunk
    assert got == BODY


async def test_a_lease_fetches_for_the_job_that_took_it() -> None:
    async with serving(body) as server, egress_to(server, Throttle()) as egress:
        with own_flow() as flow, egress.lease() as lease:
            assert lease.flow is flow
        with egress.lease() as other:
            assert other.flow is current_flow() is not flow


async def test_a_job_with_many_connections_gets_no_more_than_one_with_one() -> None:
    """One job fetches with its own client, the other over six connections of a child."""
    throttle, done = limited(2_000_000), {"one": 0, "many": 0}

    async def directly(client: Web) -> None:
        async with client.get(server.url()) as answer:
            async for chunk in answer.chunks():
                done["one"] += len(chunk)

    async def by_child(lease: Lease) -> None:
        reader, writer = await tunnel(lease, server)
        with contextlib.closing(writer):
            while chunk := await reader.read(PIECE):
                done["many"] += len(chunk)

    async with serving(Endless()) as server, egress_to(server, throttle) as egress, client_of(server, throttle) as own:
        with own_flow(), egress.lease() as lease:
            tasks = [asyncio.create_task(by_child(lease)) for _ in range(6)]
            with own_flow():
                tasks.append(asyncio.create_task(directly(own)))
            async with asyncio.timeout(60):
                while sum(done.values()) < 6_000_000:
                    await asyncio.sleep(0.05)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
    assert done["one"] > sum(done.values()) / 3
