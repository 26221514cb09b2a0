"""Keeps the connection to Telegram alive, and notices when it cannot be."""

import asyncio
import random

import structlog
from telethon.tl import functions

from medusa.errors import MedusaError
from medusa.model import Tell
from medusa.telegram.client import Account, connect
from medusa.telegram.clock import Clock
from medusa.telegram.errors import translate, translated
from medusa.telegram.line import ANSWER_WITHIN, LONGEST_PAUSE

log = structlog.get_logger()

SILENT_FOR = 600.0
"""Seconds between two questions whether Telegram still answers and still knows the session."""


async def stay_connected(account: Account, clock: Clock, tell: Tell) -> None:
    """Connect again whenever Telethon has given up or Telegram does not answer, until cancelled.

    Telethon's own reconnecting handles everyday breaks. Each time that Telegram answers, ``clock`` is held against its.
    ``tell`` hears of a connection that was away for long.
    Raises SessionLost when Telegram no longer knows the session.
    """
    account.client.line.tell = tell
    failures = 0
    while True:
        try:
            await _lost_within(account, SILENT_FOR if failures == 0 else 0.0)
            await _answered(account)
            await clock.check()
            failures = 0
        except MedusaError as error:
            if error.fatal:
                raise
            failures += 1
            pause = min(LONGEST_PAUSE, 2.0**failures) * random.uniform(0.5, 1.0)  # noqa: S311 (spreads load)
            log.info("telegram.waiting", reason=error.user_text, seconds=round(pause, 1))
            await asyncio.sleep(pause)


async def _lost_within(account: Account, seconds: float) -> None:
    """Connect if need be, then return when the connection has not been given up for so long.

    Raises the translated error with which Telethon gave it up.
    """
    client = account.client
    if not client.is_connected():
        await connect(client)
    gone = client.disconnected
    await asyncio.wait({gone}, timeout=seconds)
    if not gone.done():
        gone.cancel()
        return
    with translated():
        error = gone.exception() or client._updates_error  # noqa: SLF001 (what ended Telethon's update loop)
        raise translate(error) if isinstance(error, Exception) else ConnectionError("disconnected")


async def _answered(account: Account) -> None:
    """See that Telegram answers; when it does not, have the connection replaced, and what was asked over it sent anew.

    Telethon's own pings do not see a server that takes requests and never answers them. Raises Transient.
    """
    client = account.client
    with translated():
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await client(functions.updates.GetStateRequest())
        except TimeoutError as error:
            client.line.broke(ConnectionError("Telegram does not answer"))
            client._sender._start_reconnect(error)  # noqa: SLF001 (Telethon's way of replacing it)
            raise
