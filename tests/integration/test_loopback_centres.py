"""Several data centres and the CDN: keys of their own, exported authorizations, files that lie elsewhere."""

import os
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from telethon import TelegramClient, errors
from telethon.crypto import rsa
from telethon.sessions import MemorySession
from telethon.tl import functions, types

from medusa.loopback import Loopback, serve
from tests.integration.loopback_clients import connected, logged_in, session_for

OTHER, CDN = 5, 203
KB = 1024


@pytest.fixture
async def loopback(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Loopback]:
    # Telethon keeps what a server said of its data centres in the class, for all clients to come.
    monkeypatch.setattr(TelegramClient, "_config", None)
    monkeypatch.setattr(TelegramClient, "_cdn_config", None)
    async with serve() as running:
        yield running


@pytest.fixture
async def client(loopback: Loopback) -> AsyncIterator[Any]:
    async with logged_in(loopback) as telethon:
        yield telethon


class Elsewhere:
    """Another data centre of a server, as the test clients see a server."""

    def __init__(self, loopback: Loopback, dc_id: int) -> None:
        self.dc_id = dc_id
        self.host, self.port = loopback.centres[dc_id]
        self.key_file: Path = loopback.key_file


def at(loopback: Loopback, dc_id: int, session: Any = None) -> Any:
    """A client that is connected to another data centre."""
    place: Any = Elsewhere(loopback, dc_id)
    return connected(place, session or session_for(place))


async def send(client: Any, loopback: Loopback, data: bytes) -> tuple[Any, Any]:
    """Post a file; returns its message and its location."""
    message = await client.send_file("me", data, force_document=True)
    document = message.media.document
    return message, types.InputDocumentFileLocation(
        document.id, document.access_hash, document.file_reference, thumb_size=""
    )


async def test_a_client_is_told_of_all_centres(client: Any, loopback: Loopback) -> None:
    config = await client(functions.help.GetConfigRequest())
    told = {option.id: (option.ip_address, option.port, bool(option.cdn)) for option in config.dc_options}
    assert told == {dc_id: (host, port, dc_id == CDN) for dc_id, (host, port) in loopback.centres.items()}
    assert set(told) == {loopback.dc_id, OTHER, CDN}


async def test_keys_are_known_in_their_own_centre_only(client: Any, loopback: Loopback) -> None:
    session = MemorySession()
    session.auth_key = client.session.auth_key
    with pytest.raises(errors.AuthKeyNotFound):
        async with at(loopback, OTHER, session):
            pass


async def test_accounts_live_at_home(loopback: Loopback) -> None:
    async with at(loopback, OTHER) as client:
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await client._sender.send(functions.updates.GetStateRequest())
        await client.send_code_request(loopback.owner.phone)
        await client.sign_in(loopback.owner.phone, loopback.owner.code)
        assert client.session.dc_id == loopback.dc_id
        assert (await client.get_me()).first_name == "Owner"


async def test_an_authorization_goes_to_the_centre_that_it_was_made_for(client: Any, loopback: Loopback) -> None:
    async with at(loopback, OTHER) as other:
        wrong = await client(functions.auth.ExportAuthorizationRequest(loopback.dc_id))
        with pytest.raises(errors.AuthBytesInvalidError):
            await other(functions.auth.ImportAuthorizationRequest(wrong.id, wrong.bytes))
        right = await client(functions.auth.ExportAuthorizationRequest(OTHER))
        await other(functions.auth.ImportAuthorizationRequest(right.id, right.bytes))
        with pytest.raises(errors.AuthBytesInvalidError):
            await other(functions.auth.ImportAuthorizationRequest(right.id, right.bytes))
        with pytest.raises(errors.UserMigrateError):
            await other._sender.send(functions.upload.SaveFilePartRequest(7, 0, b"data"))
        with pytest.raises(errors.DcIdInvalidError):
            await client(functions.auth.ExportAuthorizationRequest(CDN))
        loopback.faults.forget_keys(loopback.owner)
        with pytest.raises((errors.AuthKeyNotFound, ConnectionError)):
            await other(functions.help.GetNearestDcRequest())


async def test_a_file_is_fetched_from_where_it_lies(client: Any, loopback: Loopback) -> None:
    data = os.urandom(700 * KB)
    message, where = await send(client, loopback, data)
    document = message.media.document
    loopback.move_file(document.id, OTHER)
    request = functions.upload.GetFileRequest(where, 0, 64 * KB)
    with pytest.raises(errors.FileMigrateError) as caught:
        await client(request)
    assert caught.value.new_dc == OTHER
    fresh = await client.get_messages("me", ids=message.id)
    assert fresh.media.document.dc_id == OTHER
    async with at(loopback, OTHER) as other:
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await other(request)
    assert await client.download_media(fresh, bytes) == data
    assert loopback.calls["auth.importAuthorization"] == 1


async def test_the_cdn_hands_out_what_was_sent_there(client: Any, loopback: Loopback) -> None:
    data = os.urandom(1300 * KB)
    _, where = await send(client, loopback, data)
    loopback.cdn = True
    plain = await client(functions.upload.GetFileRequest(where, 0, 64 * KB))
    assert plain.bytes == data[: 64 * KB]
    sent = await client(functions.upload.GetFileRequest(where, 0, 64 * KB, cdn_supported=True))
    assert (type(sent), sent.dc_id) == (types.upload.FileCdnRedirect, CDN)
    async with await _cdn_client(client, loopback) as cdn:
        first = functions.upload.GetCdnFileRequest(sent.file_token, 0, 1024 * KB)
        needed = await cdn(first)
        assert isinstance(needed, types.upload.CdnFileReuploadNeeded)
        with pytest.raises(errors.RPCError, match="REQUEST_TOKEN_INVALID"):
            await client(functions.upload.ReuploadCdnFileRequest(sent.file_token, b"wrong"))
        await client(functions.upload.ReuploadCdnFileRequest(sent.file_token, needed.request_token))
        second = functions.upload.GetCdnFileRequest(sent.file_token, 1024 * KB, 1024 * KB)
        got = [_decrypt(sent, n << 20, (await cdn(request)).bytes) for n, request in enumerate((first, second))]
        assert b"".join(got) == data
        hashes = await client(functions.upload.GetCdnFileHashesRequest(sent.file_token, 1024 * KB))
        assert [(item.offset, item.limit) for item in hashes][-1] == (1280 * KB, 20 * KB)
        assert hashes[0].hash == sha256(data[1024 * KB : 1152 * KB]).digest()
        loopback.faults.lie_on_cdn()
        assert _decrypt(sent, 0, (await cdn(first)).bytes) != data[: 1024 * KB]
        with pytest.raises(errors.RPCError, match="FILE_TOKEN_INVALID"):
            await cdn(functions.upload.GetCdnFileRequest(b"unknown", 0, 64 * KB))
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await cdn(functions.updates.GetStateRequest())


async def _cdn_client(client: Any, loopback: Loopback) -> Any:
    """A client of the CDN, which trusts the key that the home centre names."""
    config = await client(functions.help.GetCdnConfigRequest())
    assert [key.dc_id for key in config.public_keys] == [CDN]
    rsa.add_key(config.public_keys[0].public_key, old=False)
    return at(loopback, CDN)


def _decrypt(redirect: Any, offset: int, data: bytes) -> bytes:
    counter = redirect.encryption_iv[:12] + (offset // 16).to_bytes(4, "big")
    return Cipher(algorithms.AES(redirect.encryption_key), modes.CTR(counter)).decryptor().update(data)
