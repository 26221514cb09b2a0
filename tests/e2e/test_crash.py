"""A sample of the crash harness, tests/crash, and what it has found; all of it: python3 -m tests.crash --kills 1000."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from medusa.demo.samples import Samples
from tests.crash import hang as hanging
from tests.crash.__main__ import report
from tests.crash.campaign import Campaign
from tests.crash.cut import cut
from tests.crash.full import NoDisk, full, small_disk
from tests.crash.kill import kill
from tests.crash.outside import SAVED, World, outside
from tests.crash.verdict import Verdict

SEED = int(os.environ.get("CRASH_SEED", "7"))
KINDS = ("video", "big", "several", "long", "again", "clip", "dead")


@pytest.fixture
async def world(samples: Samples, tmp_path: Path) -> AsyncIterator[World]:
    async with outside(samples, tmp_path) as world:
        yield world


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


def says(world: World, message_id: int, words: str) -> bool:
    return words in (world.text(SAVED, message_id) or "")


def check(campaign: Campaign, verdict: Verdict) -> None:
    seen = "\n".join([f"seed {campaign.seed}", *report(campaign.record, verdict)])
    sys.stdout.write(seen)
    assert verdict.well, seen
    assert not campaign.record.broken, seen
    assert verdict.jobs > 0


async def test_killed_again_and_again_nothing_is_lost_or_doubled(world: World) -> None:
    campaign = Campaign(world, SEED, KINDS, most=4)
    check(campaign, await kill(campaign, 6, print))


async def test_killed_in_the_middle_of_batches_each_stands_once_and_in_order(world: World) -> None:
    campaign = Campaign(world, SEED, ("batch",), most=1, batch=12)
    check(campaign, await kill(campaign, 5, print))


async def test_cut_off_again_and_again_nothing_is_lost_or_doubled(world: World) -> None:
    campaign = Campaign(world, SEED, ("video", "several", "long"), most=3)
    check(campaign, await cut(campaign, 2, print))


async def test_with_calls_that_are_never_answered_nothing_is_lost_or_doubled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hanging, "_LONGEST", 1.0)
    campaign = Campaign(world, SEED, ("video", "several", "again"), most=3)
    check(campaign, await hanging.hang(campaign, 2, print))


async def test_without_room_again_and_again_nothing_is_lost_or_doubled(samples: Samples, tmp_path: Path) -> None:
    try:
        with small_disk(tmp_path) as disk:
            async with outside(samples, disk) as world:
                campaign = Campaign(world, SEED, ("clip", "video"), most=3)
                check(campaign, await full(campaign, 5, print))
    except NoDisk as error:
        pytest.skip(str(error))


async def test_a_command_in_a_channel_that_was_never_heard_of_is_not_missed(world: World) -> None:
    """Telethon stores the place in a channel's updates a minute after the first one; before, it forgets the channel."""
    campaign = Campaign(world, SEED)
    medusa = await campaign.start()
    asked = world.write(SAVED, f"/set chats {world.channel}")
    await until(lambda: not says(world, asked, "/set"))
    await campaign.kill(medusa)
    command = world.write(world.channel, f"/dl {world.media.link('note', 'n1.pdf')}")
    medusa = await campaign.start()
    await until(lambda: world.text(world.channel, command) is None)
    await campaign.end(medusa)
    assert [message.id for message in world.messages(world.channel) if getattr(message, "media", None)]
    assert not campaign.record.broken
