"""Has ffmpeg draw the picture of statistics, in a child, so that drawing costs no memory between pictures."""

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

import structlog

from medusa import chart, process
from medusa.errors import MedusaError
from medusa.numbers import Report
from medusa.steps.drawing import lay_fonts
from medusa.steps.ffmpeg import target

log = structlog.get_logger()

_SECONDS = 60.0


class Poster:
    """Draws in folders of its own below ``folder``; ``ffmpeg`` is None where there is none."""

    def __init__(self, ffmpeg: Path | None, folder: Path, *, now: Callable[[], float] = time.time) -> None:
        self._ffmpeg = ffmpeg
        self._folder = folder
        self._now = now

    async def draw(self, report: Report) -> bytes | None:
        """The picture as a JPEG of 1280 × 720; None when it can't be drawn, since the figures say the same."""
        if self._ffmpeg is None:
            return None
        try:
            return await self._drawn(self._ffmpeg, chart.written(report, self._now()))
        except (OSError, MedusaError) as error:
            log.warning("stats.not_drawn", error=repr(error))
            return None

    async def _drawn(self, ffmpeg: Path, words: str) -> bytes | None:
        folder = await asyncio.to_thread(self._prepared, words)
        made = folder / "stats.jpg"
        ground = f"color=0x{chart.BACKGROUND}:{chart.WIDTH}x{chart.HEIGHT}:r=1:d=1,format=yuv444p"
        argv = [str(ffmpeg), "-nostdin", "-hide_banner", "-y", "-v", "error", "-f", "lavfi", "-i", ground]
        argv += [
            "-vf",
            "ass=filename=stats.ass:fontsdir=fonts,format=yuvj444p",
            "-frames:v",
            "1",
            "-map_metadata",
            "-1",
        ]
        argv += ["-c:v", "mjpeg", "-q:v", "2", "-f", "mjpeg", target(made)]
        try:
            done = await process.run(argv, cwd=folder, timeout=_SECONDS)
            if done.code:
                log.warning("stats.not_drawn", code=done.code, error=done.err[-300:])
                return None
            return await asyncio.to_thread(made.read_bytes)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _prepared(self, words: str) -> Path:
        """A folder with what is to be drawn, and the fonts, which is all that the child may read."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = Path(mkdtemp(prefix="stats-", dir=self._folder))
        (folder / "stats.ass").write_text(words, encoding="utf-8")
        lay_fonts(folder)
        return folder
