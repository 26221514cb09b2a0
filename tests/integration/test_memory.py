"""The harness that measures memory and disk really measures; see docs/media.md."""

from pathlib import Path

import pytest

from medusa.steps import all_wishes
from tests.memory.measure import big_video, measure, tasks

LIMIT = 700_000_000
"""Bytes that ffmpeg may take for pictures of 1920x1080; a Raspberry Pi has 1 GB."""


def test_every_wish_is_measured() -> None:
    named = {task.name for task in tasks()}
    assert named == {"nothing", *all_wishes()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return big_video(tmp_path_factory.mktemp("source") / "big.mp4", 5_000_000)


@pytest.mark.parametrize("name", ["nothing", "rotate", "scale"])
async def test_a_sample_is_bounded(source: Path, name: str) -> None:
    [task] = [task for task in tasks() if task.name == name]
    row = await measure(task, source)
    assert not row.refused
    assert 10_000_000 < row.ffmpeg < LIMIT
    assert 10_000_000 < row.own < LIMIT
    assert row.disk <= 2 * row.input
    assert row.output
    assert not source.with_name("work").exists()
