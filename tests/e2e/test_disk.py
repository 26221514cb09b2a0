"""The work folder on a small disk: who finds no room waits, with a reason that can be seen, and ends well."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from medusa import room
from medusa.config import Config, Slots
from medusa.demo.samples import Samples
from medusa.demo.stage import open_stage
from medusa.model import Job, JobState
from tests.e2e.kit import send

SmallDisk = Callable[[Path, int], Path]


async def test_of_two_files_with_room_for_one_the_second_waits_and_both_are_posted(
    config: Config,
    tmp_path: Path,
    samples: Samples,
    samples_folder: Path,
    small_disk: SmallDisk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither can be streamed: both videos are changed into another container, which takes room for two copies."""
    monkeypatch.setattr(room, "AGAIN", 0.1)
    clip, film = (samples.path(name).stat().st_size for name in ("clip.mp4", "film.mkv"))
    work = small_disk(tmp_path / "stage" / "work", 2 * clip + film)
    config = replace(config, slots=Slots(fetch=2, process=2, upload=2))
    told: list[Job] = []
    async with open_stage(config, tmp_path / "stage", samples_folder) as stage:
        stage.app.scheduler.listeners.append(told.append)
        messages = await send(stage, "/dl sample:slow/clip.mp4?rate=400000", "/dl sample:slow/film.mkv?rate=200000")
        assert sum(message.file is not None for message in messages) == 2
        waits = [job for job in told if job.state is JobState.WAITING]
        assert len({job.id for job in waits}) == 1
        assert re.fullmatch(r"Needs [\d.]+ [kM]B, [\d.]+ [kM]B is free; the job goes on .*", waits[0].reason)
        assert waits[-1].attempts == 0  # waiting is no failed try
        assert not list(work.iterdir())
        messages = await send(stage, "/dl sample:archive.bin")  # a stream, far larger than the disk
        assert sum(message.file is not None for message in messages) == 3
