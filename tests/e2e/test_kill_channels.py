"""kill -9 while it is decided where a post goes: after a restart there is one channel, and one post in one place."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from telethon import utils
from telethon.tl import functions, types

from medusa.demo.samples import Samples
from tests.e2e.test_kill import World, kill, outside


@pytest.fixture
async def world(samples: Samples, tmp_path: Path) -> AsyncIterator[World]:
    async with outside(samples, tmp_path) as world:
        yield world


def channels(world: World) -> list[int]:
    return [chat for chat in world.telegram.chats() if chat < 0]


def posts_in(world: World, chat: int) -> list[Any]:
    return [message for message in world.telegram.messages(chat) if getattr(message, "media", None)]


async def settled(world: World, command: int) -> None:
    """Wait until the command message says that its job is done."""
    await world.until(lambda: world.settled(command))
    [told] = [m.message for m in world.telegram.messages() if m.id == command]
    assert told.startswith("✓"), told


async def obeyed(world: World, text: str) -> None:
    """Send a command and wait until its answer has taken its place."""
    number = await world.phone.send(0, text)
    await world.until(lambda: any(m.id == number and m.message != text for m in world.telegram.messages()))


@pytest.mark.parametrize("stage", ["before it is made", "once it is made", "once it is registered"])
async def test_a_new_channel_is_made_once(world: World, stage: str) -> None:
    faults = world.telegram.faults
    if stage == "before it is made":
        met = waits = faults.hang("channels.createChannel")
    elif stage == "once it is made":
        met = faults.drop("channels.createChannel", executed=True)
        waits = faults.hang("messages.getDialogs", when=lambda _: met.hits > 0)
    else:
        met = waits = faults.hang("messages.uploadMedia")
    process = await world.start()
    command = await world.phone.send(0, f"/dl {world.media.link('notes.pdf')} --to new:Films")
    await world.until(lambda: waits.hits > 0)
    await kill(process)
    assert met.hits == 1
    faults.clear()
    await world.start()
    await settled(world, command)
    [films] = channels(world)
    assert len(posts_in(world, films)) == 1
    assert world.posts() == []


@pytest.mark.parametrize(
    ("method", "executed"),
    [("upload.saveFilePart", False), ("messages.uploadMedia", False), ("messages.sendMedia", True)],
)
async def test_a_rule_decides_and_the_post_stands_there_once(world: World, method: str, executed: bool) -> None:
    process = await world.start()
    await obeyed(world, "/route add audio new:Music")
    faults = world.telegram.faults
    fault = faults.drop(method, executed=True) if executed else faults.hang(method)
    command = await world.phone.send(0, f"/dl {world.media.link('song.mp3')} --pin")
    await world.until(lambda: fault.hits > 0)
    await kill(process)
    fault.stop()
    await world.start()
    await settled(world, command)
    [music] = channels(world)
    [post] = posts_in(world, music)
    assert post.pinned
    assert world.posts() == []


async def test_a_topic_is_made_once_though_the_command_runs_twice(world: World) -> None:
    process = await world.start()
    waits = world.telegram.faults.hang("messages.getForumTopics")
    forum = await _forum(world)
    command = await world.phone.send(0, f"/dl {world.media.link('notes.pdf')} --to {forum}/new:Music")
    await world.until(lambda: waits.hits > 0)
    await kill(process)
    waits.stop()
    lost = world.telegram.faults.drop("messages.createForumTopic", executed=True)
    await world.start()
    await settled(world, command)
    assert lost.hits == 1
    actions = [(m.id, getattr(m, "action", None)) for m in world.telegram.messages(forum)]
    made = [number for number, action in actions if isinstance(action, types.MessageActionTopicCreate)]
    [post] = posts_in(world, forum)
    assert made == [post.reply_to.reply_to_top_id]


async def _forum(world: World) -> int:
    request = functions.channels.CreateChannelRequest("Forum", "", megagroup=True, forum=True)
    return int(utils.get_peer_id((await world.phone._client(request)).chats[0]))
