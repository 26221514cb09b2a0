"""One connection to Telegram that carries file parts: MTProto messages out of reused buffers, answers by Telethon."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from telethon.errors import BadMessageError, SecurityError, TypeNotFoundError, rpc_message_to_error
from telethon.extensions import BinaryReader
from telethon.network.mtprotostate import MTProtoState
from telethon.tl import functions, types
from telethon.tl.alltlobjects import LAYER
from telethon.tl.core import GzipPacked, MessageContainer, RpcResult

from medusa.telegram.packets import Body, Envelope, Fill, Packer, Part
from medusa.telegram.wire import Wire

STUCK_AFTER = 60.0
"""Seconds without an answer after which a connection is taken for dead."""
_CONNECT_WITHIN = 10.0
_RESENDS = 5
"""How often one request is sent anew because the server wants another salt or message id."""
_ACKS_AT_ONCE = 8
_QUEUED = 1
"""Packets ready or being sent; while the next is made, the kernel still has some of the last to send."""
_SMALL = 64 * 1024
"""Up to this many bytes encrypting on the event loop is quicker than handing over to a thread."""
_AGAIN: Final = object()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A data centre and the key that the account has there; ``salt`` and ``time_offset`` are the last known ones.

    Who speaks to a ``cdn`` introduces itself in each request (https://core.telegram.org/cdn).
    """

    host: str
    port: int
    auth_key: Any
    salt: int = 0
    time_offset: int = 0
    cdn: bool = False


@dataclass(slots=True, eq=False)
class _Waiting:
    """A message on its way: what it is for, its answer to come, and when it was sent."""

    request: Any
    answer: "asyncio.Future[Any]"
    sent: float | None = None


class Lane:
    """One connection with the account's auth key and an MTProto session of its own."""

    def __init__(self, client: Any, endpoint: Endpoint, packer: Packer, stuck_after: float = STUCK_AFTER) -> None:
        self._client = client
        self._endpoint = endpoint
        self._packer = packer
        self._stuck_after = stuck_after
        self._state = MTProtoState(endpoint.auth_key, client._log)  # noqa: SLF001 (its loggers)
        self._state.salt, self._state.time_offset = endpoint.salt, endpoint.time_offset
        self._wire: Wire | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._open = False
        self._introduced = endpoint.cdn
        self._watch: asyncio.TimerHandle | None = None
        self._order = asyncio.Lock()
        self._room = asyncio.Semaphore(_QUEUED)
        self._ready: asyncio.Queue[tuple[bytearray, memoryview, _Waiting]] = asyncio.Queue()
        self._waiting: dict[int, _Waiting] = {}
        self._acks: list[int] = []

    async def open(self) -> None:
        """Connect.

        Raises ConnectionError or another OSError when Telegram is out of reach.
        """
        place = self._endpoint
        self._wire = await Wire.connect(place.host, place.port, self._client, timeout=_CONNECT_WITHIN)
        self._open = True
        self._tasks = [asyncio.create_task(self._guard(run, self._wire)) for run in (self._send_all, self._receive_all)]
        for task in self._tasks:
            task.add_done_callback(self._ended)
        self._look_after()

    @property
    def alive(self) -> bool:
        """False once the connection has broken or was closed."""
        return self._open

    async def send(self, request: Any) -> Any:
        """Send a request and return its answer; Telegram's errors are raised as they are.

        Raises ConnectionError when the connection breaks or no answer comes for too long.
        """
        return await self._ask(request, Body(bytes(request)))

    async def send_part(self, part: Part, fill: Fill) -> None:
        """Send one part, whose bytes ``fill`` supplies in another thread, and wait until Telegram has confirmed it.

        Raises like ``send``, and what ``fill`` raises.
        """
        if not await self._ask(part, Body(part.head(), part.size, fill)):
            raise ConnectionError("Telegram did not take the part")

    async def close(self) -> None:
        """Close the connection; closing twice does no harm."""
        self._break(ConnectionError("the connection was closed"))
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _ended(self, _: "asyncio.Task[None]") -> None:
        """Close the socket once nobody uses it any more, also when closing itself was cancelled."""
        if self._wire is not None and all(task.done() for task in self._tasks):
            self._wire.close()
            self._wire = None

    async def _ask(self, request: Any, body: Body) -> Any:
        for _ in range(_RESENDS):
            answer = await self._ask_once(request, body)
            if answer is not _AGAIN:
                return answer
        raise ConnectionError("the server refuses every message id and salt")

    async def _ask_once(self, request: Any, body: Body) -> Any:
        if len(self._acks) >= _ACKS_AT_ONCE:
            acks, self._acks = self._acks, []
            await self._post(types.MsgsAck, Body(bytes(types.MsgsAck(acks))), content=False)
        if not self._introduced:
            body = Body(_introduction(self._client) + body.head, body.size, body.fill)
        msg_id, waiting = await self._post(request, body, content=True)
        try:
            return await waiting.answer
        finally:
            self._waiting.pop(msg_id, None)

    async def _post(self, request: Any, body: Body, *, content: bool) -> tuple[int, _Waiting]:
        """Encrypt a message and queue it for the wire; message ids and sequence numbers rise in sending order."""
        await self._room.acquire()
        queued = False
        try:
            async with self._order:
                self._check_open()
                state = self._state
                msg_id, seq = state._get_new_msg_id(), state._get_seq_no(content)  # noqa: SLF001
                key = state.auth_key
                envelope = Envelope(key.key, key.key_id, state.salt, state.id, msg_id, seq)
                packet, view = await self._packed(envelope, body)
                waiting = _Waiting(request, asyncio.get_running_loop().create_future())
                try:
                    self._check_open()
                except ConnectionError:
                    self._packer.give_back(packet)
                    raise
                if content:
                    self._waiting[msg_id] = waiting
                self._ready.put_nowait((packet, view, waiting))
                queued = True
                return msg_id, waiting
        finally:
            if not queued:
                self._room.release()

    def _check_open(self) -> None:
        if not self._open:
            raise ConnectionError("the connection is closed")

    async def _packed(self, envelope: Envelope, body: Body) -> tuple[bytearray, memoryview]:
        packet = self._packer.lease(body)
        if len(body) <= _SMALL and not body.size:
            return packet, self._packer.pack(envelope, body, packet)
        work = asyncio.get_running_loop().run_in_executor(
            self._packer.executor, self._packer.pack, envelope, body, packet
        )
        try:
            return packet, await asyncio.shield(work)
        except BaseException:
            # The thread may still be writing into the buffer and reading from the caller's.
            await asyncio.wait({work})
            if not work.cancelled():
                work.exception()
            self._packer.give_back(packet)
            raise

    async def _guard(self, run: Callable[[Wire], Coroutine[Any, Any, None]], wire: Wire) -> None:
        """Run a loop of the connection; when it ends, so does the connection."""
        try:
            await run(wire)
        except (OSError, BufferError, SecurityError) as error:
            self._break(error)
        finally:
            self._break(ConnectionError("the connection ended"))

    async def _send_all(self, wire: Wire) -> None:
        while True:
            packet, view, waiting = await self._ready.get()
            try:
                await wire.send(view)
                waiting.sent = wire.moved
            finally:
                self._packer.give_back(packet)
                self._room.release()

    async def _receive_all(self, wire: Wire) -> None:
        while True:
            packet = await wire.receive()
            with contextlib.suppress(TypeNotFoundError):
                message = await self._opened(packet)
                if message is not None:
                    self._take(message.msg_id, message.seq_no, message.obj)

    async def _opened(self, packet: bytes) -> Any:
        """A packet's message, or None for one that has come before; a long one is decrypted off the event loop."""
        if len(packet) <= _SMALL:
            return self._state.decrypt_message_data(packet)
        loop, work = asyncio.get_running_loop(), self._state.decrypt_message_data
        return await loop.run_in_executor(self._packer.executor, work, packet)

    def _take(self, msg_id: int, seq: int, item: Any) -> None:
        """Handle one message from the server.

        https://core.telegram.org/mtproto/service_messages and …/service_messages_about_messages
        """
        if seq % 2:
            self._acks.append(msg_id)
        match item:
            case RpcResult():
                self._answer(item)
            case MessageContainer():
                for inner in item.messages:
                    self._take(inner.msg_id, inner.seq_no, inner.obj)
            case GzipPacked():
                with BinaryReader(item.data) as reader:
                    self._take(msg_id, 0, reader.tgread_object())
            case types.BadServerSalt():
                self._state.salt = item.new_server_salt
                self._settle(item.bad_msg_id, _AGAIN)
            case types.BadMsgNotification():
                self._refused(msg_id, item)
            case types.NewSessionCreated():
                self._state.salt = item.server_salt
            case types.MsgDetailedInfo() | types.MsgNewDetailedInfo():
                self._acks.append(item.answer_msg_id)

    def _answer(self, result: RpcResult) -> None:
        waiting = self._waiting.get(result.req_msg_id)
        if waiting is None:
            return
        if result.error is not None:
            self._settle(result.req_msg_id, rpc_message_to_error(result.error, waiting.request))
            return
        self._introduced = True
        read = getattr(waiting.request, "read_result", BinaryReader.tgread_object)
        try:
            with BinaryReader(result.body) as reader:
                self._settle(result.req_msg_id, read(reader))
        except TypeNotFoundError:
            self._settle(result.req_msg_id, ConnectionError("the server answers with something unknown"))

    def _refused(self, msg_id: int, notice: Any) -> None:
        """https://core.telegram.org/mtproto/service_messages_about_messages#notice-of-ignored-error-message"""
        if notice.error_code in (16, 17):
            self._state.update_time_offset(msg_id)
        elif notice.error_code == 32:
            self._state._sequence += 64  # noqa: SLF001
        elif notice.error_code == 33:
            self._state._sequence -= 16  # noqa: SLF001
        else:
            error = BadMessageError(None, notice.error_code)
            self._settle(notice.bad_msg_id, ConnectionError(str(error)))
            return
        self._settle(notice.bad_msg_id, _AGAIN)

    def _settle(self, msg_id: int, result: Any) -> None:
        """Wake who waits for the answer to ``msg_id``."""
        waiting = self._waiting.pop(msg_id, None)
        if waiting is None or waiting.answer.done():
            return
        if isinstance(result, Exception):
            waiting.answer.set_exception(result)
        else:
            waiting.answer.set_result(result)

    def _look_after(self) -> None:
        """Now and then, see whether an answer or the wire is overdue."""
        loop = asyncio.get_running_loop()
        late = loop.time() - self._stuck_after
        held_up = self._wire is not None and self._wire.sending and self._wire.moved < late
        if held_up or any(one.sent is not None and one.sent < late for one in self._waiting.values()):
            self._break(ConnectionError("no answer for too long"))
        else:
            self._watch = loop.call_later(self._stuck_after / 4, self._look_after)

    def _break(self, error: Exception) -> None:
        """End the connection's tasks and fail all that waits; the socket goes with ``close``."""
        if not self._open:
            return
        self._open = False
        if self._watch is not None:
            self._watch.cancel()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        for msg_id in list(self._waiting):
            # One each: an exception that is raised in several tasks gathers their tracebacks.
            broken = error if isinstance(error, BufferError) else ConnectionError(str(error))
            self._settle(msg_id, broken)
        while not self._ready.empty():
            packet, _, _ = self._ready.get_nowait()
            self._packer.give_back(packet)
            self._room.release()


def _introduction(client: Any) -> bytes:
    """What stands before each request until Telegram has answered one, so that none waits for an introduction.

    https://core.telegram.org/api/invoking#saving-client-info
    """
    inner = functions.help.GetNearestDcRequest()
    init = functions.InitConnectionRequest(**{**vars(client._init_request), "query": inner})  # noqa: SLF001
    whole = functions.InvokeWithLayerRequest(LAYER, functions.InvokeWithoutUpdatesRequest(init))
    return bytes(whole).removesuffix(bytes(inner))
