"""Opens the owner's account: one Telethon client, connected, logged in and catching up."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from telethon import TelegramClient, events
from telethon.crypto import rsa
from telethon.sessions import Session
from telethon.tl import functions, types

from medusa import __version__
from medusa.config import Config, Proxy
from medusa.errors import UserError
from medusa.observe.metrics import FLOOD_SECONDS, FLOOD_WAITS, REQUEST_SECONDS, REQUESTS_FAILED
from medusa.patience import until_it_works
from medusa.telegram.errors import SessionLost, frozen, translated
from medusa.telegram.line import ANSWER_WITHIN, Line, connection
from medusa.telegram.session import ACCOUNT, StoreSession
from medusa.words import moment

log = structlog.get_logger()

MIB = 1024 * 1024
CALL_WITHIN = 180.0
"""Seconds that Telegram gets to answer a call while the connection stands, the short flood waits that Telethon waits
out among them.
"""
MOST_WAIT = 60
"""Seconds of a flood wait that a request sits out; a longer one is its job's to wait for."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What this account may send: bytes of one file, UTF-16 units of a text and of a caption.

    Read at run time from https://core.telegram.org/api/config#client-configuration.
    """

    upload_bytes: int = 4000 * MIB // 2
    caption: int = 1024
    text: int = 4096


class Received:
    """New messages as Telethon gives them, also those that came while Medusa was away, until they are dealt with."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        self._pending = 0

    async def put(self, event: Any) -> None:
        """Take in a message."""
        self._pending += 1
        self._queue.put_nowait(event)

    async def get(self) -> Any:
        """Wait for the next message; ``done`` has to follow."""
        return await self._queue.get()

    def done(self) -> None:
        """Note that a message has been dealt with."""
        self._pending -= 1

    def unhandled(self) -> bool:
        """Whether there are messages that nobody has dealt with yet."""
        return self._pending > 0


@dataclass(frozen=True, slots=True)
class Account:
    """The owner's account, connected: Telethon's client, the account's own id, and its limits."""

    client: Any
    received: Received
    user_id: int
    name: str
    premium: bool
    limits: Limits

    @property
    def connected(self) -> bool:
        """Whether Telegram can be asked just now."""
        return self.client.is_connected() and not self.client.line.away


class _Client(TelegramClient):  # type: ignore[misc]
    """Telethon's client, which minds four things about broken connections that it does not by itself.

    After one, it asks for what was missed meanwhile: else it would notice only with the next update, or after a quarter
    of an hour of silence. A call that was cancelled is not sent again: a post would appear after all. And a call that
    Telethon itself cancels, as it does when it disconnects, fails: its caller was not told to stop. So does one that is
    not answered at all, and its caller asks anew.
    """

    line: Line
    """How the main connection fares."""

    async def _handle_auto_reconnect(self) -> None:
        await super()._handle_auto_reconnect()
        await self.catch_up()

    async def _call(self, sender: Any, *call: Any, **options: Any) -> Any:
        answer = asyncio.ensure_future(super()._call(sender, *call, **options))
        try:
            with REQUEST_SECONDS.time():
                await self._patience(answer)
        finally:
            if not answer.done():
                answer.cancel()
                await asyncio.wait({answer})
            if answer.cancelled():
                _withdraw(sender)
        if answer.cancelled():
            raise ConnectionError("Telethon gave the connection up")
        if answer.exception() is not None:
            REQUESTS_FAILED.inc()
        return answer.result()

    async def _patience(self, answer: asyncio.Future[Any]) -> None:
        """Wait for an answer: without end while there is no connection, but not while there is one."""
        while not answer.done():
            await asyncio.wait({answer}, timeout=CALL_WITHIN)
            if not answer.done() and self.line.stood_for >= CALL_WITHIN:
                raise TimeoutError("Telegram does not answer")


class _Floods(dict[int, float]):
    """Until when kinds of requests have to wait, as Telethon notes it, the short waits among them."""

    def __setitem__(self, kind: int, until: float) -> None:
        FLOOD_WAITS.inc()
        FLOOD_SECONDS.inc(max(0.0, until - time.time()))
        super().__setitem__(kind, until)


def _withdraw(sender: Any) -> None:
    """Take the requests that nobody waits for any more out of what Telethon sends again when it reconnects."""
    pending, queued = sender._pending_state, sender._send_queue._deque  # noqa: SLF001
    for msg_id in [msg_id for msg_id, state in pending.items() if state.future.cancelled()]:
        del pending[msg_id]
    for state in [state for state in queued if state.future.cancelled()]:
        queued.remove(state)


def make_client(config: Config, session: Session, *, tries: int = -1, **options: Any) -> Any:
    """A Telethon client for ``session``, aimed at the data centre that the configuration names; not yet connected.

    It tries to connect ``tries`` times, or for ever when that is negative.
    """
    if config.telegram_key is not None:
        rsa.add_key(config.telegram_key.read_bytes(), old=False)
    if config.telegram_dc is not None:
        dc = config.telegram_dc
        if (session.dc_id, session.server_address, session.port) != (dc.id, dc.host, dc.port):
            session.set_dc(dc.id, dc.host, dc.port)
    elif config.test_dc and not session.server_address:
        session.set_dc(*_TEST_DC)
    line = Line()
    client = _Client(
        session,
        config.api_id,
        config.api_hash,
        device_model="Medusa",
        app_version=__version__,
        proxy=_proxy(config.proxy) if config.proxy else None,
        connection_retries=tries,
        request_retries=5,
        flood_sleep_threshold=MOST_WAIT,
        raise_last_call_error=True,
        connection=connection(line, session),
        **options,
    )
    client.line = line
    client._flood_waited_requests = _Floods()  # noqa: SLF001 (nothing else tells of the short ones)
    return client


def _proxy(proxy: Proxy) -> dict[str, Any]:
    return {
        "proxy_type": proxy.scheme,
        "addr": proxy.host,
        "port": proxy.port,
        "username": proxy.username,
        "password": proxy.password,
        "rdns": True,
    }


_TEST_DC = (2, "149.154.167.40", 443)
"""Telegram's test environment, https://core.telegram.org/api/auth#test-accounts."""


@asynccontextmanager
async def open_account(config: Config, session: StoreSession) -> AsyncIterator[Account]:
    """The account of ``session``, connected for as long as the block runs; waits until Telegram can be reached.

    Raises SessionLost when nobody is logged in, and UserError when the session belongs to a bot.
    """
    # One update after the other: none can be noted as received before it is in the queue.
    client = make_client(config, session, catch_up=True, sequential_updates=True)
    received = Received()
    session.unhandled = received.unhandled
    # Before connecting: what was missed arrives as soon as the connection stands.
    client.add_event_handler(received.put, events.NewMessage())
    async with _ending(client, session):
        me, limits = await until_it_works(lambda: _entered(client, session))
        log.info("telegram.connected", user_id=me.id, premium=bool(me.premium), dc=client.session.dc_id)
        name = " ".join(part for part in (me.first_name, me.last_name) if part)
        yield Account(client, received, me.id, name, bool(me.premium), limits)


@asynccontextmanager
async def _ending(client: Any, session: StoreSession) -> AsyncIterator[None]:
    """Disconnect in the end, and forget a login that Telegram has ended for good."""
    try:
        try:
            yield
        finally:
            await disconnect(client)
    except SessionLost as lost:
        if lost.dead:
            await session.forget()
        raise


async def _entered(client: Any, session: StoreSession) -> tuple[Any, Limits]:
    """Connect, and learn who the account is and what it may send. Raises Transient, and SessionLost or UserError."""
    await connect(client)
    with translated():
        async with asyncio.timeout(ANSWER_WITHIN):
            # Telethon's get_me would say None, whatever the reason.
            [me] = await client(functions.users.GetUsersRequest([types.InputUserSelf()]))
            if me.bot:
                raise UserError("This session belongs to a bot. Medusa runs on a user account: python3 run.py login")
            await _remember_place(client, session)
            return me, await _limits(client, premium=bool(me.premium))


async def connect(client: Any) -> None:
    """Connect anew, whatever Telethon has left of an earlier connection, for as many tries as that takes.

    Raises Transient when the connection stands and nobody answers.
    """
    await disconnect(client)
    entered = False
    try:
        with translated():
            async with client.line.answering():
                await client.connect()
        entered = True
    finally:
        # Half a connection would be taken for a whole one, though nobody takes in its updates.
        if not entered:
            await disconnect(client)


async def disconnect(client: Any) -> None:
    """Disconnect for good, also when the connection breaks at that very moment.

    Telethon's reconnection may swallow the cancel that disconnecting sends it, and then tries for ever while
    disconnecting waits for it; so it is cancelled again until it heeds.
    """
    ending = asyncio.ensure_future(client.disconnect())
    while not ending.done():
        await asyncio.wait({ending}, timeout=1.0)
        reconnecting = client._sender._reconnect_task  # noqa: SLF001
        if not ending.done() and reconnecting is not None:
            reconnecting.cancel()
    with translated():
        ending.result()


async def _remember_place(client: Any, session: StoreSession) -> None:
    """Store the place in the stream of updates at the very first start, before anything can be missed.

    Telethon would do so after a minute (https://core.telegram.org/api/updates#fetching-state).
    """
    if session.get_update_state(ACCOUNT) is None:
        session.set_update_state(ACCOUNT, await client(functions.updates.GetStateRequest()))
        await session.save()


async def _limits(client: Any, *, premium: bool) -> Limits:
    """What the account may send. Raises SessionLost when it is frozen, and may send nothing."""
    answer = await client(functions.help.GetAppConfigRequest(hash=0))
    values = _json_values(answer.config)
    if values.get("freeze_since_date"):
        until = values.get("freeze_until_date")
        raise frozen(f" until {moment(until)}" if until else "", str(values.get("freeze_appeal_url", "")))
    kind = "premium" if premium else "default"
    parts = int(values.get(f"upload_max_fileparts_{kind}", 8000 if premium else 4000))
    return Limits(
        upload_bytes=parts * MIB // 2,
        caption=int(values.get(f"caption_length_limit_{kind}", 2048 if premium else 1024)),
    )


def _json_values(config: Any) -> dict[str, Any]:
    """The numbers and texts among the client configuration's values, by key."""
    if not isinstance(config, types.JsonObject):
        return {}
    plain = types.JsonNumber | types.JsonString
    return {pair.key: pair.value.value for pair in config.value if isinstance(pair.value, plain)}
