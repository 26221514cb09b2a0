"""Has every step of the house work on a big video, and prints what that takes.

.venv/bin/python -m tests.memory --size 2G [--only convert …] [--folder DIR]
"""

import argparse
import asyncio
import platform
import sys
import tempfile
from pathlib import Path

from medusa.cage import share_of_memory
from tests.memory.measure import Row, big_video, measure, tasks

_UNITS = {"K": 10**3, "M": 10**6, "G": 10**9}


def _size(text: str) -> int:
    return round(float(text.rstrip("KMGkmg")) * _UNITS.get(text[-1].upper(), 1))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def _main(size: int, only: list[str], folder: Path) -> None:
    _say(f"{platform.machine()}, {_processors()} processors, {share_of_memory() >> 20} MiB allowed to each child")
    source = big_video(folder / "big.mp4", size)
    _say(f"input: {source.stat().st_size / 1e6:.0f} MB of 1920x1080, H.264 and AAC, in MP4\n")
    _say(Row.HEAD)
    for task in tasks():
        if not only or task.name in only:
            _say(str(await measure(task, source)))


def _processors() -> int:
    return sum(line.startswith("processor") for line in Path("/proc/cpuinfo").read_text().splitlines())


if __name__ == "__main__":
    words = argparse.ArgumentParser(prog="tests.memory", description=__doc__)
    words.add_argument("--size", type=_size, default=_size("2G"), help="bytes of the input, such as 2G")
    words.add_argument("--only", nargs="*", default=[], help="only these wishes")
    words.add_argument("--folder", type=Path, help="where there is room for four times the size")
    given = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="medusa-memory-", dir=given.folder) as made:
        asyncio.run(_main(given.size, given.only, Path(made)))
