"""On a small disk: who finds no room waits, with a reason that can be seen, and ends well."""

import asyncio
import os
import re
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from medusa import room
from medusa.config import Config, Slots
from medusa.demo.samples import Samples
from medusa.demo.stage import Stage, open_stage
from medusa.errors import DiskFull
from medusa.model import Job, JobState
from medusa.settings import PER_HOST
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


async def test_what_is_asked_for_while_the_state_cannot_be_saved_is_done_later(
    config: Config, tmp_path: Path, samples_folder: Path, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert DiskFull.__init__.__kwdefaults__
    monkeypatch.setitem(DiskFull.__init__.__kwdefaults__, "after", 0.2)
    state = small_disk(tmp_path / "stage" / "state", 12_000_000)  # too small for a ballast
    wished, met = 3, set[str]()
    async with open_stage(config, tmp_path / "stage", samples_folder) as stage, asyncio.timeout(60):
        while "command.waiting" not in met:  # and not only noting that a command was heard
            fill(state / "filler")
            with capture_logs() as logs:
                while not logs:
                    wished = 7 - wished
                    command = await stage.owner.send(0, f"/set per-host {wished}")
                    await answered(stage, command, unless=logs)
            met.update(line["event"] for line in logs)
            (state / "filler").unlink()
            await answered(stage, command)
            assert stage.app.settings[PER_HOST] == wished


async def answered(stage: Stage, command: int, unless: Collection[object] = ()) -> None:
    """Wait until Medusa has answered a command, which is by editing it, or something has been logged."""
    while not unless and (message := await stage.owner.message(stage.owner.user_id, command)):
        if not message.text.startswith("/"):
            return
        await asyncio.sleep(0.02)


def fill(path: Path) -> None:
    """Leave no block."""
    disk = os.statvfs(path.parent)
    path.write_bytes(bytes(disk.f_bavail * disk.f_frsize))
