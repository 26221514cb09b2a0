"""Playlists, feeds and lists behind links become batches."""

from pathlib import Path

import pytest

from medusa.config import Config
from medusa.demo.lines import Line
from medusa.demo.samples import Samples
from medusa.demo.script import play
from medusa.storage.batches import BatchState, ItemState
from tests.e2e.feed_kit import captions, feeding, on_stage
from tests.e2e.kit import send


@pytest.fixture(autouse=True)
def _made(samples: Samples) -> None:
    """The stage's samples are there."""


async def test_a_playlist_is_posted_in_order_under_its_name(
    config: Config, tmp_path: Path, samples_folder: Path
) -> None:
    async with feeding("Three", "dead", "One <i>") as feed, on_stage(config, tmp_path, samples_folder, feed) as stage:
        [message, *others] = await send(stage, f"/dl {feed.link} --playlist --silent")
        assert message.text.startswith("✗ Batch 1 The show: 2 posted · 1 failed")
        assert [one.text for one in others if one.file] == ["1. Three", "3. One <i>"]
        batch = await stage.app.conductor.batches.get(1)
        assert batch
        assert (batch.name, batch.items, batch.state) == ("The show", 3, BatchState.DONE)
        failed = (await stage.app.conductor.batches.items(1))[1]
        assert (failed.name, failed.state) == ("dead", ItemState.FAILED)
        assert failed.slot == others[1].id


async def test_a_long_playlist_is_planned_first(config: Config, tmp_path: Path, samples_folder: Path) -> None:
    names = [f"n{number}" for number in range(1, 24)]
    async with feeding(*names) as feed, on_stage(config, tmp_path, samples_folder, feed) as stage:
        [plan] = await send(stage, f"/dl {feed.link} --playlist")
        assert plan.text.startswith("Batch 1 “The show”: 23 items\n23 × file")
        assert "1. go, in this order" in plan.text
        await play(stage, [Line(text="/batch 1 only 4-5"), Line(text="/batch 1 go")])
        assert await captions(stage) == ["04. n4", "05. n5"]
        await send(stage, f"/dl {feed.link} --playlist 21-40 --prio low -c {{title}}")
        assert (await captions(stage))[2:] == ["n21", "n22", "n23"]
        assert {job.priority for job in (await stage.app.jobs.recent(3))} == {"low"}


async def test_a_playlist_starts_when_it_is_to(config: Config, tmp_path: Path, samples_folder: Path) -> None:
    async with feeding("One") as feed, on_stage(config, tmp_path, samples_folder, feed) as stage:
        place = await stage.owner.send(0, f"/dl {feed.link} --playlist --at +3h")
        with stage.owner.changes() as changes:
            async for _ in changes:
                message = await stage.owner.message(0, place)
                if message and "Scheduled for" in message.text:
                    break
        assert not await stage.app.jobs.recent(1)
        assert "is paused" in (await send(stage, "/batch 1 pause"))[-1].text


async def test_batch_takes_what_is_behind_a_link(config: Config, tmp_path: Path, samples_folder: Path) -> None:
    async with feeding("Two", "One") as feed, on_stage(config, tmp_path, samples_folder, feed) as stage:
        [plan] = await send(stage, f"/batch {feed.link} -n Mine")
        assert plan.text.startswith("Batch 1 “Mine”: 2 items\n2 × file")
        await send(stage, "/batch 1 go")
        assert await captions(stage) == ["1. Two", "2. One"]
        plan = (await send(stage, f"/batch {feed.server.url('/list.txt')}"))[-1]
        assert plan.text.startswith("Batch 2 “list”: 2 items")
        plan = (await send(stage, f"/batch {feed.server.url('/Lone.bin')} --silent"))[-1]
        assert plan.text.startswith("Batch 3 “without a name”: 1 items")
        assert "dead" in (await send(stage, f"/batch {feed.server.url('/dead.txt')}"))[-1].text
        assert "no link" in (await send(stage, "/batch nonsense"))[-1].text
