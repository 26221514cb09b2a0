"""Keeps the connection to Telegram alive, and notices when it cannot be."""

import asyncio
import random

import structlog
from telethon.tl import functions

from medusa.errors import MedusaError
from medusa.telegram.client import Account
from medusa.telegram.errors import translate, translated

log = structlog.get_logger()

SILENT_FOR = 600.0
"""Seconds between two questions whether Telegram still answers and still knows the session."""
ANSWER_WITHIN = 60.0
"""Seconds for that answer."""
LONGEST_PAUSE = 300.0
"""Seconds; the ceiling of the growing pauses between tries to connect again."""


async def stay_connected(account: Account) -> None:
    """Connect again whenever Telethon has given up, until cancelled; its own reconnecting handles everyday breaks.

    Raises SessionLost when Telegram no longer knows the session.
    """
    failures = 0
    while True:
        try:
            await _until_lost(account)
            failures = 0
        except MedusaError as error:
            if error.fatal:
                raise
            failures += 1
            pause = min(LONGEST_PAUSE, 2.0**failures) * random.uniform(1.0, 1.2)  # noqa: S311 (spreads load)
            log.warning("telegram.lost", reason=error.user_text, seconds=round(pause, 1))
            await asyncio.sleep(pause)


async def _until_lost(account: Account) -> None:
    """Connect if need be, then return when asking now and then finds nothing amiss for a while.

    Raises the translated error with which Telethon gave the connection up.
    """
    client = account.client
    with translated():
        if not client.is_connected():
            await client.connect()
            log.info("telegram.connected_again")
        gone = client.disconnected
        await asyncio.wait({gone}, timeout=SILENT_FOR)
        if not gone.done():
            gone.cancel()
            async with asyncio.timeout(ANSWER_WITHIN):
                await client(functions.updates.GetStateRequest())
            return
        error = gone.exception() or client._updates_error  # noqa: SLF001 (what ended Telethon's update loop)
        raise translate(error) if isinstance(error, Exception) else ConnectionError("disconnected")
