"""Troubles that a test lays on the embedded Telegram, as the real Telethon client meets them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from telethon import errors
from telethon.tl import functions, types

from medusa.loopback import Loopback, serve
from tests.integration.loopback_clients import connected, logged_in, session_for, until


@pytest.fixture
async def loopback() -> AsyncIterator[Loopback]:
    async with serve() as running:
        yield running


@pytest.fixture
async def client(loopback: Loopback) -> AsyncIterator[Any]:
    async with logged_in(loopback, connection_retries=100) as telethon:
        yield telethon


def part(number: int, total: int = 3) -> Any:
    return functions.upload.SaveBigFilePartRequest(7, number, total, bytes(1024))


def text(words: str, random_id: int = 1) -> Any:
    return functions.messages.SendMessageRequest("me", words, random_id=random_id)


def said(loopback: Loopback) -> list[str]:
    return [message.message for message in loopback.messages()]


async def test_an_error_strikes_as_often_as_told(client: Any, loopback: Loopback) -> None:
    fault = loopback.faults.fail("upload.saveBigFilePart", "FLOOD_PREMIUM_WAIT_3", times=2)
    for _ in range(2):
        with pytest.raises(errors.FloodPremiumWaitError) as caught:
            await client._sender.send(part(0))
        assert (caught.value.seconds, caught.value.code) == (3, 420)
    assert await client._sender.send(part(0))
    assert fault.hits == 2


async def test_an_error_strikes_only_where_it_is_meant(client: Any, loopback: Loopback) -> None:
    loopback.faults.fail("upload.*", "FILE_PART_7_MISSING", times=None, when=lambda request: request.file_part == 1)
    assert await client._sender.send(part(0))
    with pytest.raises(errors.FilePartMissingError):
        await client._sender.send(part(1))
    loopback.faults.clear()
    assert await client._sender.send(part(1))


async def test_chance_is_the_same_for_the_same_seed(client: Any, loopback: Loopback) -> None:
    async def run(seed: int) -> list[bool]:
        fault = loopback.faults.fail("users.getUsers", "TIMEOUT", code=400, times=None, chance=0.5, seed=seed)
        outcomes = []
        for _ in range(16):
            before = fault.hits
            with suppress(errors.RPCError):
                await client._sender.send(functions.users.GetUsersRequest([types.InputUserSelf()]))
            outcomes.append(fault.hits > before)
        fault.stop()
        return outcomes

    first = await run(1)
    assert (first == await run(1), 0 < sum(first) < 16) == (True, True)


@pytest.mark.parametrize(("executed", "posts"), [(True, 1), (False, 1)])
async def test_a_connection_cut_at_a_call_is_answered_after_reconnecting(
    client: Any, loopback: Loopback, executed: bool, posts: int
) -> None:
    fault = loopback.faults.drop("messages.sendMessage", executed=executed)
    result = await client(text("once"))
    assert (fault.hits, loopback.calls["messages.sendMessage"]) == (1, 2)
    assert (said(loopback), result.updates[0].id) == (["once"], 1)


async def test_a_call_hangs_while_others_go_on(client: Any, loopback: Loopback) -> None:
    loopback.faults.hang("messages.sendMessage")
    hanging = client._sender.send(await resolved(client, text("never")))
    await client(text("meanwhile", 2))
    assert (hanging.done(), said(loopback)) == (False, ["meanwhile"])


async def resolved(client: Any, request: Any) -> Any:
    request.peer = await client.get_input_entity(request.peer)
    return request


async def test_a_delayed_call_is_overtaken(client: Any, loopback: Loopback) -> None:
    delay = loopback.faults.delay("messages.sendMessage", 0.2, times=1)
    first = asyncio.ensure_future(client(text("first", 1)))
    await until(lambda: delay.hits == 1)
    await client(text("second", 2))
    await first
    assert said(loopback) == ["second", "first"]


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        ("AUTH_KEY_UNREGISTERED", 401, errors.AuthKeyUnregisteredError),
        ("SESSION_REVOKED", 401, errors.SessionRevokedError),
        ("USER_DEACTIVATED_BAN", 401, errors.UserDeactivatedBanError),
        ("AUTH_KEY_DUPLICATED", 406, errors.AuthKeyDuplicatedError),
    ],
)
async def test_a_revoked_key_is_refused(
    client: Any, loopback: Loopback, error: str, code: int, kind: type[errors.RPCError]
) -> None:
    loopback.faults.revoke(loopback.owner, error)
    with pytest.raises(kind) as caught:
        await client(functions.updates.GetStateRequest())
    assert caught.value.code == code


async def test_a_forgotten_key_is_answered_with_404(client: Any, loopback: Loopback) -> None:
    loopback.faults.forget_keys(loopback.owner)
    with pytest.raises(errors.AuthKeyNotFound):
        await client(functions.updates.GetStateRequest())


async def test_changed_salts_are_corrected(client: Any, loopback: Loopback) -> None:
    before = client._sender._state.salt
    loopback.faults.change_salts()
    await client(text("all the same"))
    assert said(loopback) == ["all the same"]
    assert client._sender._state.salt != before


async def test_a_flooded_transport_is_told_so(loopback: Loopback) -> None:
    async with logged_in(loopback) as client:
        loopback.faults.transport_error(429)
        with pytest.raises(errors.InvalidBufferError) as caught:
            await client(text("too much"))
        assert caught.value.code == 429


async def test_refused_connections(loopback: Loopback) -> None:
    session = session_for(loopback)
    async with logged_in(loopback, session=session):
        pass
    loopback.faults.refuse_connections()
    with pytest.raises((OSError, EOFError)):
        async with connected(loopback, session=session, connection_retries=1, auto_reconnect=False):
            pass
    loopback.faults.clear()
    async with connected(loopback, session=session) as client:
        assert await client.is_user_authorized()


async def test_forgotten_parts_are_missed(client: Any, loopback: Loopback) -> None:
    for number in range(3):
        await client(part(number))
    loopback.faults.forget_parts(7, [1])
    media = types.InputMediaUploadedDocument(types.InputFileBig(7, 3, "a"), "text/plain", [])
    request = functions.messages.UploadMediaRequest("me", media)
    with pytest.raises(errors.FilePartMissingError) as caught:
        await client(request)
    assert caught.value.which == 1
    await client(part(1))
    await client(request)
    loopback.faults.forget_parts(8)
    await client(functions.upload.SaveBigFilePartRequest(8, 0, 2, bytes(1024)))
    loopback.faults.forget_parts(8)
    media.file = types.InputFileBig(8, 2, "b")
    with pytest.raises(errors.FilePart0MissingError):
        await client(request)


async def test_a_chat_can_be_closed_for_writing_and_editing(client: Any, loopback: Loopback) -> None:
    channel = loopback.channel("News")
    await client.get_dialogs()
    post = await client.send_message(channel, "first")
    loopback.faults.forbid(channel, "write", "CHAT_WRITE_FORBIDDEN")
    loopback.faults.forbid(channel, "edit", "MESSAGE_EDIT_TIME_EXPIRED")
    with pytest.raises(errors.ChatWriteForbiddenError):
        await client.send_message(channel, "second")
    with pytest.raises(errors.MessageEditTimeExpiredError):
        await client.edit_message(channel, post, "changed")
    loopback.faults.forbid(channel, "write", None)
    loopback.faults.forbid(channel, "edit", None)
    await client.send_message(channel, "second")
    await client.edit_message(channel, post, "changed")
