"""Runs steps as jobs do, and watches their children, this process and the disk meanwhile."""

import asyncio
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from medusa import steps
from medusa.errors import MedusaError
from medusa.model import LocalFile, Order
from medusa.steps import all_steps
from tests.integration.source_kit import Reports, ffmpeg, tool_box

_LOOK = 0.02
"""Seconds between two looks; the kernel keeps the peaks of processes, so only their last moments are missed."""
_MOST = 2**40


@dataclass(frozen=True)
class Task:
    """What is asked of the steps, in ``files`` copies of the input."""

    name: str
    edits: Mapping[str, str]
    files: int = 1


@dataclass
class Row:
    """What a task took, in bytes: the peaks of one ffmpeg, of this process, and of the disk beside the input."""

    HEAD: ClassVar[str] = (
        "| asked for | peak of ffmpeg | peak of Medusa | temporary ÷ input | came to |\n|---|--:|--:|--:|--:|"
    )
    task: Task
    input: int
    ffmpeg: int = 0
    own: int = 0
    disk: int = 0
    output: int = 0
    refused: str = ""

    def __str__(self) -> str:
        asked = " ".join(f"--{name} {value}" for name, value in self.task.edits.items()) or "nothing"
        came = self.refused or f"{self.output / 1e6:.0f} MB"
        peaks = f"{self.ffmpeg / 1e6:.0f} MB | {self.own / 1e6:.0f} MB | {self.disk / self.input:.2f}"
        return f"| {asked} | {peaks} | {came} |"


def tasks() -> Iterator[Task]:
    """Each wish of each step with its example value, and none at all; those without a value go with another one."""
    yield Task("nothing", {})
    for step in all_steps():
        examples = {wish.name: wish.read(wish.example) for wish in step.wishes if wish.example}
        for wish in step.wishes:
            beside = {} if wish.example else dict(list(examples.items())[:1])
            yield Task(wish.name, {**beside, wish.name: examples.get(wish.name, "on")}, 2 if step.gather else 1)


def big_video(path: Path, size: int) -> Path:
    """Make a video of at least so many bytes: two seconds of noise, over and over."""
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=1920x1080:r=25:d=2,noise=alls=60:allf=t", "-f", "lavfi", "-i", "sine=d=2"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "8", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac"),
        *("-threads", "2", "-shortest", "piece.mp4"),
        cwd=path.parent,
    )
    piece = path.with_name("piece.mp4")
    times = max(0, -(-size // piece.stat().st_size) - 1)
    looped = ("-stream_loop", str(times), "-i", "piece.mp4", "-c", "copy", "-movflags", "+faststart")
    ffmpeg(*looped, path.name, cwd=path.parent)
    piece.unlink()
    return path


async def measure(task: Task, source: Path) -> Row:
    """Run a task in a folder beside the input, which is removed afterwards."""
    folder = source.with_name("work")
    folder.mkdir()
    files = []
    for number in range(task.files):
        path = folder / f"input{number}.mp4"
        path.hardlink_to(source)
        files.append(LocalFile(path, f"input{number}.mp4", "video/mp4"))
    row = Row(task, source.stat().st_size)
    Path("/proc/self/clear_refs").write_text("5")  # the peak of this process begins anew
    watch = asyncio.create_task(_watched(row, folder))
    try:
        async with tool_box(upload_limit=_MOST) as tools:
            done = await steps.process(files, Order("", edits=task.edits), folder, tools, Reports())
        row.output = sum(file.path.stat().st_size for file in done)
    except MedusaError as error:
        row.refused = error.user_text
    finally:
        watch.cancel()
        await asyncio.wait([watch])
        shutil.rmtree(folder)
    row.own = _peak(os.getpid())
    return row


async def _watched(row: Row, folder: Path) -> None:
    while True:
        row.ffmpeg = max([row.ffmpeg, *(_peak(child) for child in _children())])
        row.disk = max(row.disk, _used(folder))
        await asyncio.sleep(_LOOK)


def _children() -> list[int]:
    """The running processes that were started from here."""
    return [int(word) for word in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def _peak(pid: int) -> int:
    """The most memory that a process has held at once, in bytes."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _used(folder: Path) -> int:
    """The bytes on disk of what is in a folder, but for links to the input."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            seen = path.stat()
            total += seen.st_blocks * 512 if seen.st_nlink == 1 and path.is_file() else 0
    return total
