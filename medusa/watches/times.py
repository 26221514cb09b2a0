"""When a list is looked at: every so often, or at the times that a cron expression names."""

import random
from contextlib import suppress
from dataclasses import dataclass

from medusa import intervals
from medusa.errors import UserError
from medusa.names import quoted
from medusa.words import span

SHORTEST = 600.0
LONGEST = 30 * 86400.0
USUAL = 6 * 3600.0
DAY = 86400.0
_FIRST_PAUSE = 1800.0
_SPREAD = 0.1
"""The share of a pause by which it is lengthened at most, so that not all lists are looked at together."""
_MOST_SPREAD = 600.0
_CRON_SPREAD = 60.0


@dataclass(frozen=True, slots=True)
class Times:
    """Either ``every`` so many seconds, or at the times of the ``cron`` expression, by this machine's clock."""

    every: float = 0.0
    cron: str = ""

    @property
    def stored(self) -> str:
        """What `restored` reads."""
        return self.cron or str(self.every)

    def __str__(self) -> str:
        return f"at “{self.cron}”" if self.cron else f"every {span(self.every)}"

    def after(self, now: float) -> float:
        """The next time (Unix) after ``now``, to the second. Raises UserError for a cron expression that is none."""
        try:
            return intervals.after(now, self.cron or self.every)
        except ValueError:
            raise UserError(f"Its times, {quoted(self.cron)}, can't be read.") from None

    @property
    def spread(self) -> float:
        """Seconds by which a run comes later at most."""
        return _CRON_SPREAD if self.cron else min(_SPREAD * self.every, _MOST_SPREAD)

    def due(self, now: float, fails: int) -> float:
        """When to look again after having looked at ``now``, failing the ``fails``th time in a row."""
        if fails:
            pause = min(DAY, _FIRST_PAUSE * 2.0 ** min(fails - 1, 10))
            return now + pause * random.uniform(1.0, 1.0 + _SPREAD)  # noqa: S311 (spreads load, guards nothing)
        return self.after(now) + random.uniform(0.0, self.spread)  # noqa: S311

    def sensible(self, due: float, now: float, fails: int) -> float:
        """The time ``due``, or what is the latest it can be seen from ``now``: the clock may have been set back."""
        latest = now + DAY * (1.0 + _SPREAD) if fails else self.after(now) + self.spread
        return min(due, latest)


def restored(text: str) -> Times:
    """The times that `Times.stored` wrote; what can't be read is taken for a cron expression that is none."""
    with suppress(ValueError):
        if SHORTEST <= float(text) <= LONGEST:
            return Times(float(text))
    return Times(cron=text or "?")


def read(every: str, cron: str) -> Times:
    """The times that --every and --cron name, every six hours when neither does. Raises UserError."""
    if every and cron:
        raise UserError("--every and --cron exclude one another.")
    if cron:
        return _cron(cron)
    try:
        pause = intervals.seconds(every) if every else USUAL
    except ValueError:
        raise UserError(f"{quoted(every)} is no span of time. Write 6h, 45m or 1d12h.") from None
    if not SHORTEST <= pause <= LONGEST:
        raise UserError(f"--every takes {span(SHORTEST)} to {span(LONGEST)}, not {quoted(every)}.")
    return Times(pause)


def _cron(text: str) -> Times:
    try:
        return Times(cron=intervals.cron(text, SHORTEST))
    except intervals.TooOften:
        raise UserError(f"{quoted(text)} comes too often: at least {span(SHORTEST)} lie between two looks.") from None
    except ValueError as error:
        why = f": {error}" if str(error) else ""
        example = 'Its five fields are minute, hour, day, month and weekday, such as "0 6 * * *".'
        raise UserError(f"{quoted(text)} is no cron expression{why}. {example}") from None
