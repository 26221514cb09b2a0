"""Waiting rightly: until an action has really ended, and until it succeeds."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import structlog

from medusa.errors import Transient

log = structlog.get_logger()

T = TypeVar("T")

LONGEST_WAIT = 600.0
"""Seconds; the ceiling of the growing pauses between tries (Telegram's own numbers are obeyed whatever they are)."""
LONGEST_SPREAD = 60.0
"""Seconds by which pauses differ at most."""


def backoff(attempts: int, asked: float) -> float:
    """Seconds to wait after ``attempts`` failures: at least those ``asked`` for, growing, and a little uneven."""
    pause = max(asked, min(LONGEST_WAIT, 2.0**attempts))
    return pause + random.uniform(0.0, min(0.2 * pause, LONGEST_SPREAD))  # noqa: S311 (spreads load, guards nothing)


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await ``work`` until it has ended, however often this is cancelled meanwhile; then pass the cancel on."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                continue
        if not task.cancelled():
            task.exception()  # seen; the cancel goes first
        raise


async def until_it_works(action: Callable[[], Awaitable[T]]) -> T:
    """Do ``action``, and do it again after each passing trouble, such as a full disk, for as long as it takes."""
    while True:
        try:
            return await action()
        except Transient as error:
            log.warning("waiting", reason=error.user_text, seconds=error.retry_after)
            await asyncio.sleep(error.retry_after)
