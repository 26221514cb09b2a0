"""Telethon's session in the encrypted state: with the real client, against the embedded Telegram."""

import asyncio
import datetime
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from telethon import TelegramClient, events
from telethon.crypto import AuthKey, rsa
from telethon.sessions import MemorySession, StringSession
from telethon.tl import types

from medusa.errors import Transient, UserError
from medusa.loopback import Loopback, serve
from medusa.storage import Store, open_store
from medusa.storage.telegram import Login, TelegramState
from medusa.telegram.session import StoreSession, parse_string

KEY = bytes(range(256))
ADDRESS = ("149.154.167.51", 443)
CHANNEL = 1234


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "state") as opened:
        yield opened


@pytest.fixture
async def telegram() -> AsyncIterator[Loopback]:
    async with serve() as running:
        rsa.add_key(running.key_file.read_bytes(), old=False)
        yield running


async def load(store: Store) -> StoreSession:
    return await StoreSession.load(TelegramState(store))


async def logged_in(store: Store) -> StoreSession:
    """A session as Telethon leaves it after a key exchange."""
    session = await load(store)
    session.set_dc(2, *ADDRESS)
    session.auth_key = AuthKey(KEY)
    await session.save()
    return session


def user(number: int, name: str, username: str | None = None, phone: str | None = None) -> Any:
    return types.User(number, access_hash=number * 10, first_name=name, username=username, phone=phone)


def group(number: int, title: str) -> Any:
    now = datetime.datetime.now(tz=datetime.UTC)
    return types.Chat(number, title, types.ChatPhotoEmpty(), participants_count=2, date=now, version=1)


def channel(number: int, title: str, username: str | None = None) -> Any:
    now = datetime.datetime.now(tz=datetime.UTC)
    return types.Channel(number, title, types.ChatPhotoEmpty(), now, access_hash=number * 10, username=username)


def place(pts: int, seq: int = 0) -> Any:
    now = datetime.datetime.now(tz=datetime.UTC)
    return types.updates.State(pts, 0, now, seq, unread_count=0)


@asynccontextmanager
async def connected(session: Any, telegram: Loopback, **options: Any) -> AsyncIterator[Any]:
    """The real client on ``session``."""
    if not session.server_address:
        session.set_dc(telegram.dc_id, telegram.host, telegram.port)
    client = TelegramClient(session, 1, "hash", **options)
    await client.connect()
    try:
        yield client
    finally:
        await client.disconnect()


async def sign_in(client: Any, telegram: Loopback) -> None:
    await client.send_code_request(telegram.owner.phone)
    await client.sign_in(telegram.owner.phone, telegram.owner.code)


async def test_a_login_lasts_over_a_restart(store: Store, telegram: Loopback) -> None:
    async with connected(await load(store), telegram) as client:
        await sign_in(client, telegram)
        sent = await client.send_message("me", "hello")
        stored = await TelegramState(store).login()
        assert stored is not None
        assert stored.auth_key == client.session.auth_key.key
    session = await load(store)
    assert (session.dc_id, session.server_address, session.port) == (telegram.dc_id, telegram.host, telegram.port)
    async with connected(session, telegram, catch_up=True) as client:
        assert (await client.get_me()).id == telegram.owner.user_id
        assert (await client.get_messages("me", ids=sent.id)).message == "hello"
        assert await client.get_input_entity("owner") == await session.get_input_entity("+9996620001")
    assert await TelegramState(store).login() == stored


async def test_what_was_written_meanwhile_is_caught_up_with(store: Store, telegram: Loopback) -> None:
    async with connected(await load(store), telegram, catch_up=True) as client:
        await sign_in(client, telegram)
    async with connected(MemorySession(), telegram) as phone:
        await sign_in(phone, telegram)
        await phone.send_message("me", "while you were away")
    heard: asyncio.Queue[Any] = asyncio.Queue()
    session = await load(store)
    client = TelegramClient(session, 1, "hash", catch_up=True)
    client.add_event_handler(heard.put, events.NewMessage())
    await client.connect()
    try:
        async with asyncio.timeout(20):
            while (await heard.get()).message.message != "while you were away":
                pass
    finally:
        await client.disconnect()


async def test_logging_out_leaves_nothing_behind(store: Store, telegram: Loopback) -> None:
    session = await load(store)
    client = TelegramClient(session, 1, "hash")
    session.set_dc(telegram.dc_id, telegram.host, telegram.port)
    await client.connect()
    await sign_in(client, telegram)
    assert await client.log_out()
    assert session.auth_key is None
    for table in ("telegram_login", "telegram_entities", "telegram_updates"):
        assert await store.read(f"SELECT * FROM {table}") == []  # noqa: S608


async def test_an_imported_string_logs_in_and_is_stored(store: Store, telegram: Loopback) -> None:
    async with connected(StringSession(), telegram) as client:
        await sign_in(client, telegram)
        text = client.session.save()
    session = await load(store)
    await session.import_string(f" {text}\n")
    assert await TelegramState(store).login() == parse_string(text)
    async with connected(await load(store), telegram) as client:
        assert (await client.get_me()).id == telegram.owner.user_id


async def test_importing_another_login_drops_what_belongs_to_the_first(store: Store) -> None:
    session = await logged_in(store)
    session.process_entities([user(1, "Ann")])
    session.set_update_state(0, place(5))
    await session.save()
    other = StringSession()
    other.set_dc(4, "149.154.167.91", 443)
    other.auth_key = AuthKey(b"o" * 256)
    await session.import_string(other.save())
    assert (session.dc_id, session.auth_key.key) == (4, b"o" * 256)
    assert session.get_update_state(0) is None
    assert await TelegramState(store).by_ids([1]) is None
    commits = store.commits
    await session.import_string(other.save())
    assert store.commits == commits


@pytest.mark.parametrize(
    "text", ["", "1", "garbage", "1" + "A" * 352, "2" + "A" * 352, "1" + "!" * 352, "1" + "é" * 352, "A" * 356, "1BQ"]
)
async def test_garbage_is_no_login_and_changes_nothing(store: Store, text: str) -> None:
    session = await logged_in(store)
    with pytest.raises(UserError, match="not a Telethon session string") as caught:
        await session.import_string(text)
    assert not text or text == "1" or text not in caught.value.user_text
    login = await TelegramState(store).login()
    assert login is not None
    assert login.auth_key == KEY


async def test_dropping_the_key_on_the_way_to_another_data_centre_keeps_the_stored_login(store: Store) -> None:
    """What Telethon does in ``_switch_dc``, up to where the process might die, and after."""
    session = await logged_in(store)
    sender_key = AuthKey(KEY)
    session.auth_key = sender_key
    session.set_dc(4, "149.154.167.91", 443)
    sender_key.key = None
    assert session.auth_key.key == KEY
    session.auth_key = None
    await session.save()
    await session.close()
    assert await TelegramState(store).login() == Login(2, *ADDRESS, KEY)
    session.auth_key = AuthKey(b"n" * 256)
    await session.save()
    assert await TelegramState(store).login() == Login(4, "149.154.167.91", 443, b"n" * 256)


@pytest.mark.parametrize("empty", [None, AuthKey(None)])
async def test_an_empty_key_object_is_no_key(store: Store, empty: Any) -> None:
    session = await logged_in(store)
    session.auth_key = empty
    assert session.auth_key is None
    await session.save()
    assert (await load(store)).auth_key == AuthKey(KEY)


async def test_the_temporary_key_and_clones_are_not_stored(store: Store) -> None:
    session = await logged_in(store)
    session.tmp_auth_key = AuthKey(b"t" * 256)
    clone = session.clone()
    assert type(clone) is MemorySession
    clone.set_dc(5, "91.108.56.130", 443)
    clone.auth_key = AuthKey(b"c" * 256)
    clone.save()
    await session.save()
    assert await TelegramState(store).login() == Login(2, *ADDRESS, KEY)


async def test_the_takeout_is_stored_with_the_login(store: Store) -> None:
    session = await logged_in(store)
    session.takeout_id = 2**60
    await session.save()
    assert (await load(store)).takeout_id == 2**60


async def test_only_what_changed_is_written(store: Store) -> None:
    session = await logged_in(store)
    people = [user(1, "Ann", "ann"), user(2, "Ben")]

    async def commits_of(*, names: list[Any], pts: int, channel_pts: int) -> int:
        before = store.commits
        session.auth_key = AuthKey(KEY)
        session.process_entities(types.contacts.ResolvedPeer(None, names, []))
        session.set_update_state(
            0, types.updates.State(pts, 0, datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), 0, 0)
        )
        session.set_update_state(CHANNEL, place(channel_pts))
        await session.save()
        return store.commits - before

    assert await commits_of(names=people, pts=5, channel_pts=7) == 1
    assert await commits_of(names=people, pts=5, channel_pts=7) == 0
    assert await commits_of(names=people, pts=5, channel_pts=8) == 1
    assert await commits_of(names=[user(1, "Anne", "ann")], pts=5, channel_pts=8) == 1
    assert await commits_of(names=people[1:], pts=6, channel_pts=8) == 1
    before = store.commits
    session.process_entities([user(2, "Benjamin")])
    session.process_entities([user(2, "Ben")])
    await session.save()
    assert store.commits == before


async def test_update_states_come_back(store: Store) -> None:
    session = await logged_in(store)
    date = datetime.datetime(2026, 11, 22, 10, 30, tzinfo=datetime.UTC)
    session.set_update_state(0, types.updates.State(5, 6, date, 7, unread_count=0))
    session.set_update_state(CHANNEL, place(9))
    assert session.get_update_state(5) is None
    await session.close()
    states = dict((await load(store)).get_update_states())
    assert set(states) == {0, CHANNEL}
    assert (states[0].pts, states[0].qts, states[0].date, states[0].seq) == (5, 6, date, 7)
    assert states[CHANNEL].pts == 9


async def test_a_client_that_never_knew_its_place_does_not_overwrite_it(store: Store) -> None:
    """Telethon saves zeros when it stops before it has connected."""
    session = await logged_in(store)
    session.set_update_state(0, place(5))
    client = TelegramClient(session, 1, "hash", catch_up=True)
    await client.disconnect()
    assert (await load(store)).get_update_state(0).pts == 5


async def test_peers_are_found_by_all_that_names_them(store: Store) -> None:
    session = await logged_in(store)
    session.process_entities(
        types.contacts.ResolvedPeer(
            None, [user(1, "Ann", "Ann_Lee", "4412345")], [group(2, "Family"), channel(CHANNEL, "News", "thenews")]
        )
    )
    ann, family, news = (
        types.InputPeerUser(1, 10),
        types.InputPeerChat(2),
        types.InputPeerChannel(CHANNEL, CHANNEL * 10),
    )
    for keys, peer in (
        ((1, "ann_lee", "@ANN_LEE", "https://t.me/Ann_Lee", "+44 123 45", "Ann", types.PeerUser(1), ann), ann),
        ((2, -2, "Family", types.PeerChat(2)), family),
        ((CHANNEL, -1000000001234, "thenews", types.PeerChannel(CHANNEL)), news),
    ):
        for session_now in (session, await load(store)):
            assert [await session_now.get_input_entity(key) for key in keys] == [peer] * len(keys)
    for unknown in (3, -3, "nobody", "t.me/joinchat/AAAAAEkk2WdoDrB4-Q8-gg", "+1", "", 2.5, types.PeerUser(9)):
        with pytest.raises(ValueError, match="No input entity"):
            await session.get_input_entity(unknown)


async def test_the_accounts_own_id_is_kept_the_way_telethon_asks_for_it(store: Store) -> None:
    session = await logged_in(store)
    session.process_entities(types.contacts.ResolvedPeer(None, [types.InputPeerUser(0, 5000001)], []))
    await session.save()
    assert await (await load(store)).get_input_entity(0) == types.InputPeerUser(0, 5000001)


async def test_a_full_disk_stops_a_login_but_not_the_rest(store: Store) -> None:
    session = await logged_in(store)
    [(pages,)] = await store.read("PRAGMA page_count")
    await store.read(f"PRAGMA max_page_count = {pages}")
    people = [user(number, "x" * 200) for number in range(1, 300)]
    session.process_entities(people)
    session.set_update_state(0, place(5))
    await session.save()
    assert await TelegramState(store).updates() == []
    session.takeout_id = 5
    with pytest.raises(Transient, match="disk is full"):
        await session.save()
    await store.read("PRAGMA max_page_count = 1000000")
    await session.save()
    assert await TelegramState(store).by_ids([299]) is not None
    again = await load(store)
    assert (again.get_update_state(0).pts, again.takeout_id) == (5, 5)
