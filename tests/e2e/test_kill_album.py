"""kill -9 in the middle of an album: after a restart, each of its files stands in the chat once, in order."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from medusa.demo.samples import Samples
from tests.e2e.test_kill import World, kill, outside
from tests.integration.source_kit import Server, serving
from tests.pictures import gallery_site, png

pytest.importorskip("gallery_dl")

COUNT = 23


@pytest.fixture
async def site() -> AsyncIterator[Server]:
    async with serving(gallery_site()) as site:
        yield site


@pytest.fixture
async def world(samples: Samples, tmp_path: Path, site: Server) -> AsyncIterator[World]:
    async with outside(samples, tmp_path) as world:
        world.allow.append(f"127.0.0.1:{site.port}")
        yield world


async def order(world: World, site: Server) -> int:
    return await world.phone.send(0, f"/dl mastodon:{site.url(f'/@me/{COUNT}')}")


async def finish(world: World, command: int) -> None:
    """Start again and see every image posted once, in albums of up to ten."""
    await world.start()
    await world.until(lambda: world.settled(command))
    [told] = [m.message for m in world.telegram.messages() if m.id == command]
    assert told.startswith("✓ #1 My trip"), told
    found = [world.telegram.file_of(post) for post in world.posts()]
    assert [one.read() for one in found if one is not None] == [png(number) for number in range(1, COUNT + 1)]
    assert len({post.grouped_id for post in world.posts()}) == 3
    await world.until(lambda: not list((world.folder / "work").iterdir()))  # it goes after the job has told its end


@pytest.mark.parametrize("executed", [False, True], ids=["before", "after"])
async def test_while_the_second_album_is_posted(world: World, site: Server, executed: bool) -> None:
    """The call is under way when Medusa dies: not yet executed, or executed with the answer lost."""
    seen: list[object] = []

    def second(request: object) -> bool:
        seen.append(request)
        return len(seen) == 2

    faults, method = world.telegram.faults, "messages.sendMultiMedia"
    lost = faults.drop(method, executed=True, when=second) if executed else faults.hang(method, when=second)
    process = await world.start()
    command = await order(world, site)
    await world.until(lambda: lost.hits > 0)
    await kill(process)
    # Once the answer is lost, the client asks again under the same ids, and may have sent the rest before it died.
    assert len(world.posts()) in ((20, 23) if executed else (10,))
    await finish(world, command)


async def test_while_its_files_are_uploaded(world: World, site: Server) -> None:
    """What was stored is committed ten by ten, and the site is not asked again."""
    calls = world.telegram.calls
    hang = world.telegram.faults.hang("messages.uploadMedia", when=lambda _: calls["messages.uploadMedia"] > 13)
    process = await world.start()
    command = await order(world, site)
    await world.until(lambda: hang.hits > 0)
    await kill(process)
    hang.stop()
    asked = len(site.requests)
    await finish(world, command)
    assert len(site.requests) == asked
    assert calls["messages.uploadMedia"] <= COUNT + 10
