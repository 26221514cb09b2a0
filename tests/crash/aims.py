"""Chooses when a Medusa is to be killed: at any time, while it starts, or at a moment seen from outside."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.outside import World
from tests.crash.processes import Medusa

METHODS = (
    *("upload.saveFilePart", "upload.saveBigFilePart", "messages.uploadMedia", "messages.sendMedia") * 2,
    *("messages.editMessage", "messages.sendMessage", "updates.getDifference", "updates.getChannelDifference"),
    *("messages.deleteMessages", "channels.deleteMessages", "messages.getMessages", "help.getAppConfig"),
)
"""Calls at which it dies; the first ones twice as often."""
PHASES = ("before", "after", "answered")
"""The call is not executed; it is, and its answer is lost; its answer is on its way."""
START = 0.25
"""Seconds within which a start is over."""
PATIENCE = 2.5
"""Seconds after which an aim that nothing runs into is given up for a kill at that moment."""


@dataclass(frozen=True, slots=True)
class Aim:
    """One way to die: ``name`` for the table, and what waits for the moment and kills."""

    name: str
    strike: Callable[[World, Medusa], Awaitable[None]]


def choose(die: random.Random) -> Aim:
    """Draw an aim."""
    kind = die.choices(["time", "start", "call", "bytes", "child"], [30, 15, 40, 8, 7])[0]
    if kind == "time":
        return _at_a_time(die)
    if kind == "start":
        return while_it_starts(die)
    if kind == "call":
        return _at_a_call(die.choice(METHODS), die.choice(PHASES), die.choice([1, 1, 1, 2, 4]), die.uniform(0, 0.02))
    if kind == "bytes":
        return _at_bytes(int(10 ** die.uniform(4, 7)))
    return _with_a_child(die.uniform(0, 0.3))


def _at_a_time(die: random.Random) -> Aim:
    longest = die.choices([0.8, 2.0, 5.0], [70, 25, 5])[0]
    seconds = die.uniform(0, longest)

    async def strike(_world: World, medusa: Medusa) -> None:
        await medusa.ready.wait()
        await asyncio.sleep(seconds)
        medusa.kill()

    return Aim("at any time", strike)


def while_it_starts(die: random.Random) -> Aim:
    """Before it is ready, or just after."""
    seconds = die.uniform(0, START)

    async def strike(_world: World, medusa: Medusa) -> None:
        await asyncio.sleep(seconds)
        medusa.kill()

    return Aim("while it starts", strike)


def _at_a_call(method: str, phase: str, which: int, late: float) -> Aim:
    async def strike(world: World, medusa: Medusa) -> None:
        async with _armed(world, medusa, method, phase, which, late):
            await _or_soon(medusa)

    return Aim(f"{method}, {phase}", strike)


@asynccontextmanager
async def _armed(world: World, medusa: Medusa, method: str, phase: str, which: int, late: float) -> AsyncIterator[None]:
    """Have Medusa die at the ``which``-th call of a method, counted from here on."""
    loop, calls = asyncio.get_running_loop(), 0

    def strikes(_request: Any) -> bool:
        nonlocal calls
        calls += 1
        if calls != which:
            return False
        if phase == "before":
            medusa.kill()
        elif phase == "after":
            loop.call_soon(medusa.kill)
        else:
            loop.call_later(late, medusa.kill)
        return phase != "answered"

    faults = world.telegram.faults
    faults.drop(method, executed=phase == "after", times=1, when=strikes)
    try:
        yield
    finally:
        faults.clear()


def _at_bytes(most: int) -> Aim:
    """When so many bytes have been served."""

    async def strike(world: World, medusa: Medusa) -> None:
        left = most

        def served(size: int) -> None:
            nonlocal left
            left -= size
            if left <= 0:
                medusa.kill()

        world.media.served = served
        try:
            await _or_soon(medusa)
        finally:
            world.media.served = lambda _: None

    return Aim("while it fetches", strike)


def _with_a_child(late: float) -> Aim:
    """A little after it has started ffmpeg or yt-dlp."""

    async def strike(_world: World, medusa: Medusa) -> None:
        children = Path(f"/proc/{medusa.pid}/task/{medusa.pid}/children")
        async with asyncio.timeout(PATIENCE):
            while not await asyncio.to_thread(children.read_text):
                await asyncio.sleep(0.005)
        await asyncio.sleep(late)
        medusa.kill()

    return Aim("with a child process", strike)


async def _or_soon(medusa: Medusa) -> None:
    """Wait until it was killed, but not for long."""
    await asyncio.wait_for(medusa.gone.wait(), PATIENCE)
