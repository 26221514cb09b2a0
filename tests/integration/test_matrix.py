"""No spelling of a private address is reached by any way, and each way is shown to lead to a server that may be."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from urllib.parse import quote, urlsplit

import pytest
from aiohttp import web

from medusa.errors import MedusaError
from medusa.net import Guard, open_egress
from medusa.sources import ByteStream, ranged
from medusa.tools import Tools
from tests.integration.matrix_kit import PUBLIC, SPELLINGS, authority, inner_world, link
from tests.integration.source_kit import Server, serving, tool_box
from tests.integration.test_egress import credentials

PLAIN = "127.0.0.1"


async def lure(request: web.Request) -> web.StreamResponse:
    """Redirect with the status, over the hops and to the place that the link names."""
    hops, to = int(request.query.get("hops", "0")), request.query["to"]
    if hops:
        to = str(request.rel_url.update_query(hops=hops - 1))
    return web.Response(status=int(request.query.get("status", "302")), headers={"Location": to})


def test_there_are_enough_spellings() -> None:
    assert len(SPELLINGS) >= 180


Way = Callable[[str, Server, Tools], Awaitable[object]]


async def direct(target: str, _: Server, tools: Tools) -> None:
    async with tools.web.get(target) as answer:
        assert answer.status


def redirect(status: int, hops: int = 0) -> Way:
    async def go(target: str, server: Server, tools: Tools) -> None:
        await direct(server.url(f"/?status={status}&hops={hops}&to={quote(target, safe='')}"), server, tools)

    return go


async def scheme(target: str, server: Server, tools: Tools) -> None:
    """From http to https: what answers there speaks no TLS, but it would be asked."""
    await redirect(302)(target.replace("http:", "https:", 1), server, tools)


async def relative(target: str, server: Server, tools: Tools) -> None:
    """A reference without a scheme, RFC 3986 section 4.2."""
    await redirect(302)(target.removeprefix("http:"), server, tools)


async def stream(target: str, _: Server, tools: Tools) -> None:
    async for _chunk in ranged.read(ByteStream(target, "x", "video/mp4", None), 0, tools):
        pass


WAYS: dict[str, Way] = {
    "direct": direct,
    **{str(status): redirect(status) for status in (301, 302, 303, 307, 308)},
    "chain": redirect(302, hops=3),
    "scheme": scheme,
    "relative": relative,
    "stream": stream,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_our_own_client_reaches_nothing_inside(way: Way) -> None:
    async with inner_world() as inner, serving(lure) as server, tool_box(server) as tools:
        for spelling in SPELLINGS:
            with pytest.raises(MedusaError) as refusal:
                await way(link(spelling, inner.port), server, tools)
            assert len(refusal.value.user_text) < 200, spelling
    assert inner.connections == 0
    assert set(inner.strayed(server.port)) == {(PUBLIC, inner.port)}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_the_same_ways_lead_to_what_is_allowed(way: Way) -> None:
    async with inner_world() as inner, serving(lure) as server:
        open_door = Server(lure)
        open_door.port = inner.port
        async with tool_box(server, open_door) as tools:
            with suppress(MedusaError):
                await way(link(PLAIN, inner.port), server, tools)
    assert inner.connections == 1


def connect(spelling: str, port: int) -> str:
    return f"CONNECT {authority(spelling, port)} HTTP/1.1"


def absolute(spelling: str, port: int) -> str:
    return f"GET {link(spelling, port)} HTTP/1.1\r\nHost: example.com"


async def asked(lines: Sequence[str], guard: Guard) -> list[bytes]:
    """What the proxy answers to each request of a child that writes its own."""
    answers = []
    async with open_egress(guard) as egress:
        for line in lines:
            with egress.lease() as lease:
                reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(lease.url).port)
                writer.write(f"{line}\r\n{credentials(lease)}\r\n\r\nGET / HTTP/1.1\r\n\r\n".encode())
                async with asyncio.timeout(20):
                    answers.append(await reader.readline())
                writer.close()
    return answers


@pytest.mark.parametrize("form", [connect, absolute])
async def test_a_childs_own_requests_reach_nothing_inside(form: Callable[[str, int], str]) -> None:
    async with inner_world() as inner:
        answers = await asked([form(spelling, inner.port) for spelling in SPELLINGS], Guard([]))
        inner.connects = [where for where in inner.connects if where[0] != "127.0.0.1"]
    assert {answer[:13] for answer in answers} <= {b"HTTP/1.1 403 ", b"HTTP/1.1 400 ", b"HTTP/1.1 502 "}
    assert inner.connections == 0
    assert set(inner.connects) == {(PUBLIC, inner.port)}


@pytest.mark.parametrize("form", [connect, absolute])
async def test_a_childs_own_requests_reach_what_is_allowed(form: Callable[[str, int], str]) -> None:
    async with inner_world() as inner:
        answers = await asked([form(PLAIN, inner.port)], Guard([f"{PLAIN}:{inner.port}"]))
    assert answers[0].startswith(b"HTTP/1.1 200 ")
    assert inner.paths == ["/"]
