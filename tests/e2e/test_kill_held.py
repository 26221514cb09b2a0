"""kill -9 while a file of a Telegram message is posted anew: after a restart, it stands there once more, and once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from medusa.demo.samples import Samples
from tests.e2e.test_kill import World, kill, outside


@pytest.fixture
async def world(samples: Samples, tmp_path: Path) -> AsyncIterator[World]:
    async with outside(samples, tmp_path) as world:
        yield world


@pytest.mark.parametrize(
    ("options", "method", "executed"),
    [
        ("", "messages.sendMedia", True),
        ("", "messages.getMessages", False),
        (" -n other", "upload.getFile", False),
        (" -n other", "upload.saveBigFilePart", True),
    ],
)
async def test_a_file_in_reply(world: World, options: str, method: str, executed: bool) -> None:
    original = await world.phone.send(0, "", world.samples.path("archive.bin"))
    process = await world.start()
    fault = world.telegram.faults.drop(method, executed=True) if executed else world.telegram.faults.hang(method)
    command = await world.phone.send(0, f"/dl{options}", reply_to=original)
    await world.until(lambda: fault.hits > 0)
    await kill(process)
    fault.stop()
    await world.start()
    await world.until(lambda: world.settled(command))
    [told] = [m.message for m in world.telegram.messages() if m.id == command]
    assert told.startswith("✓"), told
    first, second = (world.telegram.file_of(post) for post in world.posts())
    assert first is not None
    assert second is not None
    assert (second.id == first.id) is not bool(options)
    assert second.sha256 == first.sha256
    assert not list((world.folder / "work").iterdir())
