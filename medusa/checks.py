"""Looks at what Medusa stands on: memory, disks, the connection, the clock, yt-dlp and backups."""

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from medusa import memory
from medusa.alerts import Check
from medusa.errors import MedusaError
from medusa.words import size, span

FULL = 0.85
"""The share of the memory that Medusa may take before it is worth a word."""
SCARCE = 0.05
"""The share of the machine's memory below which what is left is scarce."""
STATE_NEEDS = 20_000_000
"""Free bytes without which the state will soon be unable to grow."""
STALE = 60 * 86400.0
"""Seconds after which a yt-dlp may be too old for a site that fails."""
LATE = 8 * 86400.0
"""Seconds after which the last backup is late: a week, and a day for one that came late."""
_CLOCK_WITHIN = 10.0
_WRONG_CLOCK = 60.0
_DATE = re.compile(r"(\d{4})\.(\d{1,2})\.(\d{1,2})")


async def look_at_memory(_now: float) -> Check:
    """Whether memory is left for what jobs still need."""
    used, most = await asyncio.to_thread(memory.used), memory.most()
    try:
        left, whole = memory.meminfo("MemAvailable"), memory.meminfo("MemTotal")
    except (OSError, ValueError):
        left = whole = 1
    seen = size(used) + (f" of {size(most)}" if most else "") + " used with all children"
    if most and used > FULL * most:
        words = f"Memory is nearly used up: {seen}."
        return Check("memory", False, words, "Fewer jobs at once (see /settings) need less; a restart frees it.")
    if left < SCARCE * whole:
        words = f"The machine has little memory left: {size(left)} of {size(whole)}; {size(used)} are Medusa's."
        return Check("memory", False, words, "Something else on it may have to stop.")
    return Check("memory", True, seen)


def disk_check(name: str, folder: Path, kept: int, what: str) -> Callable[[float], Awaitable[Check]]:
    """Makes the look at the disk of a folder, on which so many bytes ought to be free; ``what`` suffers else."""

    async def look(_now: float) -> Check:
        try:
            seen = await asyncio.to_thread(os.statvfs, folder)
        except OSError as error:
            return Check(name, False, f"The folder of {name} can't be reached: {error.strerror}.", "Is its disk there?")
        free = seen.f_bavail * seen.f_frsize
        wanted = min(kept, seen.f_blocks * seen.f_frsize // 20)
        if free < wanted:
            return Check(name, False, f"The disk is nearly full: {size(free)} free. {what}", "Make room on it.")
        return Check(name, True, f"{size(free)} free")

    return look


def line_check(away: Callable[[], bool]) -> Callable[[float], Awaitable[Check]]:
    """Makes the look at the connection to Telegram."""

    async def look(_now: float) -> Check:
        if away():
            words = "Telegram can't be reached just now; all jobs wait."
            return Check("Telegram", False, words, "They go on by themselves when the network is back.")
        return Check("Telegram", True, "connected")

    return look


def clock_check(ahead: Callable[[], Awaitable[float]]) -> Callable[[float], Awaitable[Check]]:
    """Makes the look at the clock, which asks Telegram."""

    async def look(_now: float) -> Check:
        try:
            async with asyncio.timeout(_CLOCK_WITHIN):
                seconds = await ahead()
        except (TimeoutError, MedusaError) as error:
            if isinstance(error, MedusaError) and error.fatal:
                raise
            return Check("clock", True, "Telegram does not answer, so it can't be compared")
        if abs(seconds) > _WRONG_CLOCK:
            wrong = f"The clock is {span(abs(seconds))} {'ahead' if seconds > 0 else 'behind'}."
            return Check("clock", False, wrong, "Set it right, or switch on NTP.")
        return Check("clock", True, "right")

    return look


def ytdlp_check(used: Callable[[], str], fails: Callable[[float], bool]) -> Callable[[float], Awaitable[Check]]:
    """Makes the look at yt-dlp, whose versions are dates: an old one is wrong only while a site fails."""

    async def look(now: float) -> Check:
        version = used()
        found = _DATE.match(version)
        age = now - time.mktime((*map(int, found.groups()), 0, 0, 0, 0, 0, -1)) if found else 0.0  # type: ignore[arg-type]
        seen = f"{version}, {span(age)} old" if age >= 86400 else version
        if age >= STALE and fails(now):
            words = f"yt-dlp is {round(age / 86400)} days old, and a site fails."
            return Check("yt-dlp", False, words, "/update fetches a newer one.")
        return Check("yt-dlp", True, seen)

    return look


def backup_check(last: Callable[[], float | None]) -> Callable[[float], Awaitable[Check]]:
    """Makes the look at backups: ``last`` is the Unix time of the last good one, 0 for none, None where none is due."""

    async def look(now: float) -> Check:
        at = last()
        if at is None:
            return Check("backup", True, "none is due")
        if now - at > LATE:
            words = f"The last backup is {span(now - at)} old." if at else "There is no backup yet."
            return Check("backup", False, words, "/backup now makes one.")
        return Check("backup", True, f"the last one is {span(max(0.0, now - at))} old")

    return look
