"""The embedded Telegram as a benchmark server: far away, narrow, crowded, forgetful, and told so from outside."""

import asyncio
import json
import logging
import os
import struct
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from telethon import errors
from telethon.network.mtprotostate import MTProtoState
from telethon.tl import functions, types

from medusa.loopback import Loopback, Network, serve
from tests.integration.loopback_clients import connected, logged_in, session_for, until

PART = 512 * 1024
RUN = "import sys; from medusa.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
async def loopback() -> AsyncIterator[Loopback]:
    async with serve() as running:
        yield running


def part(number: int, data: bytes, file_id: int = 7, total: int = 40) -> Any:
    return functions.upload.SaveBigFilePartRequest(file_id, number, total, data)


def use(parts: int, file_id: int = 7) -> Any:
    media = types.InputMediaUploadedDocument(types.InputFileBig(file_id, parts, "film.mp4"), "video/mp4", [])
    return functions.messages.UploadMediaRequest("me", media)


async def round_trip(client: Any, loopback: Loopback, data: bytes) -> None:
    sent = await client.send_file("me", data, force_document=True)
    assert await client.download_media(sent, bytes) == data
    stored = loopback.last_file()
    assert stored is not None
    assert stored.sha256 == sha256(data).hexdigest()


async def test_far_and_narrow_everything_still_arrives(loopback: Loopback) -> None:
    data = os.urandom(900_000)
    async with logged_in(loopback) as client:
        loopback.network.rtt = 0.03
        loopback.network.up_cap = loopback.network.down_cap = 20_000_000
        loop = asyncio.get_running_loop()
        before = loop.time()
        await client(functions.help.GetNearestDcRequest())
        assert loop.time() - before >= loopback.network.rtt
        await round_trip(client, loopback, data)
        loopback.network.rtt, loopback.network.up_cap, loopback.network.down_cap = 0.0, None, None
        await round_trip(client, loopback, data)


async def test_what_was_sent_before_the_end_is_delivered() -> None:
    async with serve(network=Network(rtt=0.2)) as loopback:
        async with logged_in(loopback) as client:
            future = client._sender.send(
                functions.messages.SendMessageRequest(types.InputPeerSelf(), "last words", random_id=1)
            )
            await asyncio.sleep(0.05)
            future.cancel()
        await until(lambda: bool(loopback.messages()))
    assert loopback.calls["messages.sendMessage"] == 1


async def test_a_trusting_server_takes_the_same_files(loopback: Loopback) -> None:
    loopback.network.checked = False
    async with logged_in(loopback) as client:
        await round_trip(client, loopback, os.urandom(700_000))


async def test_a_crowd_of_connections_is_refused(loopback: Loopback) -> None:
    session = session_for(loopback)
    loopback.faults.limit_connections(2)
    async with logged_in(loopback, session=session) as first:
        async with connected(loopback, session=session):
            assert await _knock(loopback, session) == -429
            await first.get_me()
            loopback.faults.limit_connections(3)
            assert await _knock(loopback, session) != -429
        loopback.faults.limit_connections(1)
        assert await _knock(loopback, session) == -429
        loopback.faults.clear()
        assert await _knock(loopback, session) != -429


async def _knock(loopback: Loopback, session: Any) -> int:
    """One ping over a new connection with the session's auth key; returns the first number of the answer."""
    state = MTProtoState(session.auth_key, loggers=defaultdict(lambda: logging.getLogger("knock")))
    ping = bytes(functions.PingRequest(1))
    packet = state.encrypt_message_data(struct.pack("<qii", state._get_new_msg_id(), 0, len(ping)) + ping)
    reader, writer = await asyncio.open_connection(loopback.host, loopback.port)
    writer.write(b"\xee\xee\xee\xee" + struct.pack("<i", len(packet)) + packet)
    length, first = struct.unpack("<ii", await asyncio.wait_for(reader.readexactly(8), 10))
    if length == 4:
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    return int(first)


async def test_old_parts_of_unfinished_uploads_expire(loopback: Loopback) -> None:
    async with logged_in(loopback) as client:
        for number in range(2):
            await client(part(number, bytes(1024), total=2))
        loopback.faults.expire_parts(0.0)
        with pytest.raises(errors.FilePart0MissingError):
            await client(use(2))
        loopback.faults.expire_parts(60.0)
        for number in range(2):
            await client(part(number, bytes(1024), total=2))
        await client(use(2))
        loopback.faults.expire_parts(0.0)
        await client(use(2))


async def test_parts_that_are_acknowledged_and_lost(loopback: Loopback) -> None:
    async with logged_in(loopback) as client:
        loopback.faults.lose("upload.saveBigFilePart", when=lambda request: request.file_part == 1)
        for number in range(2):
            assert await client(part(number, bytes(1024), total=2)) is True
        with pytest.raises(errors.FilePartMissingError) as caught:
            await client(use(2))
        assert caught.value.which == 1
        await client(part(1, bytes(1024), total=2))
        await client(use(2))


async def test_a_chance_with_a_seed_meets_the_same_parts(loopback: Loopback) -> None:
    async def floods(seed: int) -> list[int]:
        fault = loopback.faults.fail("upload.save*Part", "FLOOD_WAIT_1", times=None, chance=0.2, seed=seed)
        met = []
        for number in range(40):
            try:
                await client(part(number, bytes(1024)))
            except errors.FloodWaitError:
                met.append(number)
        fault.stop()
        return met

    async with logged_in(loopback, flood_sleep_threshold=0) as client:
        client._flood_waited_requests = _Forgetful()
        first, second, other = await floods(1), await floods(1), await floods(2)
    assert first
    assert first == second != other


class _Forgetful(dict[int, float]):
    """Telethon refuses requests of a kind that was flooded without sending them; this lets it send them."""

    def __setitem__(self, key: int, value: float) -> None:
        pass


async def test_a_server_of_its_own_obeys_and_tells(tmp_path: Path) -> None:
    options = ["loopback", "--json", "--control", "--rtt", "1", "--cap", "50", "--trusting", "--dir", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", RUN, *options), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None
    told = json.loads(await stdout.readline())

    async def ask(line: str) -> Any:
        stdin.write(f"{line}\n".encode())
        return json.loads(await stdout.readline())

    server: Any = _Elsewhere(told)
    data = os.urandom(300_000)
    async with logged_in(server, account=server) as client:
        assert await ask("rtt 0") == await ask("up off") == await ask("trusting off") == {"ok": True}
        await client.send_file("me", data, force_document=True)
        stats = await ask("stats")
        assert stats["last"]["sha256"] == sha256(data).hexdigest()
        assert (stats["payload"], stats["calls"]["messages.sendMedia"]) == (len(data), 1)
        assert await ask("flood 100 3") == {"ok": True}
        with pytest.raises(errors.FloodWaitError):
            await client(part(0, bytes(1024)))
        assert await ask("clear") == await ask("reset") == {"ok": True}
        emptied = await ask("stats")
        assert (emptied["payload"], emptied.get("last")) == (0, None)
    for wrong in ("", "dance", "rtt", "rtt fast", "rtt -1", "rtt nan", "rtt 1 2", "stats\xff now and then"):
        answer = await ask(wrong)
        assert "error" in answer or wrong.startswith("stats")
    assert "stats" in "".join((await ask("help"))["help"])
    stdin.close()
    assert await asyncio.wait_for(process.wait(), 20) == 0


class _Elsewhere:
    """What the clients of these tests need to know of a server in another process."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.dc_id, self.host, self.port = told["dc_id"], told["host"], told["port"]
        self.key_file = Path(told["key_file"])
        self.phone, self.code = told["phone"], told["code"]
