"""A client that is not Telethon logs in to the embedded Telegram and downloads what Telethon posted."""

import asyncio
import hashlib
import os
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import cryptg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from medusa.loopback import Loopback, serve
from medusa.loopback.crypto import load_server_key
from tests.integration.loopback_clients import logged_in

with warnings.catch_warnings():
    # On import it asks for the current event loop, which newer Pythons disapprove of.
    warnings.simplefilter("ignore", DeprecationWarning)
    from pyrogram import Client
    from pyrogram.connection import Connection
    from pyrogram.connection.transport import TCPAbridged, TCPFull, TCPIntermediate
    from pyrogram.crypto import aes, rsa
    from pyrogram.errors import BadRequest
    from pyrogram.handlers import MessageHandler
    from pyrogram.raw import functions


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kurigram notes errors that it does not know in a file of the current folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def quick_aes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kurigram's pure-Python AES takes 15 seconds per megabyte: give it a compiled one."""
    monkeypatch.setattr(aes, "ige256_encrypt", cryptg.encrypt_ige)
    monkeypatch.setattr(aes, "ige256_decrypt", cryptg.decrypt_ige)


def _trust(loopback: Loopback) -> None:
    public = serialization.load_pem_public_key(loopback.key_file.read_bytes())
    assert isinstance(public, RSAPublicKey)
    numbers = public.public_numbers()
    fingerprint = load_server_key(loopback.key_file.with_name("key.pem").read_bytes()).fingerprint
    rsa.server_public_keys[fingerprint] = rsa.PublicKey(numbers.n, numbers.e)


def _client(loopback: Loopback, folder: Path, framing: Any = TCPAbridged, **options: Any) -> Any:
    _trust(loopback)

    class Here(Connection):  # type: ignore[misc]
        def __init__(self, **where: Any) -> None:
            super().__init__(**where | {"server_address": loopback.host, "port": loopback.port})

    own = {"in_memory": True, "workdir": str(folder), "connection_factory": Here, "protocol_factory": framing}
    return Client("kurigram", 1, "hash", **own, **options)


@asynccontextmanager
async def _kurigram(loopback: Loopback, folder: Path, framing: Any = TCPAbridged) -> AsyncIterator[Any]:
    client = _client(loopback, folder, framing, no_updates=True)
    await client.connect()
    try:
        yield client
    finally:
        for session in client.media_sessions.values():
            await session.stop()
        await client.disconnect()


async def _log_in(client: Any, loopback: Loopback) -> Any:
    sent = await client.send_code(loopback.owner.phone)
    return await client.sign_in(loopback.owner.phone, sent.phone_code_hash, loopback.owner.code)


async def test_it_reads_and_downloads_what_telethon_posted(tmp_path: Path) -> None:
    data = os.urandom(3 * 1024 * 1024 + 123)
    file = tmp_path / "film.bin"
    file.write_bytes(data)
    async with serve() as loopback, _kurigram(loopback, tmp_path) as client:
        async with logged_in(loopback) as telethon:
            posted = await telethon.send_file("me", file, caption="a **film**", force_document=True)
        me = await _log_in(client, loopback)
        assert (me.id, me.first_name) == (loopback.owner.user_id, "Owner")
        history = [message async for message in client.get_chat_history("me")]
        assert [(message.id, message.caption) for message in history] == [(posted.id, "a film")]
        assert history[0].document.file_name == "film.bin"
        got = await client.download_media(history[0], in_memory=True)
        assert hashlib.sha256(got.getvalue()).hexdigest() == loopback.files()[0].sha256
        assert loopback.files()[0].read() == data


@pytest.mark.parametrize("framing", [TCPFull, TCPAbridged, TCPIntermediate])
async def test_each_transport_carries_it(tmp_path: Path, framing: Any) -> None:
    async with serve() as loopback, _kurigram(loopback, tmp_path, framing) as client:
        await _log_in(client, loopback)
        sent = await client.send_message("me", "hello")
        assert [message.message for message in loopback.messages()] == ["hello"]
        await client.edit_message_text("me", sent.id, "changed")
        assert [message.message for message in loopback.messages()] == ["changed"]


async def test_it_uploads_what_the_server_then_holds(tmp_path: Path) -> None:
    data = os.urandom(11 * 1024 * 1024)
    file = tmp_path / "big.bin"
    file.write_bytes(data)
    async with serve() as loopback, _kurigram(loopback, tmp_path) as client:
        await _log_in(client, loopback)
        await client.send_document("me", str(file))
        assert loopback.files()[0].sha256 == hashlib.sha256(data).hexdigest()


async def test_a_method_that_is_not_served_is_an_error_not_the_end(tmp_path: Path) -> None:
    async with serve() as loopback, _kurigram(loopback, tmp_path) as client:
        await _log_in(client, loopback)
        with pytest.raises(BadRequest, match="INPUT_METHOD_INVALID"):
            await client.invoke(functions.account.GetWallPapers(hash=0))
        assert (await client.get_me()).first_name == "Owner"


async def test_it_answers_the_two_step_challenge_and_hears_updates(tmp_path: Path) -> None:
    async with serve() as loopback:
        loopback.set_password(loopback.owner, "secret")
        owner = {"phone_number": loopback.owner.phone, "phone_code": loopback.owner.code, "password": "secret"}
        client = _client(loopback, tmp_path, **owner)
        heard: asyncio.Queue[str] = asyncio.Queue()

        async def hear(_client: Any, message: Any) -> None:
            await heard.put(message.text)

        client.add_handler(MessageHandler(hear))
        await client.start()
        loopback.say("from elsewhere")
        assert await asyncio.wait_for(heard.get(), 10) == "from elsewhere"
        await client.stop()
