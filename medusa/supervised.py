"""Tells systemd that Medusa is ready, what it is doing, that it is alive, and that it stops (sd_notify(3))."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from medusa.config.supervisor import Supervisor

SPEAK_EVERY = 30.0
"""Seconds between two looks at what is going on, where no watchdog asks for more."""


@asynccontextmanager
async def supervised(supervisor: Supervisor | None, summary: Callable[[], str]) -> AsyncIterator[None]:
    """Say that all is up, and while the block runs what is going on; signs of life come from the event loop itself."""
    if supervisor is None:
        yield
        return
    _say(supervisor, f"READY=1\nSTATUS={summary()}")
    alive = asyncio.create_task(_speak(supervisor, summary))
    try:
        yield
    finally:
        _say(supervisor, "STOPPING=1\nSTATUS=stopping")
        alive.cancel()
        await asyncio.gather(alive, return_exceptions=True)


async def _speak(supervisor: Supervisor, summary: Callable[[], str]) -> None:
    pause = SPEAK_EVERY if supervisor.watchdog is None else min(SPEAK_EVERY, supervisor.watchdog / 3)
    while True:
        _say(supervisor, f"WATCHDOG=1\nSTATUS={summary()}")
        await asyncio.sleep(pause)


def _say(supervisor: Supervisor, words: str) -> None:
    """Send a note. One that is not taken is let go: systemd may be starting anew, and the next one follows."""
    name = supervisor.socket.replace("@", "\0", 1) if supervisor.socket[0] == "@" else supervisor.socket
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notes:
        notes.setblocking(False)
        notes.sendto(words.encode(), name)
