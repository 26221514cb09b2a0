"""Every spelling of an address that no link may lead to, and a world in which it can be seen that none does."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from medusa.net import guard

# Classes of addresses, RFC 6890 and the metadata services of the big clouds.
_V4 = {
    "this network": ("0.0.0.0", "0.1.2.3"),  # noqa: S104 - addresses to refuse
    "private": ("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255"),
    "loopback": ("127.0.0.1", "127.0.0.2", "127.255.255.254"),
    "link-local": ("169.254.0.1", "169.254.169.254"),
    "carrier": ("100.64.0.1", "100.100.100.200", "100.127.255.255"),
    "host agent": ("168.63.129.16",),
    "protocols": ("192.0.0.192", "192.0.0.8", "192.0.0.170"),
    "documentation": ("192.0.2.1", "198.51.100.1", "203.0.113.1"),
    "relays": ("192.88.99.1",),
    "benchmarking": ("198.18.0.1", "198.19.255.255"),
    "multicast": ("224.0.0.1", "239.255.255.255"),
    "reserved": ("240.0.0.1", "255.255.255.255"),
}
_V6 = {
    "unspecified": ("::", "0:0:0:0:0:0:0:0"),
    "loopback": ("::1", "0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:0000:0000:0001", "::0.0.0.1"),
    "link-local": ("fe80::1", "FE80::a9fe:a9fe"),
    "zone": ("fe80::1%25lo", "::1%25lo", "fe80::1%lo"),
    "unique local": ("fc00::1", "fd00:ec2::254", "FD00:EC2::254"),
    "site-local": ("fec0::1",),
    "multicast": ("ff02::1", "ff05::1:3"),
    "documentation": ("2001:db8::1", "3fff::1"),
    "discard": ("100::1",),
    "benchmarking": ("2001:2::1",),
    "orchid": ("2001:10::1", "2001:20::1"),
    "translation": ("64:ff9b:1::7f00:1", "64:ff9b:1::a9fe:a9fe"),
    "teredo": ("2001:0:7f00:1::",),
    "segments": ("5f00::1",),
}
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
_CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")


def _written(address: str) -> list[str]:
    """One IPv4 address as inet_aton(3), IDNA and careless readers of links would take it."""
    number, octets = int(IPv4Address(address)), address.split(".")
    one, two, three, four = map(int, octets)
    return [
        str(number),
        hex(number),
        f"0X{number:08X}",
        f"0{number:o}",
        ".".join(f"0{int(part):o}" for part in octets),
        ".".join(f"{int(part):#x}" for part in octets),
        ".".join(f"{int(part):03d}" for part in octets) if all(int(part) < 8 for part in octets) else f"{address}.",
        f"{one}.{number & 0xFFFFFF}",
        f"{one}.{two}.{number & 0xFFFF}",
        f"{one:#x}.{two:o}.{three}.{four:#o}".replace("0o", "0"),
        address.translate(_FULL_WIDTH),
        address.translate(_CIRCLED),
        address.replace(".", "。"),
        address.replace(".", "．"),
        address.replace(".", "%2e"),
        "".join(f"%{ord(char):02x}" for char in address),
        f"{address}.",
    ]


def _carried(address: str) -> list[str]:
    """IPv6 addresses that carry an IPv4 address: mapped, compatible, translated, 6to4, Teredo, ISATAP."""
    number = int(IPv4Address(address))
    return [
        f"::ffff:{address}",
        f"::FFFF:{number >> 16:x}:{number & 0xFFFF:x}",
        f"::{address}",
        f"64:ff9b::{address}",
        str(IPv6Address((0x2002 << 112) | (number << 80))),
        str(IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF))),
        f"fe80::5efe:{address}",
        f"2001:db8::5efe:{address}",
    ]


NAMES = (
    "localhost",
    "LOCALHOST",
    "localhost.",
    "ⓛocalhost",
    "printer.localhost",
    "ip6-localhost",
    "localhost.localdomain",
    socket.gethostname(),
    "inner.test",
    "six.test",
    "mapped.test",
    "metadata.test",
    "mixed.test",
    "rebound.test",
    "büro.test",
)
ODD = (
    "[::ffff:0:127.0.0.1]",
    "4294967297",
    "0x00000000000007f000001",
    "127.000000000.0.1",
    "127。0．0｡1",
    "١٢٧.0.0.1",
    "\u217cocalhost",
    "loc\u00adalhost",
    "127.0.0.1\u200b",
    "127.0.0.1%09",
    "127.0.0.1..",
    "localhost%00.example.com",
    "[64:ff9b:1:fffe::7f00:1]",
    "127.0.1.1",
)
TRICKS = (
    "example.com@127.0.0.1:{port}",
    "example.com:80@127.0.0.1:{port}",
    "example.com%2f@[::1]:{port}",
    "127.0.0.1:{port}#@example.com",
    "127.0.0.1:{port}\\@example.com",
    "127.0.0.1:{port}?@example.com",
    "[::1]:{port}#example.com",
    "example.com;@127.0.0.1:{port}",
    "127.0.0.1:{port}:80",
    "[127.0.0.1]:{port}",
    "[::ffff:7f00:1%25lo]:{port}",
)


def _all() -> Iterator[str]:
    yield from (address for group in _V4.values() for address in group)
    for address in ("127.0.0.1", "169.254.169.254", "10.0.0.1", "0.0.0.0"):  # noqa: S104
        yield from _written(address)
    yield from (f"[{address}]" for group in _V6.values() for address in group)
    for address in ("127.0.0.1", "169.254.169.254"):
        yield from (f"[{carrier}]" for carrier in _carried(address))
    yield from ("0", "127.1", "0x7f.1", "0177.1", "127.0.1")
    yield from (*NAMES, *ODD, *TRICKS)


SPELLINGS = tuple(dict.fromkeys(_all()))
"""What may stand between ``http://`` and the path; ``{port}`` where the port does not simply follow."""

PUBLIC = "93.184.216.34"
_NAMED = {
    "inner.test": ("127.0.0.1",),
    "xn--bro-hoa.test": ("127.0.0.1",),
    "six.test": ("::1",),
    "mapped.test": ("::ffff:127.0.0.1",),
    "metadata.test": ("169.254.169.254",),
    "mixed.test": (PUBLIC, "127.0.0.1"),
    "example.com": ("127.0.0.1",),
    "printer.localhost": ("127.0.0.1", "::1"),
    "ip6-localhost": ("::1",),
    "localhost.localdomain": ("127.0.0.1",),
}
"""What names resolve to that this machine itself does not know."""


def authority(spelling: str, port: int) -> str:
    """What stands in a link between the slashes."""
    return spelling.replace("{port}", str(port)) if "{port}" in spelling else f"{spelling}:{port}"


def link(spelling: str, port: int, path: str = "/") -> str:
    """A link to a server of this machine, in disguise."""
    return f"http://{authority(spelling, port)}{path}"


@dataclass
class World:
    """What was touched: ``paths`` are what was asked of the inner server, ``connects`` where this process turned to."""

    port: int = 0
    paths: list[str] = field(default_factory=list)
    connections: int = 0
    connects: list[tuple[str, int]] = field(default_factory=list)

    def strayed(self, *allowed: int) -> list[tuple[str, int]]:
        """Connections of this process to anything but these ports of 127.0.0.1."""
        return [where for where in self.connects if where[0] != "127.0.0.1" or where[1] not in allowed]


_watching: list[World] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Note where sockets are connected to, and let nothing leave this machine."""
    if event != "socket.connect" or not _watching or not isinstance(arguments[1], tuple):
        return
    where = (str(arguments[1][0]), int(arguments[1][1]))
    for world in _watching:
        world.connects.append(where)
    if where[0] not in ("127.0.0.1", "::1"):
        raise ConnectionRefusedError(111, "nothing leaves this machine")


sys.addaudithook(_watch)


@asynccontextmanager
async def inner_world(body: bytes = b"inner") -> AsyncIterator[World]:
    """An inner server on all addresses of this machine, at a port that counts as a web port, and names that lead there.

    ``rebound.test`` has a public address when first asked for and an inner one ever after.
    """
    world = World()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        world.connections += 1
        try:
            head = await reader.read(65536)
            if head.startswith(b"\x16"):
                return
            world.paths.append(head.split()[1].decode("latin-1"))
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
        except (OSError, IndexError):
            world.paths.append("?")
        finally:
            writer.close()

    first = await asyncio.start_server(answer, "0.0.0.0", 0)  # noqa: S104
    world.port = first.sockets[0].getsockname()[1]
    async with first, await asyncio.start_server(answer, "::", world.port):
        with _names(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(guard, "PORTS", guard.PORTS | {world.port})
            _watching.append(world)
            try:
                yield world
            finally:
                _watching.remove(world)


@contextmanager
def _names() -> Iterator[None]:
    """Answer for names at the edge of the socket module, as a hostile name server would."""
    real: Callable[..., Any] = socket.getaddrinfo
    asked: list[str] = []

    def resolve(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        name = host.decode("idna") if isinstance(host, bytes) else str(host)
        name = name.rstrip(".").lower()
        if name == "rebound.test":
            asked.append(name)
            addresses: tuple[str, ...] = (PUBLIC,) if len(asked) % 2 else ("127.0.0.1",)
        else:
            addresses = _NAMED.get(name, ())
        if not addresses:
            return real(host, port, *args, **options)
        return [found for address in addresses for found in real(address, port, *args, **options)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", resolve)
        yield
