"""Reads spans of time and how often something is done, and says when that is."""

import re
from datetime import datetime
from itertools import islice, pairwise

from cronsim import CronSim, CronSimError

_SHORTEST, _LONGEST = 3600.0, 30 * 86400.0
_SPAN = re.compile(r"(?:(\d{1,4}) ?d)?\s*(?:(\d{1,4}) ?h)?\s*(?:(\d{1,5}) ?m(?:in)?)?\s*(?:(\d{1,6}) ?s)?", re.ASCII)
_TRIED = 100
"""How many times of a cron expression are held against one another."""

Every = float | str | None
"""Seconds between two times, a cron expression of five fields, or None for never."""


class TooOften(ValueError):
    """A cron expression of which two times lie too close together."""


def seconds(text: str) -> float:
    """The seconds that ``90s``, ``2m``, ``1h30m`` or ``1d 12 h`` mean. Raises ValueError, as all of these do."""
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None or not any(found.groups()):
        raise ValueError
    days, hours, minutes, rest = (int(part or 0) for part in found.groups())
    return float(days * 86400 + hours * 3600 + minutes * 60 + rest)


def every(text: str) -> Every:
    """How often something is done, to the hour."""
    if text.lower() == "off":
        return None
    if text.count(" ") >= 4:
        return cron(text, _SHORTEST)
    found = seconds(text.lower().removeprefix("every "))
    if not _SHORTEST <= found <= _LONGEST or found % 3600:
        raise ValueError
    return found


def cron(text: str, shortest: float) -> str:
    """A cron expression whose times lie at least so many seconds apart; the error says what is wrong, if that is known.

    Raises TooOften for one that comes more often.
    """
    expression = " ".join(text.split())
    if len(expression) > 100 or len(expression.split(" ")) != 5:
        raise ValueError
    try:
        times = list(islice(CronSim(expression, datetime(2024, 1, 1)), _TRIED))  # noqa: DTZ001 (any day will do)
    except CronSimError as error:
        raise ValueError(str(error)) from error
    if not times:
        raise ValueError("it never comes")
    if any((later - at).total_seconds() < shortest for at, later in pairwise(times)):
        raise TooOften
    return expression


def after(last: float, rhythm: float | str) -> float:
    """The first time after ``last`` (Unix seconds); a cron expression is read by this machine's clock.

    Raises ValueError for one that can't be read, or never comes.
    """
    if not isinstance(rhythm, str):
        return last + rhythm
    # Local and without a zone, as crontabs are; where the clock jumps, a time comes once.
    at = datetime.fromtimestamp(last)  # noqa: DTZ006
    try:
        return next(one.timestamp() for one in CronSim(rhythm, at) if one.timestamp() > last)
    except (CronSimError, StopIteration) as error:
        raise ValueError from error


def show_every(found: Every) -> str:
    """What ``every`` reads."""
    if found is None or isinstance(found, str):
        return found or "off"
    return f"{found / 86400:.0f}d" if found % 86400 == 0 else f"{found / 3600:.0f}h"


def rhythm(found: Every) -> str:
    """The same within a sentence: ``every 1d``, or ``at 0 4 * * *``; nothing where it is off."""
    return f"{'at' if isinstance(found, str) else 'every'} {show_every(found)}" if found else ""
