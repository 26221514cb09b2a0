"""What the plan of a batch foretells is held against what happens: bytes, disk, parts of what is too big."""

import asyncio
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from medusa.batches.planner import Planner
from medusa.demo.lines import Line
from medusa.demo.script import play
from medusa.demo.stage import Stage
from medusa.telegram.parts import PART_SIZE
from tests.e2e.test_batches import lines, posts, shown

LIMIT = 4 * PART_SIZE
"""Bytes that one post may have here."""
UNITS = {"kB": 10**3, "MB": 10**6}


async def most_on_disk(folder: Path, found: list[int]) -> None:
    """Note how many bytes lie in a folder, again and again."""
    while True:
        sizes = []
        for path in list(folder.rglob("*")):
            with suppress(OSError):
                sizes.append(path.lstat().st_blocks * 512 if path.is_file() else 0)
        found.append(sum(sizes))
        await asyncio.sleep(0.02)


def foretold(plan: str, pattern: str) -> float:
    found = re.search(pattern.replace("SIZE", r"([\d.]+) (kB|MB)"), plan)
    assert found, plan
    return float(found[1]) * UNITS[found[2]]


async def test_what_the_plan_foretells_comes_true(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    app = stage.app
    monkeypatch.setattr(app.pipeline, "tools", replace(app.pipeline.tools, upload_limit=LIMIT))
    planner = Planner(app.pipeline.library, app.jobs, LIMIT, app.config.slots)
    monkeypatch.setattr(app.router, "_desk", replace(app.router._desk, flight=planner.begin))
    names = ("Big=archive.bin", "Stream=hls/index.m3u8", "Parts=dash/manifest.mpd", "Notes=notes.pdf", "Song=song.mp3")
    await play(stage, [Line(text=f"/batch\n{lines(stage, *names)}")])
    plan = await shown(stage)
    lying: list[int] = []
    watching = asyncio.create_task(most_on_disk(app.config.work, lying))
    await play(stage, [Line(text="/batch 1 go")])
    watching.cancel()
    sent = [one.media.document.size for one in posts(stage)]
    assert sum(sent) == pytest.approx(foretold(plan, "SIZE in all"), rel=0.05)
    peak = foretold(plan, "at most SIZE on the disk at once")
    assert max(lying) <= peak < 4 * max(lying)
    assert f"{len(sent) - 4} parts of what is over" in plan
