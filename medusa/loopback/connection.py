"""One client's TCP connection: from packets to messages, and back."""

import asyncio
import logging
import struct
from typing import Any

from telethon.tl import functions, types

from medusa.loopback import crypto, framing, tl
from medusa.loopback.dispatch import ConnectionCut, Dispatcher, rpc_result
from medusa.loopback.faults import Transport
from medusa.loopback.handshake import Handshake, HandshakeFailed
from medusa.loopback.keys import AuthKey
from medusa.loopback.network import Direction, Network, Outlet, until
from medusa.loopback.service import SERVICE
from medusa.loopback.session import Session
from medusa.loopback.sockets import Socket
from medusa.loopback.tl import Incoming
from medusa.loopback.world import World

log = logging.getLogger(__name__)

_MAX_AT_ONCE = 256
_MAX_UNSENT = 64 << 20
_TOO_OLD, _TOO_NEW = 300, 30


class Connection:
    """Serves one socket until it closes. It owns the tasks of the requests that came through it."""

    def __init__(
        self,
        world: World,
        dispatcher: Dispatcher,
        server_key: crypto.ServerKey,
        transport: Transport,
        network: Network,
        socket: Socket,
    ) -> None:
        self._world = world
        self._dispatcher = dispatcher
        self._handshake = Handshake(server_key, world.keys.accept, world.clock.now)
        self._transport = transport
        self._network = network
        self._socket = socket
        self._inwards = Direction(network)
        self._outlet = Outlet(network, socket)
        self._arriving: asyncio.Queue[tuple[float, framing.Packet | Exception]] = asyncio.Queue(_MAX_AT_ONCE)
        self._framing: framing.Framing = framing.Intermediate()
        self._room = asyncio.Semaphore(_MAX_AT_ONCE)

    async def run(self) -> None:
        """Serve until the client leaves or breaks the protocol."""
        try:
            self._framing = await framing.detect(self._socket)
            async with asyncio.TaskGroup() as requests:
                requests.create_task(self._receive())
                await self._serve(requests)
        except* (asyncio.IncompleteReadError, framing.BrokenFrame, OSError, ConnectionCut) as errors:
            log.debug("connection closed: %s", errors.exceptions[0])
        finally:
            self._world.sessions.detach(self)
            self._transport.leave(self)
            self.close()

    def close(self) -> None:
        """Cut the connection."""
        self._outlet.clear()
        self._socket.abort()

    async def _receive(self) -> None:
        """Take packets from the socket no faster than the cap allows; the end comes last, as it does on a wire."""
        ended = False
        while not ended:
            packet: framing.Packet | Exception
            try:
                packet = await self._framing.read(self._socket, checked=self._network.checked)
            except (asyncio.IncompleteReadError, framing.BrokenFrame, OSError) as end:
                packet, ended = end, True
            due = self._inwards.admit(0 if isinstance(packet, Exception) else len(packet), self._network.up_cap)
            await until(self._inwards.free)
            await self._arriving.put((due, packet))

    async def _serve(self, requests: asyncio.TaskGroup) -> None:
        while True:
            due, packet = await self._arriving.get()
            await until(due)
            if isinstance(packet, Exception):
                raise packet
            if self._transport.errors_left > 0:
                self._transport.errors_left -= 1
                await self._refuse(self._transport.error)
            if packet[:8] == bytes(8):
                await self._shake_hands(packet)
            else:
                await self._accept(packet, requests)

    async def _shake_hands(self, packet: framing.Packet) -> None:
        try:
            self._write(self._handshake.answer(packet))
        except HandshakeFailed as error:
            log.info("key exchange failed: %s", error)
            await self._refuse(404)

    async def _refuse(self, code: int) -> None:
        """Send a transport error and end. Raises ConnectionCut."""
        self._outlet.send((self._framing.error(code),))
        await self._outlet.emptied()
        await self._socket.drain()
        self._socket.close()
        raise ConnectionCut

    async def _accept(self, packet: framing.Packet, requests: asyncio.TaskGroup) -> None:
        if len(packet) < 24:
            await self._refuse(404)
        key = self._world.keys.find(struct.unpack_from("<q", packet)[0])
        if key is None:
            await self._refuse(404)
            return
        if self._transport.crowded(self, self._world.keys.effective(key).account):
            await self._refuse(429)
        try:
            plain = crypto.decrypt(key.key, packet, checked=self._network.checked)
        except crypto.BadMessage as error:
            log.info("bad message: %s", error)
            await self._refuse(404)
            return
        await self._take(key, plain, requests)

    async def _take(self, key: AuthKey, plain: bytes, requests: asyncio.TaskGroup) -> None:
        salt, session_id, msg_id, seq, length = struct.unpack_from("<qqqii", plain)
        session = self._world.sessions.open(key, session_id)
        if session.link is not self:
            # A client that comes with a new session on this socket has given up its former one.
            self._world.sessions.detach(self)
            session.link = self
        problem = _problem_of(msg_id, self._world.clock.now())
        if problem:
            self._reply(session, types.BadMsgNotification(msg_id, seq, problem))
            return
        if not self._world.keys.salt_is_good(key, salt):
            self._reply(session, types.BadServerSalt(msg_id, seq, 48, self._world.keys.salt(key)))
            return
        if not session.announced:
            session.announced = True
            created = types.NewSessionCreated(msg_id, session_id, self._world.keys.salt(key))
            self.send(session, tl.pack(created), content=True, answer=False)
        try:
            messages = tl.unfold(msg_id, seq, memoryview(plain)[32 : 32 + length])
        except tl.Unreadable:
            self._reply(session, types.BadMsgNotification(msg_id, seq, 64))
            return
        for incoming in messages:
            await self._handle(session, incoming, requests)

    async def _handle(self, session: Session, incoming: Incoming, requests: asyncio.TaskGroup) -> None:
        service = _service_message(incoming.body)
        if service is not None:
            self._serve_protocol(session, incoming, service)
        elif incoming.seq % 2 == 0:
            self._reply(session, types.BadMsgNotification(incoming.msg_id, incoming.seq, 35))
        elif incoming.msg_id in session.answers:
            self.send(session, session.answers[incoming.msg_id][1], content=True, answer=True)
        elif incoming.msg_id not in session.pending:
            session.pending[incoming.msg_id] = asyncio.get_running_loop().create_future()
            await self._room.acquire()
            requests.create_task(self._answer(session, incoming))

    def _serve_protocol(self, session: Session, incoming: Incoming, service: Any) -> None:
        if isinstance(service, functions.DestroyAuthKeyRequest):
            self._world.keys.forget(session.key)
            self._reply(session, types.DestroyAuthKeyOk())
            return
        if isinstance(service, functions.RpcDropAnswerRequest):
            answer = types.RpcAnswerUnknown()
            self._reply_bytes(session, rpc_result(incoming.msg_id, tl.pack(answer)))
            return
        reply = SERVICE[type(service)](self._world, session, incoming, service)
        if isinstance(reply, bytes):
            self._reply_bytes(session, reply)
        elif reply is not None:
            self._reply(session, reply)

    async def _answer(self, session: Session, incoming: Incoming) -> None:
        done = session.pending[incoming.msg_id]
        try:
            body = rpc_result(incoming.msg_id, await self._dispatcher.execute(session, incoming.body))
            answer_id = (session.link or self).send(session, body, content=True, answer=True)
            session.remember(incoming.msg_id, answer_id, body)
            await self._outlet.passed()
            await self._socket.drain()
        finally:
            session.pending.pop(incoming.msg_id, None)
            if not done.done():
                done.set_result(None)
            self._room.release()

    def _reply(self, session: Session, item: Any) -> None:
        self._reply_bytes(session, tl.pack(item))

    def _reply_bytes(self, session: Session, body: bytes) -> None:
        self.send(session, body, content=False, answer=True)

    def send(self, session: Session, body: bytes, *, content: bool, answer: bool) -> int:
        """Encrypt and write one message; returns its msg_id. A client that does not read is cut off."""
        msg_id = session.next_msg_id(answer=answer)
        salt = self._world.keys.salt(session.key)
        seq = session.next_seq(content=content)
        head = struct.pack("<qqqii", salt, session.id, msg_id, seq, len(body))
        self._write(crypto.encrypt(session.key.key, head + body))
        return msg_id

    def _write(self, packet: bytes) -> None:
        if self._socket.unsent + self._outlet.held > _MAX_UNSENT:
            self.close()
        self._outlet.send(self._framing.frame(packet))


def _problem_of(msg_id: int, now: float) -> int:
    """The error code of a msg_id that a client must not use at Unix time ``now``, 0 for a good one.

    https://core.telegram.org/mtproto/service_messages_about_messages#notice-of-ignored-error-message
    """
    if msg_id % 4:
        return 18
    age = now - (msg_id >> 32)
    if age > _TOO_OLD:
        return 16
    return 17 if -age > _TOO_NEW else 0


_SERVICE_IDS = {
    kind.CONSTRUCTOR_ID for kind in (*SERVICE, functions.DestroyAuthKeyRequest, functions.RpcDropAnswerRequest)
}


def _service_message(body: bytes | memoryview) -> Any | None:
    """The protocol's own message in ``body``, or None for a request to a method."""
    if tl.constructor_of(body) not in _SERVICE_IDS:
        return None
    try:
        return tl.parse(body)
    except tl.Unreadable:
        return None
