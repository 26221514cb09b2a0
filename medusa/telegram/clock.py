"""Holds this machine's clock against Telegram's: schedules and quiet hours are only as right as the clock is."""

import asyncio
import time

import structlog
from telethon.tl import functions

from medusa.errors import MedusaError
from medusa.model import Notice, Tell
from medusa.telegram.client import Account
from medusa.telegram.errors import translated
from medusa.telegram.line import ANSWER_WITHIN
from medusa.words import span

log = structlog.get_logger()

TOLERATED = 5.0
"""Seconds of difference that are not worth a word."""
TOO_FAR = 60.0
"""Seconds of difference at which nothing is scheduled: a Pi has no clock of its own, and may start years behind."""
WAIT_FOR_IT = 180.0
"""Seconds in which the network's time should have set the clock right; then jobs start all the same."""
LOOK_EVERY = 5.0
"""Seconds between two looks meanwhile."""


class Clock:
    """This machine's clock, as Telegram sees it. ``tell`` hears of one that is wrong, once until it is right again."""

    def __init__(self, account: Account, tell: Tell) -> None:
        self._client = account.client
        self._tell = tell
        self._told = False
        self.seen: float | None = None
        """What ``ahead`` last said."""

    async def ahead(self) -> float:
        """Seconds that this machine's clock is ahead of Telegram's, to half a second or so; below 0 it is behind.

        Raises MedusaError. See https://core.telegram.org/method/help.getConfig.
        """
        began, asked = time.time(), time.monotonic()
        with translated():
            async with asyncio.timeout(ANSWER_WITHIN):
                config = await self._client(functions.help.GetConfigRequest())
        middle = began + (time.monotonic() - asked) / 2
        # Telegram says whole seconds, and drops the rest.
        self.seen = middle - (float(config.date.timestamp()) + 0.5)
        return self.seen

    async def check(self) -> float:
        """Look, and tell of a clock that is wrong; returns ``ahead``. Raises MedusaError."""
        ahead = await self.ahead()
        if abs(ahead) <= TOLERATED:
            self._told = False
        elif not self._told:
            self._told = True
            log.warning("clock.wrong", seconds_ahead=round(ahead))
            self._tell(Notice.SESSION, f"{_wrong(ahead)} Schedules will be off: set it right, or switch on NTP.")
        return ahead

    async def right(self) -> None:
        """Wait until the clock is about right, but not for ever; says so when it gives up."""
        end = time.monotonic() + WAIT_FOR_IT
        while abs(ahead := await self._looked()) > TOO_FAR:
            if time.monotonic() >= end:
                log.warning("clock.still_wrong", seconds_ahead=round(ahead))
                self._tell(Notice.SESSION, f"{_wrong(ahead)} Jobs start all the same; their times will be off.")
                return
            await asyncio.sleep(LOOK_EVERY)

    async def _looked(self) -> float:
        """The same as ``check``; a Telegram that does not answer is no reason to hold jobs back."""
        try:
            return await self.check()
        except MedusaError as error:
            if error.fatal:
                raise
            return 0.0


def _wrong(ahead: float) -> str:
    return f"This machine's clock is {span(abs(ahead))} {'fast' if ahead > 0 else 'slow'}."
