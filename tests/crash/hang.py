"""The media server and Telegram take what is asked and never answer it; later they answer again."""

import asyncio
import random
from collections.abc import Callable

from tests.crash.aims import METHODS
from tests.crash.campaign import Campaign
from tests.crash.feed import Feed
from tests.crash.processes import Medusa
from tests.crash.verdict import Verdict

_PAUSE = 2.0
"""Seconds at most between the end of a silence and the next one."""
_LONGEST = 8.0
"""Seconds that a silence lasts at most."""


async def hang(campaign: Campaign, silences: int, tell: Callable[[str], None]) -> Verdict:
    """Fall silent so many times, and judge what came of it."""
    die, world = random.Random(campaign.seed), campaign.world

    async def suffer(feed: Feed) -> Medusa:
        medusa = await campaign.start()
        for done in range(silences):
            await asyncio.sleep(die.uniform(0, _PAUSE))
            method = die.choice(["media", *METHODS])
            if method == "media":
                world.media.going.clear()
            else:
                world.telegram.faults.hang(method, times=None)
            await asyncio.sleep(die.uniform(0, _LONGEST))
            world.media.going.set()
            world.telegram.faults.clear()
            campaign.record.blows[method] += 1
            if done % 10 == 0:
                tell(f"{done} silences, {len(feed.wishes)} commands")
        return medusa

    return await campaign.run(suffer)
