"""The phone against the embedded Telegram: what it sends, sees and downloads."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from medusa import loopback
from medusa.errors import MedusaError
from medusa.telegram.phone import Change, Phone, Server, open_phone, session_string


@pytest.fixture
async def telegram() -> AsyncIterator[loopback.Loopback]:
    async with loopback.serve() as running:
        yield running


def server_of(telegram: loopback.Loopback) -> Server:
    return Server(telegram.host, telegram.port, telegram.dc_id, telegram.key_file)


@pytest.fixture
async def phone(telegram: loopback.Loopback) -> AsyncIterator[Phone]:
    async with open_phone(server_of(telegram), telegram.owner.phone, telegram.owner.code) as opened:
        yield opened


@pytest.fixture
async def other(telegram: loopback.Loopback) -> AsyncIterator[Phone]:
    """A second session of the same account."""
    async with open_phone(server_of(telegram), telegram.owner.phone, telegram.owner.code) as opened:
        yield opened


async def next_change(changes: AsyncIterator[Change]) -> Change:
    return await asyncio.wait_for(anext(changes), 10)


async def test_a_message_reaches_the_other_session_as_it_was_written(phone: Phone, other: Phone) -> None:
    with other.changes() as changes:
        sent = await phone.send(0, "**not** bold, /dl https://example.com/a_b_c")
        change = await next_change(changes)
    assert change.message is not None
    assert (change.message.id, change.message.text) == (sent, "**not** bold, /dl https://example.com/a_b_c")
    assert change.message.out
    assert change.chat_id == other.user_id
    assert [one.id for one in await other.history(0)] == [sent]


async def test_replies_deletions_and_gone_messages(phone: Phone, other: Phone) -> None:
    first = await phone.send(0, "first")
    reply = await phone.send(0, "second", reply_to=first)
    seen = await other.message(0, reply)
    assert seen is not None
    assert seen.reply_to == first
    with other.changes() as changes:
        await phone.delete(0, first)
        change = await next_change(changes)
    assert change.deleted == (first,)
    assert await other.message(0, first) is None


async def test_a_file_comes_back_whole_and_by_range(phone: Phone, other: Phone, tmp_path: Path) -> None:
    data = random.Random(3).randbytes(1_300_000)
    path = tmp_path / "list of links.txt"
    path.write_bytes(data)
    sent = await phone.send(0, "the list", path)
    message = await other.message(0, sent)
    assert message is not None
    assert message.file is not None
    assert (message.text, message.file.name, message.file.size) == ("the list", "list of links.txt", len(data))
    assert message.file.kind == "file"

    async def part(offset: int = 0, limit: int | None = None) -> bytes:
        return b"".join([chunk async for chunk in other.download(0, sent, offset, limit)])

    assert await part() == data
    assert await part(1_000_001, 17) == data[1_000_001:1_000_018]
    assert await part(len(data) - 5, 100) == data[-5:]
    assert await part(len(data), 10) == b""
    assert await other.thumb(0, sent) is None


async def test_channels_are_made_and_listed(phone: Phone, other: Phone) -> None:
    channel = await phone.create_channel("News")
    await phone.send(channel, "hello channel")
    assert [(chat.id, chat.title, chat.kind, chat.preview) for chat in await other.chats()] == [
        (other.user_id, "Saved Messages", "saved", ""),
        (channel, "News", "channel", "hello channel"),
    ]
    assert (await other.history(channel))[-1].text == "hello channel"


async def test_another_person_writes_to_the_owner(telegram: loopback.Loopback, phone: Phone) -> None:
    ann = telegram.add_account("+9996600001", "Ann", password="open sesame")
    async with open_phone(server_of(telegram), ann.phone, ann.code, "open sesame") as stranger:
        owner = await stranger.find_person(telegram.owner.phone)
        with phone.changes() as changes:
            await stranger.send(owner, "hi")
            change = await next_change(changes)
    assert change.message is not None
    assert (change.message.text, change.message.sender, change.message.out) == ("hi", "Ann", False)
    assert [(chat.title, chat.kind) for chat in await phone.chats()] == [("Saved Messages", "saved"), ("Ann", "person")]


async def test_refusals_come_as_our_own_errors(telegram: loopback.Loopback, phone: Phone) -> None:
    with pytest.raises(MedusaError):
        await phone.send(0, "   ")
    with pytest.raises(MedusaError):
        async with open_phone(server_of(telegram), telegram.owner.phone, "00000"):
            pass


async def test_a_text_too_long_for_one_message_goes_on_in_others(phone: Phone) -> None:
    await phone.send(0, "x" * 5000)
    assert [len(message.text) for message in await phone.history(phone.user_id)] == [4096, 904]


async def test_a_reader_that_lags_too_far_is_dropped(phone: Phone) -> None:
    with phone.changes() as changes:
        for number in range(1100):
            phone._tell(Change(None, deleted=(number,)))
        seen = [change.deleted[0] async for change in changes]
    assert seen == list(range(1000))


async def test_a_session_string_is_a_login_of_its_own(telegram: loopback.Loopback) -> None:
    text = await session_string(server_of(telegram), telegram.owner.phone, telegram.owner.code)
    assert len(text) == 353
