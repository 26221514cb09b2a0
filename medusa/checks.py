"""Looks at what Medusa stands on: memory, disks, the connection, the clock, yt-dlp and backups."""

import asyncio
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from medusa import memory
from medusa.findings import Finding, Look
from medusa.telegram.clock import TOO_FAR
from medusa.words import size, span

FULL = 0.85
"""The share of the memory that Medusa may take before it is worth a word."""
SCARCE = 0.05
"""The share of the machine's memory below which what is left is scarce."""
_STATE_NEEDS = 20_000_000
"""Free bytes without which the state will soon be unable to grow."""
STALE = 60 * 86400.0
"""Seconds after which a yt-dlp may be too old for a site that fails."""
LATE = 8 * 86400.0
"""Seconds after which the last backup is late: a week, and a day for one that came late."""
_DATE = re.compile(r"(\d{4})\.(\d{1,2})\.(\d{1,2})")


async def look_at_memory(_now: float) -> Finding:
    """Whether memory is left for what jobs still need."""
    used, most = await asyncio.to_thread(memory.used), memory.most()
    try:
        left, whole = memory.meminfo("MemAvailable"), memory.meminfo("MemTotal")
    except (OSError, ValueError):
        left = whole = 1
    seen = size(used) + (f" of {size(most)}" if most else "") + " used with all children"
    if most and used > FULL * most:
        words = f"Memory is nearly used up: {seen}."
        return Finding("memory", False, words, "Fewer jobs at once (see /settings) need less; a restart frees it.")
    if left < SCARCE * whole:
        words = f"The machine has little memory left: {size(left)} of {size(whole)}; {size(used)} are Medusa's."
        return Finding("memory", False, words, "Something else on it may have to stop.")
    return Finding("memory", True, seen)


def disk_check(name: str, free: Callable[[], tuple[int, int]], what: str) -> Look:
    """Makes the look at a disk: ``free`` gives the bytes that are free and that ought to be; ``what`` suffers else.

    ``free`` raises OSError.
    """

    async def look(_now: float) -> Finding:
        try:
            seen, wanted = await asyncio.to_thread(free)
        except OSError as error:
            return Finding(name, False, f"The {name} can't be reached: {error.strerror}.", "Is its disk there?")
        if seen < wanted:
            return Finding(name, False, f"The disk is nearly full: {size(seen)} free. {what}", "Make room on it.")
        return Finding(name, True, f"{size(seen)} free")

    return look


def free_for_state(folder: Path) -> tuple[int, int]:
    """Bytes that are free where the state lies, and that it needs, or a twentieth of a small disk. Raises OSError."""
    seen = os.statvfs(folder)
    return seen.f_bavail * seen.f_frsize, min(_STATE_NEEDS, seen.f_blocks * seen.f_frsize // 20)


def line_check(connected: Callable[[], bool]) -> Look:
    """Makes the look at the connection to Telegram."""

    async def look(_now: float) -> Finding:
        if not connected():
            words = "Telegram can't be reached just now; all jobs wait."
            return Finding("Telegram", False, words, "They go on by themselves when the network is back.")
        return Finding("Telegram", True, "connected")

    return look


def clock_check(ahead: Callable[[], float | None]) -> Look:
    """Makes the look at the clock: ``ahead`` is by how many seconds it is ahead of Telegram's, as was last seen."""

    async def look(_now: float) -> Finding:
        seconds = ahead()
        if seconds is None:
            return Finding("clock", True, "not compared with Telegram's yet")
        if abs(seconds) > TOO_FAR:
            wrong = f"The clock is {span(abs(seconds))} {'ahead' if seconds > 0 else 'behind'}."
            return Finding("clock", False, wrong, "Set it right, or switch on NTP.")
        return Finding("clock", True, "right")

    return look


def ytdlp_check(used: Callable[[], str], fails: Callable[[float], bool]) -> Look:
    """Makes the look at yt-dlp, whose versions are dates: an old one is wrong only while a site fails."""

    async def look(now: float) -> Finding:
        version = used()
        found = _DATE.match(version)
        age = now - time.mktime((*map(int, found.groups()), 0, 0, 0, 0, 0, -1)) if found else 0.0  # type: ignore[arg-type]
        seen = f"{version}, {span(age)} old" if age >= 86400 else version
        if age >= STALE and fails(now):
            words = f"yt-dlp is {round(age / 86400)} days old, and a site fails."
            return Finding("yt-dlp", False, words, "/update fetches a newer one.")
        return Finding("yt-dlp", True, seen)

    return look


def backup_check(last: Callable[[], float | None]) -> Look:
    """Makes the look at backups: ``last`` is the Unix time of the last good one, 0 for none, None where none is due."""

    async def look(now: float) -> Finding:
        at = last()
        if at is None:
            return Finding("backup", True, "none is due")
        if now - at > LATE:
            words = f"The last backup is {span(now - at)} old." if at else "There is no backup yet."
            return Finding("backup", False, words, "/backup now makes one.")
        return Finding("backup", True, f"the last one is {span(max(0.0, now - at))} old")

    return look
