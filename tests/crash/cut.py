"""Connections to Telegram and to the media server are cut at any moment, and refused for a while; nothing is killed."""

import asyncio
import random
from collections.abc import Callable

from tests.crash.aims import METHODS
from tests.crash.campaign import Campaign
from tests.crash.feed import Feed
from tests.crash.outside import World
from tests.crash.processes import Medusa
from tests.crash.verdict import Verdict

_PAUSE = 2.0
_LONGEST = 1.0
"""Seconds at most between two cuts, and seconds at most for which connections are refused."""


async def cut(campaign: Campaign, cuts: int, tell: Callable[[str], None]) -> Verdict:
    """Cut connections so many times, and judge what came of it."""
    die, world = random.Random(campaign.seed), campaign.world

    async def suffer(feed: Feed) -> Medusa:
        medusa = await campaign.start()
        for done in range(cuts):
            await asyncio.sleep(die.uniform(0, _PAUSE))
            campaign.record.blows[await _once(world, die)] += 1
            if done % 50 == 0:
                tell(f"{done} cuts, {len(feed.wishes)} commands")
        world.telegram.faults.clear()
        return medusa

    return await campaign.run(suffer)


async def _once(world: World, die: random.Random) -> str:
    """One cut; returns what it was."""
    faults = world.telegram.faults
    seconds = die.choice([0.0, die.uniform(0, _LONGEST)])
    kind = die.choice(["Telegram", "a call", "media", "everything"])
    if kind == "a call":
        method, executed = die.choice(METHODS), die.random() < 0.5
        faults.clear()
        faults.drop(method, executed=executed)
        return f"{method}, {'answer lost' if executed else 'not executed'}"
    faults.refuse_connections(kind != "media" and seconds > 0)
    world.media.refusing = kind != "Telegram" and seconds > 0
    if kind != "media":
        faults.drop_connections()
    if kind != "Telegram":
        world.media.cut()
    await asyncio.sleep(seconds)
    world.media.refusing = False
    faults.refuse_connections(False)
    return f"{kind}{', and refused' if seconds else ''}"
