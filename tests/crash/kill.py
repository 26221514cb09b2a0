"""Medusa is killed with SIGKILL, again and again, at moments that are drawn or aimed at."""

import random
import time
from collections.abc import Callable

from tests.crash import aims
from tests.crash.campaign import Campaign
from tests.crash.feed import Feed
from tests.crash.processes import Medusa
from tests.crash.verdict import Verdict


async def kill(campaign: Campaign, kills: int, tell: Callable[[str], None]) -> Verdict:
    """Kill Medusa so many times, some of them while it makes its state, and judge what is left."""
    die, begun = random.Random(campaign.seed), time.monotonic()
    for _ in range(1 + kills // 50):
        await _once(campaign, aims.while_it_starts(die))

    async def suffer(feed: Feed) -> Medusa:
        while (done := campaign.record.blows.total()) < kills:
            await _once(campaign, aims.choose(die))
            if done % 50 == 0:
                tell(f"{done} kills, {len(feed.wishes)} commands, {time.monotonic() - begun:.0f} s")

        return await campaign.start()

    return await campaign.run(suffer)


async def _once(campaign: Campaign, aim: aims.Aim) -> None:
    medusa = await campaign.world.start()
    try:
        await aim.strike(campaign.world, medusa)
    except TimeoutError:
        campaign.record.missed[aim.name] += 1
    await campaign.kill(medusa)
    campaign.record.blows[aim.name] += 1
