"""Reads how often copies are made, where they go and how many are kept, and shows it the same way."""

import re
from datetime import datetime
from itertools import islice, pairwise

from cronsim import CronSim, CronSimError

_SHORTEST = 3600.0
_SECONDS = {"h": 3600.0, "d": 86400.0}


Every = float | str | None
"""Seconds between two times, a cron expression of five fields, or None for never."""


def every(text: str) -> Every:
    """How often something is done. Raises ValueError, as all of these do."""
    if text.lower() == "off":
        return None
    if text.count(" ") >= 4:
        return _cron(" ".join(text.split()))
    found = re.fullmatch(r"(?:every )?([1-9][0-9]{0,2}) ?([hd])", text.lower(), re.ASCII)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0.0
    if not _SHORTEST <= seconds <= 30 * 86400:
        raise ValueError
    return seconds


def _cron(text: str) -> str:
    """A cron expression that comes at most once an hour."""
    if len(text) > 100 or len(text.split(" ")) != 5:
        raise ValueError
    try:
        times = list(islice(CronSim(text, datetime(2024, 1, 1)), 50))  # noqa: DTZ001 (any day will do)
    except CronSimError as error:
        raise ValueError from error
    if not times or any((later - at).total_seconds() < _SHORTEST for at, later in pairwise(times)):
        raise ValueError
    return text


def after(last: float, rhythm: float | str) -> float:
    """The first time after ``last`` (Unix seconds); a cron expression is read by this machine's clock."""
    if isinstance(rhythm, float):
        return last + rhythm
    at = datetime.fromtimestamp(last)  # noqa: DTZ006 (local and without a zone, as crontabs are)
    return next(one.timestamp() for one in CronSim(rhythm, at) if one.timestamp() > last)


def show_every(found: Every) -> str:
    """What ``every`` reads."""
    if found is None or isinstance(found, str):
        return found or "off"
    return f"{found / 86400:.0f}d" if found % 86400 == 0 else f"{found / 3600:.0f}h"


def rhythm(found: Every) -> str:
    """The same within a sentence: ``every 1d``, or ``at 0 4 * * *``; nothing where it is off."""
    return f"{'at' if isinstance(found, str) else 'every'} {show_every(found)}" if found else ""


def places(text: str) -> tuple[str, ...]:
    """One to five places, with commas between."""
    found = tuple(dict.fromkeys(place(part.strip()) for part in text.split(",") if part.strip()))
    if not 1 <= len(found) <= 5:
        raise ValueError
    return found


def show_places(found: tuple[str, ...]) -> str:
    """What ``places`` reads."""
    return ", ".join(found)


def place(text: str) -> str:
    """Where a backup may go: ``folder``, ``me``, a chat's marked id or an absolute path. Raises ValueError."""
    if text.lower() in ("folder", "me"):
        return text.lower()
    if not re.fullmatch(r"-[0-9]{1,16}|/[^\0\n]{1,1000}", text, re.ASCII):
        raise ValueError
    return text


def generations(text: str) -> tuple[int, int, int]:
    """How many days, weeks and months."""
    found = re.fullmatch(r"([0-9]{1,2}) ?d ?([0-9]{1,2}) ?w ?([0-9]{1,2}) ?m", text.lower(), re.ASCII)
    if found is None:
        raise ValueError
    return int(found[1]), int(found[2]), int(found[3])


def show_generations(counts: tuple[int, int, int]) -> str:
    """What ``generations`` reads."""
    return "{}d {}w {}m".format(*counts)
