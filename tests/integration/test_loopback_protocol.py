"""MTProto as the embedded Telegram speaks it: transports, key exchange, messages, service messages, hostile bytes."""

import asyncio
import gzip
import logging
import os
import struct
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from hashlib import sha1
from itertools import pairwise
from typing import Any

import pytest
from telethon import events
from telethon.crypto import AES, AuthKey, rsa
from telethon.extensions import BinaryReader
from telethon.network import ConnectionTcpAbridged, ConnectionTcpFull, ConnectionTcpIntermediate
from telethon.network.authenticator import do_authentication
from telethon.network.mtprotostate import MTProtoState
from telethon.tl import TLObject, functions, types
from telethon.tl.core import GzipPacked, RpcResult

from medusa.loopback import Loopback, serve
from tests.integration.loopback_clients import Heard, logged_in

LOGGERS: Any = defaultdict(lambda: logging.getLogger("raw"))
ME = functions.users.GetUsersRequest([types.InputUserSelf()])


@pytest.fixture
async def loopback() -> AsyncIterator[Loopback]:
    async with serve() as running:
        rsa.add_key(running.key_file.read_text(), old=False)
        yield running


class Raw:
    """A client that sends exactly what it is told to, over the intermediate transport."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.state: Any = None

    async def write(self, packet: bytes) -> None:
        self._writer.write(struct.pack("<i", len(packet)) + packet)
        await self._writer.drain()

    async def read(self) -> bytes:
        async with asyncio.timeout(10):
            (length,) = struct.unpack("<i", await self._reader.readexactly(4))
            return await self._reader.readexactly(length)

    async def send(self, request: Any) -> Any:
        """A request of the key exchange, in the clear; what Telethon's authenticator calls."""
        body = bytes(request)
        await self.write(struct.pack("<qqi", 0, int(time.time()) << 32, len(body)) + body)
        return BinaryReader((await self.read())[20:]).tgread_object()

    async def agree(self) -> None:
        """Agree on an auth key."""
        key, _ = await do_authentication(self)
        self.state = MTProtoState(key, loggers=LOGGERS)

    async def encrypted(self, body: bytes, *, msg_id: int | None = None, seq: int | None = None) -> int:
        """Send a body as one message; returns its msg_id."""
        number = self.state._get_new_msg_id() if msg_id is None else msg_id
        sequence = self.state._get_seq_no(True) if seq is None else seq
        head = struct.pack("<qii", number, sequence, len(body))
        await self.write(self.state.encrypt_message_data(head + body))
        return int(number)

    async def next(self, *kinds: Any) -> Any:
        """The next message of one of these kinds, with results unpacked."""
        while True:
            item = self.state.decrypt_message_data(await self.read()).obj
            if isinstance(item, RpcResult):
                item = item.error or BinaryReader(item.body).tgread_object()
            if isinstance(item, kinds):
                return item

    async def settle(self) -> None:
        """Take the right salt from the server's first complaint."""
        await self.encrypted(bytes(functions.PingRequest(1)))
        self.state.salt = (await self.next(types.BadServerSalt)).new_server_salt

    async def closed(self) -> bool:
        """True once the server has closed the connection."""
        with suppress(ConnectionError):
            while await asyncio.wait_for(self._reader.read(1 << 16), 10):
                pass
        return True


@asynccontextmanager
async def raw(loopback: Loopback) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection(loopback.host, loopback.port)
    writer.write(b"\xee\xee\xee\xee")
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@asynccontextmanager
async def ready(loopback: Loopback) -> AsyncIterator[Raw]:
    async with raw(loopback) as client:
        await client.agree()
        await client.settle()
        yield client


@pytest.mark.parametrize("framing", [ConnectionTcpFull, ConnectionTcpAbridged, ConnectionTcpIntermediate])
async def test_each_transport_carries_everything(loopback: Loopback, framing: Any) -> None:
    data = os.urandom(700_000)
    async with logged_in(loopback, framing=framing) as client:
        sent = await client.send_file("me", data, force_document=True)
        assert await client.download_media(sent, bytes) == data


@pytest.mark.parametrize(
    "noise",
    [
        bytes(range(7, 250, 4)),
        b"\xef" + b"\x7f\xff\xff\xff",
        b"\xee\xee\xee\xee" + struct.pack("<i", -5),
        b"\xee\xee\xee\xee" + struct.pack("<i", 1 << 30),
        struct.pack("<ii", 20, 0) + bytes(12),
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xee\xee\xee\xee" + struct.pack("<i", 8) + b"12345678",
        b"\xee\xee\xee\xee" + struct.pack("<i", 40) + bytes(40),
        b"\xee\xee\xee\xee" + struct.pack("<i", 40) + b"\x01" * 40,
    ],
)
async def test_noise_ends_its_own_connection_only(loopback: Loopback, noise: bytes) -> None:
    reader, writer = await asyncio.open_connection(loopback.host, loopback.port)
    writer.write(noise)
    writer.write_eof()
    with suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 10)
    writer.close()
    async with logged_in(loopback) as client:
        assert (await client.get_me()).first_name == "Owner"


async def test_a_key_exchange_with_wrong_numbers_is_ended(loopback: Loopback) -> None:
    async with raw(loopback) as client:
        answer = await client.send(functions.ReqPqMultiRequest(5))
        assert answer.nonce == 5
        request = functions.ReqDHParamsRequest(5, answer.server_nonce, b"\x02", b"\x03", 1, bytes(256))
        await client.write(struct.pack("<qqi", 0, 4, len(bytes(request))) + bytes(request))
        assert await client.read() == struct.pack("<i", -404)
        assert await client.closed()


async def test_an_unknown_key_and_a_changed_packet_are_answered_with_404(loopback: Loopback) -> None:
    async with ready(loopback) as client:
        client.state.auth_key = AuthKey(os.urandom(256))
        await client.encrypted(bytes(functions.PingRequest(1)))
        assert await client.read() == struct.pack("<i", -404)
    async with ready(loopback) as client:
        body = struct.pack("<qii", client.state._get_new_msg_id(), 1, 12) + bytes(functions.PingRequest(1))
        packet = bytearray(client.state.encrypt_message_data(body))
        packet[40] ^= 1
        await client.write(bytes(packet))
        assert await client.read() == struct.pack("<i", -404)


@pytest.mark.parametrize(
    ("seconds", "low", "code"),
    [(-301, 0, 16), (40, 0, 17), (0, 1, 18)],
)
async def test_bad_message_ids_are_named(loopback: Loopback, seconds: int, low: int, code: int) -> None:
    async with ready(loopback) as client:
        msg_id = ((int(time.time()) + seconds) << 32) + low
        sent = await client.encrypted(bytes(functions.PingRequest(1)), msg_id=msg_id)
        complaint = await client.next(types.BadMsgNotification)
        assert (complaint.bad_msg_id, complaint.error_code) == (sent, code)


async def test_a_request_needs_an_odd_sequence_number(loopback: Loopback) -> None:
    async with ready(loopback) as client:
        await client.encrypted(bytes(functions.help.GetConfigRequest()), seq=2)
        assert (await client.next(types.BadMsgNotification)).error_code == 35


async def test_a_new_session_is_announced_and_pings_come_back(loopback: Loopback) -> None:
    async with ready(loopback) as client:
        first = await client.encrypted(bytes(functions.PingDelayDisconnectRequest(42, 60)))
        created = await client.next(types.NewSessionCreated, types.Pong)
        assert created.first_msg_id == first
        assert created.server_salt == client.state.salt
        pong = await client.next(types.Pong)
        assert (pong.msg_id, pong.ping_id) == (first, 42)


async def test_containers_and_gzip_are_opened(loopback: Loopback) -> None:
    async with ready(loopback) as client:
        members = b""
        for body in (
            bytes(functions.PingRequest(7)),
            b"\x99\x99\x99\x99",
            bytes(GzipPacked(bytes(functions.help.GetConfigRequest()))),
        ):
            head = struct.pack("<qii", client.state._get_new_msg_id(), client.state._get_seq_no(True), len(body))
            members += head + body
        await client.encrypted(struct.pack("<Ii", 0x73F1F8DC, 3) + members, seq=6)
        seen = [await client.next(types.Pong, types.RpcError, types.Config) for _ in range(3)]
        assert {type(item) for item in seen} == {types.Pong, types.RpcError, types.Config}
        error = next(item for item in seen if isinstance(item, types.RpcError))
        assert (error.error_code, error.error_message) == (400, "INPUT_METHOD_INVALID_99999999")


async def test_a_gzip_bomb_and_a_false_container_are_refused(loopback: Loopback) -> None:
    bomb = struct.pack("<I", 0x3072CFA1) + TLObject.serialize_bytes(gzip.compress(bytes(64 << 20)))
    async with ready(loopback) as client:
        for body in (bomb, struct.pack("<Ii", 0x73F1F8DC, 5), struct.pack("<Ii", 0x73F1F8DC, -1)):
            await client.encrypted(body)
            assert (await client.next(types.BadMsgNotification)).error_code == 64


async def test_wrong_parameters_are_an_error_not_the_end(loopback: Loopback) -> None:
    async with ready(loopback) as client:
        wrong = functions.auth.SendCodeRequest("1", 1, "hash", types.InputPeerSelf())
        for body in (bytes(functions.users.GetUsersRequest([types.InputPeerSelf()])), bytes(wrong), bytes(ME)[:-4]):
            await client.encrypted(body)
            assert isinstance(await client.next(types.RpcError), types.RpcError)


async def test_a_repeated_message_is_executed_once(loopback: Loopback) -> None:
    async with ready(loopback) as client:
        sent = await client.encrypted(bytes(functions.help.GetNearestDcRequest()))
        await client.next(types.NearestDc)
        await client.encrypted(bytes(functions.help.GetNearestDcRequest()), msg_id=sent, seq=1)
        await client.next(types.NearestDc)
        assert loopback.calls["help.getNearestDc"] == 1
        await client.encrypted(bytes(types.MsgsAck([])), seq=2)


async def test_salts_of_the_future_are_good_when_their_time_comes(loopback: Loopback) -> None:
    async with ready(loopback) as client:
        await client.encrypted(bytes(functions.GetFutureSaltsRequest(3)))
        salts = (await client.next(types.FutureSalts)).salts
        assert {(b.valid_since - a.valid_since).seconds for a, b in pairwise(salts)} == {3600}
        assert salts[0].salt == client.state.salt
        client.state.salt = salts[1].salt
        await client.encrypted(bytes(functions.PingRequest(5)))
        assert (await client.next(types.Pong)).ping_id == 5


async def test_states_sessions_and_keys_can_be_asked_for_and_destroyed(loopback: Loopback) -> None:
    async with ready(loopback) as client:
        sent = await client.encrypted(bytes(functions.help.GetNearestDcRequest()))
        await client.next(types.NearestDc)
        await client.encrypted(bytes(types.MsgsStateReq([sent, 12])), seq=2)
        assert (await client.next(types.MsgsStateInfo)).info == "\x04\x01"
        await client.encrypted(bytes(functions.DestroySessionRequest(77)))
        assert (await client.next(types.DestroySessionNone)).session_id == 77
        await client.encrypted(bytes(functions.RpcDropAnswerRequest(sent)))
        await client.next(types.RpcAnswerUnknown)
        await client.encrypted(bytes(functions.DestroyAuthKeyRequest()))
        await client.next(types.DestroyAuthKeyOk)
        await client.encrypted(bytes(functions.PingRequest(1)))
        assert await client.read() == struct.pack("<i", -404)


async def test_calls_wait_for_those_they_come_after(loopback: Loopback) -> None:
    async with logged_in(loopback) as client:
        loopback.faults.delay("messages.sendMessage", 0.1, times=1)
        requests = [
            functions.messages.SendMessageRequest(types.InputPeerSelf(), text, random_id=number)
            for number, text in enumerate(("first", "second"), 1)
        ]
        await client(requests, ordered=True)
        assert [message.message for message in loopback.messages()] == ["first", "second"]


async def test_a_temporary_key_acts_for_the_permanent_one_it_is_bound_to(loopback: Loopback) -> None:
    async with logged_in(loopback) as permanent, raw(loopback) as client:
        await client.agree()
        identity = client.state.auth_key.key_id
        loopback._world.keys._known[signed(identity)].expires = int(time.time()) + 3600
        await client.settle()
        await client.encrypted(bytes(ME))
        assert (await client.next(types.RpcError)).error_message == "AUTH_KEY_UNREGISTERED"
        key = permanent.session.auth_key
        msg_id = client.state._get_new_msg_id()
        await client.encrypted(bytes(binding(key, client.state, msg_id)), msg_id=msg_id)
        assert await client.next(bool) is True
        await client.encrypted(bytes(ME))
        assert (await client.next(list))[0].id == loopback.owner.user_id


def signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number


def binding(key: Any, state: Any, msg_id: int) -> Any:
    """``auth.bindTempAuthKey`` as the documentation builds it."""
    nonce, expires = 99, int(time.time()) + 3600
    temporary, permanent = signed(state.auth_key.key_id), signed(key.key_id)
    inner = bytes(types.BindAuthKeyInner(nonce, temporary, permanent, state.id, expires))
    plain = os.urandom(16) + struct.pack("<qii", msg_id, 0, len(inner)) + inner
    msg_key = sha1(plain).digest()[4:20]  # noqa: S324 -- the protocol's own choice
    a, b, c, d = (
        sha1(data).digest()  # noqa: S324
        for data in (
            msg_key + key.key[:32],
            key.key[32:48] + msg_key + key.key[48:64],
            key.key[64:96] + msg_key,
            msg_key + key.key[96:128],
        )
    )
    cipher = AES.encrypt_ige(plain, a[:8] + b[8:20] + c[4:16], a[8:20] + b[:8] + c[16:20] + d[:8])
    message = struct.pack("<q", permanent) + msg_key + cipher
    return functions.auth.BindTempAuthKeyRequest(permanent, nonce, expires, message)


async def test_short_answers_survive_a_socket_that_is_replaced(loopback: Loopback) -> None:
    async with ready(loopback) as client:
        sent = await client.encrypted(bytes(functions.help.GetNearestDcRequest()))
        await client.next(types.NearestDc)
        async with raw(loopback) as again:
            again.state = client.state
            await again.encrypted(bytes(functions.help.GetNearestDcRequest()), msg_id=sent, seq=1)
            await again.next(types.NearestDc)
        assert loopback.calls["help.getNearestDc"] == 1


async def test_updates_are_pushed_gzipped_when_long(loopback: Loopback) -> None:
    async with logged_in(loopback) as client:
        heard = Heard(client, events.NewMessage())
        loopback.say("long " * 800)
        assert len((await heard.next()).message.message) == 4000
