"""Extra connections to Telegram that carry file parts and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from struct import pack
from types import TracebackType
from typing import Any, Self

import structlog
from telethon.extensions.messagepacker import MessagePacker
from telethon.network import ConnectionTcpFull, MTProtoSender
from telethon.network.mtprotostate import MTProtoState
from telethon.tl import functions
from telethon.tl.alltlobjects import LAYER

from medusa.telegram.client import Account

log = structlog.get_logger()

STUCK_AFTER = 60.0
"""Seconds without an answer after which a connection is taken for dead."""
IDLE_AFTER = 30.0
"""Seconds without an upload after which the connections are closed."""


class _PlainState(MTProtoState):  # type: ignore[misc]
    """Message framing without the attempt to gzip: media does not shrink, and trying costs more than encrypting."""

    # The signature is Telethon's; parts never come after one another.
    def write_data_as_message(
        self,
        buffer: BytesIO,
        data: bytes,
        content_related: bool,
        *,
        after_id: Any = None,  # noqa: ARG002
    ) -> int:
        msg_id: int = self._get_new_msg_id()
        buffer.write(pack("<qii", msg_id, self._get_seq_no(content_related), len(data)))
        buffer.write(data)
        return msg_id


class _PartSender(MTProtoSender):  # type: ignore[misc]
    def __init__(self, auth_key: Any, loggers: Any) -> None:
        # No reconnecting: a broken lane fails its parts at once, and they are sent again over a new one.
        super().__init__(auth_key, loggers=loggers, retries=2, auto_reconnect=False, connect_timeout=10)
        self._state = _PlainState(self.auth_key, loggers)
        self._send_queue = MessagePacker(self._state, loggers)


class Lane:
    """One connection with the account's auth key and an MTProto session of its own."""

    def __init__(self, account: Account) -> None:
        self._client = account.client
        self._sender = _PartSender(account.client.session.auth_key, account.client._log)  # noqa: SLF001 (its loggers)

    async def open(self) -> None:
        """Connect and introduce the session (https://core.telegram.org/api/invoking#saving-client-info).

        Raises ConnectionError when Telegram is out of reach.
        """
        client, session = self._client, self._client.session
        await self._sender.connect(
            ConnectionTcpFull(
                session.server_address,
                session.port,
                session.dc_id,
                loggers=client._log,  # noqa: SLF001
                proxy=client._proxy,  # noqa: SLF001
                local_addr=None,
            )
        )
        hello = functions.InitConnectionRequest(
            **{**vars(client._init_request), "query": functions.help.GetNearestDcRequest()}  # noqa: SLF001
        )
        await self.send(functions.InvokeWithLayerRequest(LAYER, functions.InvokeWithoutUpdatesRequest(hello)))

    @property
    def alive(self) -> bool:
        """False once the connection has broken."""
        return bool(self._sender.is_connected())

    async def send(self, request: Any) -> Any:
        """Send a request and return its answer; Telegram's errors are raised as they are.

        Raises ConnectionError when the connection breaks or no answer comes for ``STUCK_AFTER`` seconds.
        """
        answer: asyncio.Future[Any] = self._sender.send(request)
        gone = self._sender.disconnected
        try:
            await asyncio.wait({answer, gone}, timeout=STUCK_AFTER, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done() or answer.cancelled():
                raise ConnectionError("the connection broke before the answer came")
            return answer.result()
        finally:
            answer.cancel()
            if gone.done() and not gone.cancelled():
                gone.exception()
            gone.cancel()

    async def close(self) -> None:
        """Close the connection; closing twice does no harm."""
        await self._sender.disconnect()


class Lanes:
    """The pool of lanes that all uploads share: opened when used, closed when idle, replaced when broken."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._lanes: dict[int, Lane] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._users = 0
        self._closing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop_closing()
        await self._close_all()

    @asynccontextmanager
    async def in_use(self) -> AsyncIterator[None]:
        """While the block runs, the lanes stay open."""
        self._users += 1
        await self._stop_closing()
        try:
            yield
        finally:
            self._users -= 1
            if self._users == 0 and self._lanes:
                self._closing = asyncio.create_task(self._close_when_idle())

    async def lane(self, number: int) -> Lane:
        """Lane ``number``, opened if it was not yet or is broken. Raises ConnectionError when that fails."""
        async with self._locks.setdefault(number, asyncio.Lock()):
            lane = self._lanes.get(number)
            if lane is not None and lane.alive:
                return lane
            lane = Lane(self._account)
            try:
                await lane.open()
            except BaseException:
                await lane.close()
                raise
            self._lanes[number] = lane
            log.debug("lane.open", lane=number)
            return lane

    async def drop(self, number: int, lane: Lane) -> None:
        """Close a lane that does not answer, so that the next use opens a new one."""
        if self._lanes.get(number) is lane:
            del self._lanes[number]
        await lane.close()

    async def _stop_closing(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            await asyncio.wait({self._closing})
            self._closing = None

    async def _close_when_idle(self) -> None:
        await asyncio.sleep(IDLE_AFTER)
        await self._close_all()

    async def _close_all(self) -> None:
        while self._lanes:
            _, lane = self._lanes.popitem()
            await lane.close()
