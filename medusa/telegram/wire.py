"""A TCP connection to a data centre in MTProto's Intermediate transport, straight over a socket.

https://core.telegram.org/mtproto/mtproto-transports#intermediate
"""

import asyncio
import socket
from typing import Any

from telethon.errors import InvalidBufferError
from telethon.network import ConnectionTcpIntermediate

_TAG = b"\xee\xee\xee\xee"
_SLICE = 128 * 1024
"""Bytes handed to the kernel at a time, so that the event loop is not held up."""
_MOST = 16 << 20
"""Bytes of an answer beyond which the peer is taken for broken."""


class Wire:
    """A connected socket that sends and receives whole packets; ``moved`` is the loop's time at which the
    kernel last took bytes, ``sending`` whether it is to take more."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self.moved = self._loop.time()
        self.sending = False

    @classmethod
    async def connect(cls, host: str, port: int, client: Any, *, timeout: float) -> "Wire":
        """Connect to ``host``, through the client's proxy if it has one. Raises ConnectionError or another OSError."""
        async with asyncio.timeout(timeout):
            if client._proxy:  # noqa: SLF001
                options = {"loggers": client._log, "proxy": client._proxy}  # noqa: SLF001
                way = ConnectionTcpIntermediate(host, port, 0, **options)
                sock = await way._proxy_connect(timeout=timeout)  # noqa: SLF001 (Telethon's way through proxies)
            else:
                sock = await _connected(host, port)
            try:
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await asyncio.get_running_loop().sock_sendall(sock, _TAG)
            except BaseException:
                sock.close()
                raise
        return cls(sock)

    async def send(self, packet: memoryview) -> None:
        """Send a packet that bears its length already. Raises OSError."""
        self.moved = self._loop.time()
        self.sending = True
        for at in range(0, len(packet), _SLICE):
            await self._loop.sock_sendall(self._socket, packet[at : at + _SLICE])
            self.moved = self._loop.time()
        self.sending = False

    async def receive(self) -> bytes:
        """The next packet. Raises InvalidBufferError for a transport error such as 429, else OSError."""
        length = int.from_bytes(await self._exactly(4), "little")
        if not 0 < length <= _MOST:
            raise ConnectionError("the server sent nonsense")
        packet = await self._exactly(length)
        if length == 4:
            raise InvalidBufferError(packet)
        return packet

    async def _exactly(self, size: int) -> bytes:
        buffer = memoryview(bytearray(size))
        filled = 0
        while filled < size:
            count = await self._loop.sock_recv_into(self._socket, buffer[filled:])
            if count == 0:
                raise ConnectionResetError("the server closed the connection")
            filled += count
        return bytes(buffer)

    def close(self) -> None:
        """Close the socket; nobody may be sending or receiving any more."""
        self._socket.close()


async def _connected(host: str, port: int) -> socket.socket:
    """A socket connected to the first address of ``host`` that answers."""
    loop = asyncio.get_running_loop()
    last: OSError = ConnectionError("the name has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            last = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise last
