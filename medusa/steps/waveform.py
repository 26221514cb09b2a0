"""Draws the loudness of a voice message over time, which clients show beside it."""

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from medusa import process
from medusa.cage import Cage
from medusa.errors import Broken
from medusa.model import LocalFile, Order, Progress, Report
from medusa.steps import Step
from medusa.steps.ffmpeg import command
from medusa.tools import Tools

VALUES = 100
"""How many values clients show, each of 5 bits (https://core.telegram.org/constructor/documentAttributeAudio)."""
_HIGHEST = 31
_RATE = 8000
"""Samples a second that are looked at."""
_MOST = 8000
"""Samples of which the peak is told together at most."""
_KEY = "lavfi.astats.Overall.Peak_level"
_STALLED = 600.0
_COMPUTING = 3600


def _wants(file: LocalFile, order: Order) -> bool:
    return file.shape == "voice" and not order.as_document


async def _run(file: LocalFile, order: Order, workdir: Path, tools: Tools, report: Report) -> LocalFile:  # noqa: ARG001 - the seam
    """Have ffmpeg tell the peaks, at least a hundred and one a second; a file that yields none goes without."""
    if file.media is None or tools.ffmpeg is None:
        return file
    report(Progress(note="drawing the waveform"))
    together = max(1, min(_MOST, int((file.media.duration or 0.0) * _RATE / VALUES)))
    filters = f"aresample={_RATE},asetnsamples=n={together}:p=0,astats=metadata=1:reset=1"
    filters += f":measure_perchannel=none:measure_overall=Peak_level,ametadata=mode=print:key={_KEY}:file=-"
    argv = [*command(tools.ffmpeg, file.path), "-map", "0:a:0", "-af", filters, "-v", "error", "-f", "null", "-"]
    peaks: list[float] = []
    try:
        async with process.child(argv, cwd=workdir, cage=Cage(cpu=_COMPUTING)) as running:
            async for line in running.lines(_STALLED):
                key, _, value = line.partition("=")
                if key == _KEY:
                    peaks.append(_amplitude(value))
            await running.wait()
    except Broken:
        return file
    return replace(file, waveform=packed(levels(peaks)).hex()) if peaks else file


def _amplitude(decibels: str) -> float:
    """The amplitude of a level below full scale; silence is ``-inf``, and before that ffmpeg said ``nan``."""
    try:
        level = float(decibels)
    except ValueError:
        return 0.0
    return 0.0 if math.isnan(level) else min(1.0, 10 ** (level / 20))


def levels(peaks: Iterable[float]) -> list[int]:
    """A hundred values from 0 to 31 of any number of amplitudes, the loudest of which is 31."""
    all_ = list(peaks)
    spans = ((len(all_) * at // VALUES, len(all_) * (at + 1) // VALUES) for at in range(VALUES))
    found = [max(all_[start : max(end, start + 1)], default=0.0) for start, end in spans]
    loudest = max(found, default=0.0)
    return [round(one / loudest * _HIGHEST) if loudest else 0 for one in found]


def packed(values: Iterable[int]) -> bytes:
    """Values of 5 bits one after the other, the lowest bit first, in 63 bytes for a hundred."""
    whole = 0
    for place, value in enumerate(values):
        whole |= value << 5 * place
    return whole.to_bytes((5 * VALUES + 7) // 8, "little")


STEP = Step(name="waveform", stage=95, wants=_wants, run=_run, example="speech.ogg")
