"""What is too big for one post is posted in parts; kill -9 in the middle of that leaves each part posted once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from medusa.demo.lines import Line
from medusa.demo.samples import Samples
from medusa.demo.script import play
from medusa.demo.stage import Stage
from medusa.steps.ffmpeg import look
from medusa.telegram.parts import PART_SIZE
from medusa.telegram.phone import Message
from medusa.tools import find_ffmpeg
from tests.e2e.kit import send
from tests.e2e.test_kill import World, kill, outside

LIMIT = 4 * PART_SIZE
COUNT = 6
"""Parts of the sample with 12 MB of noise."""


@pytest.fixture
def small_posts(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = stage.app.pipeline
    monkeypatch.setattr(pipeline, "tools", replace(pipeline.tools, upload_limit=LIMIT))


def files(messages: list[Message]) -> list[Message]:
    return [message for message in messages if message.file]


@pytest.mark.usefixtures("small_posts")
async def test_a_big_file_comes_in_parts_that_can_be_joined(stage: Stage, samples: Samples) -> None:
    posted = files(await send(stage, "/dl sample:archive.bin -c Noise"))
    assert [message.file.name for message in posted if message.file] == [f"archive.bin.{n:03d}" for n in range(1, 7)]
    assert [message.text.splitlines()[-1][:11] for message in posted] == [f"Part {n} of 6" for n in range(1, 7)]
    assert posted[0].text.startswith("Noise\nPart 1 of 6. To join them: cat archive.bin.0* > archive.bin")
    held = [stage.telegram.file_of(m) for m in stage.telegram.messages() if getattr(m, "media", None)]
    assert b"".join(one.read() for one in held if one) == samples.path("archive.bin").read_bytes()
    again = await send(stage, "/dl sample:archive.bin -c Noise")
    assert len(files(again)) == COUNT


async def test_a_reply_splits_a_video_into_parts_that_play(stage: Stage, tmp_path: Path) -> None:
    await send(stage, "/dl sample:clip.mp4")
    await play(stage, [Line(text="/split 3", reply_to="last_file")])
    parts = files(await stage.owner.history(stage.owner.user_id))[1:]
    assert [part.text for part in parts] == [f"clip\nPart {n} of 3" if n == 1 else f"Part {n} of 3" for n in (1, 2, 3)]
    ffmpeg = find_ffmpeg()
    assert ffmpeg
    lasting = 0.0
    for message in [m for m in stage.telegram.messages() if getattr(m, "media", None)][1:]:
        held = stage.telegram.file_of(message)
        assert held
        path = tmp_path / held.name
        path.write_bytes(held.read())
        seen = await look(path, ffmpeg, tmp_path)
        assert seen.media
        assert seen.media.streamable
        lasting += seen.media.duration or 0
    assert lasting == pytest.approx(6, abs=0.3)


async def test_a_sample_and_a_refusal(stage: Stage) -> None:
    await send(stage, "/dl sample:clip.mp4")
    await play(stage, [Line(text="/sample 2", reply_to="last_file")])
    assert len(files(await send(stage, "/trim #1 7-9"))) == 2
    told = [m.text for m in await stage.owner.history(stage.owner.user_id) if m.text.startswith("✗")]
    assert len(told) == 1
    assert "is over after 6.0 s" in told[0]


@pytest.fixture
async def world(samples: Samples, tmp_path: Path) -> AsyncIterator[World]:
    async with outside(samples, tmp_path) as world:
        world.telegram.limit_parts(LIMIT // PART_SIZE)
        yield world


@pytest.mark.parametrize("method", ["messages.uploadMedia", "messages.sendMultiMedia"])
async def test_killed_in_mid_upload_each_part_is_posted_once(world: World, method: str) -> None:
    calls = world.telegram.calls
    hang = world.telegram.faults.hang(method, when=lambda _: method != "messages.uploadMedia" or calls[method] > 3)
    process = await world.start()
    command = await world.phone.send(0, f"/dl {world.media.link('archive.bin')}")
    await world.until(lambda: hang.hits > 0)
    await kill(process)
    hang.stop()
    await world.start()
    await world.until(lambda: world.settled(command))
    [told] = [m.message for m in world.telegram.messages() if m.id == command]
    assert told.startswith("✓"), told
    held = [world.telegram.file_of(post) for post in world.posts()]
    assert [one.name for one in held if one] == [f"archive.bin.{n:03d}" for n in range(1, COUNT + 1)]
    assert b"".join(one.read() for one in held if one) == world.samples.path("archive.bin").read_bytes()
    assert not list((world.folder / "work").iterdir())
