"""Says when a backup is due, and which ones are kept: plain arithmetic of Unix seconds."""

from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from medusa.intervals import Every, after

SLACK = 60.0
"""Seconds by which a clock may be corrected without anything being due."""


class Kept(NamedTuple):
    """How many days, weeks and months keep a backup."""

    days: int
    weeks: int
    months: int


def due(now: float, last: float | None, every: Every) -> bool:
    """Whether a backup is due, when the last one was made then.

    A clock that has jumped, in whichever direction, makes one due, and no more than one: neither a burst of them, nor
    a wait until the time has come that it had shown before.
    """
    if every is None:
        return False
    return last is None or last > now + SLACK or after(last, every) <= now


def pause(failures: int, every: Every) -> float:
    """Seconds until a failed backup is tried again: from 5 minutes on, doubled each time."""
    longest = every if isinstance(every, float) else 86400.0
    return min(longest, 300.0 * 2.0 ** min(failures - 1, 16))


def kept(times: Iterable[float], rule: Kept) -> set[float]:
    """Those of the backups' times that stay: the newest, and the last of the latest days, weeks and months with any.

    Days are those of this machine's time zone, weeks begin on Monday.
    """
    newest_first = sorted(set(times), reverse=True)
    found = set(newest_first[:1])
    for count, period in zip(rule, (_day, _week, _month), strict=True):
        found |= set(_last_of(newest_first, period)[:count])
    return found


def _last_of(newest_first: list[float], period: Callable[[datetime], tuple[int, ...]]) -> list[float]:
    """The newest of each period."""
    periods = [period(datetime.fromtimestamp(at)) for at in newest_first]  # noqa: DTZ006 (the owner's days)
    changes = [after for before, after in pairwise(zip(periods, newest_first, strict=True)) if after[0] != before[0]]
    return newest_first[:1] + [at for _, at in changes]


def _day(at: datetime) -> tuple[int, ...]:
    return at.year, at.month, at.day


def _week(at: datetime) -> tuple[int, ...]:
    return at.isocalendar()[:2]


def _month(at: datetime) -> tuple[int, ...]:
    return at.year, at.month
