"""Warns the owner of what goes wrong around the jobs, seldom, and says when it is over."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from medusa.errors import MedusaError
from medusa.findings import Finding, Look
from medusa.model import Notice, Tell
from medusa.patience import until_it_works
from medusa.storage.alerts import AlertTable

log = structlog.get_logger()

LOOK_EVERY = 60.0
"""Seconds between two looks."""
SURE = 2
"""Looks in a row that have to agree before anything is told."""
APART = 6 * 3600.0
"""Seconds between two warnings of one kind, whatever happens between them."""
REMIND = 24 * 3600.0
"""Seconds after which what is still wrong is told again."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A look at one thing; ``kind`` is None where something else tells of it already."""

    look: Look
    kind: Notice | None = None


@dataclass(slots=True)
class _Known:
    """What is known of one check: when it was told, whether it was wrong then, and how many looks say otherwise."""

    told: float = 0.0
    wrong: bool = False
    otherwise: int = 0


class Alerts:
    """The watch over ``watched``. ``wants`` says which kinds the owner wants to hear of.

    Telling neither fails nor waits. What could not be noted is kept in mind, so that a full disk makes no more warnings
    than any other trouble.
    """

    def __init__(
        self,
        watched: Sequence[Watched],
        table: AlertTable,
        tell: Tell,
        wants: Callable[[Notice], bool],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._watched = watched
        self._table = table
        self._tell = tell
        self._wants = wants
        self._now = now
        self._known: dict[str, _Known] = {}

    async def checks(self) -> list[Finding]:
        """How everything is now."""
        return [await one.look(self._now()) for one in self._watched]

    async def load(self) -> None:
        """Recall what was told before the process was started."""
        known = await until_it_works(self._table.all)
        self._known = {name: _Known(told, wrong) for name, (told, wrong) in known.items()}

    async def run(self) -> None:
        """Watch until cancelled."""
        await self.load()
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Look once at everything that is not told of elsewhere, and tell what is to be told."""
        for one in self._watched:
            if one.kind is not None:
                await self._heed(await one.look(self._now()), one.kind)

    async def _heed(self, check: Finding, kind: Notice) -> None:
        known, now = self._known.setdefault(check.name, _Known()), self._now()
        # Also after a clock that was years ahead when something was told.
        since = abs(now - known.told)
        if known.wrong == (not check.well):
            known.otherwise = 0
            if check.well or since < REMIND:
                return
        else:
            known.otherwise += 1
            if known.otherwise < SURE or (known.told and not check.well and since < APART):
                return
        if not self._wants(kind):
            return
        known.otherwise, known.wrong = 0, not check.well
        known.told = known.told if check.well else now
        await self._note(check.name, known)
        log.info("alert.told", check=check.name, well=check.well)
        self._tell(kind, f"Well again: {check.seen}" if check.well else f"{check.seen} {check.advice}".rstrip())

    async def _note(self, name: str, known: _Known) -> None:
        try:
            await self._table.put(name, known.told, wrong=known.wrong)
        except MedusaError as error:
            if error.fatal:
                raise
            log.warning("alert.not_noted", check=name, error=error.user_text)
