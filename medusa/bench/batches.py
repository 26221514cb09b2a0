"""Measures what keeping the order of a batch costs, and what it gains over fetching and sending one after the other."""

import asyncio
import json
import os
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from medusa.bench.children import ENV, Failed, Side, last_error, open_instance
from medusa.bench.host import Conditions
from medusa.bench.instance import login
from medusa.bench.results import Results
from medusa.process import run
from medusa.tools import find_ffmpeg

_WAY = Conditions(rtt=60)
_RATES = {"small": 400_000, "big": 1_000_000, "slow": 100_000}
"""Bytes a second at which sites give away the kinds of files; with none, there would be nothing to do meanwhile."""
_SMALL, _BIG = 60_000, 1_500_000
"""Bytes of most files, and of some."""
_KINDS = {"small": 60, "big": 10, "slow": 10, "stream": 8, "dead": 6, "again": 6}
"""Of a hundred lines, how many are of each kind."""
_PICTURE = ("-f", "lavfi", "-i", "testsrc=size=320x180:rate=15", "-t", "6", "-c:v", "mpeg2video", "-q:v", "8")


async def measure_batch(side: Side, python: str, say: Callable[[str], None], results: Results) -> None:
    """Play the same lines in order, as they come, and one after the other, round by round, and compare the times."""
    lines = await _lines(side)
    loose: list[float] = []
    plain: list[float] = []
    for number in range(1, side.plan.rounds + 1):
        say(f"round {number}: a batch of {len(lines)}")
        ordered = await _played(side, python, lines, "")
        if ordered["order"] != sorted(ordered["order"]):
            raise Failed(f"the posts are out of order: {ordered['order']}")
        loose.append(ordered["seconds"] / (await _played(side, python, lines, "--fast"))["seconds"])
        plain.append(ordered["seconds"] / await _one_by_one(side, python, lines))
    add = results.record
    name = f"batch of {len(lines)} in order: time ÷ that without an order"
    add(name, loose, ".2f", "≤ 1.15", lambda figure: figure <= 1.15)
    name = f"batch of {len(lines)} in order: time ÷ that of fetching and sending one by one"
    add(name, plain, ".2f", "≤ 0.80", lambda figure: figure <= 0.8)


async def _lines(side: Side) -> list[str]:
    """The lines of the batch, of files that are made here; no two are equal but those that are to be."""
    die = random.Random(7)  # noqa: S311 -- a die
    kinds = die.choices(list(_KINDS), list(_KINDS.values()), k=side.plan.batch)
    for name in ("stream", "slow", "dead", "big")[: max(0, side.plan.batch - 1)]:
        kinds[1 + die.randrange(len(kinds) - 1)] = name
    lines: list[str] = []
    for number, kind in enumerate(kinds):
        earlier = [line for line in lines if "dead" not in line]
        again = kind == "again" and earlier
        lines.append(die.choice(earlier) if again else f"F{number}:{await _link(side, number, kind, die)}")
    return lines


async def _link(side: Side, number: int, kind: str, die: random.Random) -> str:
    path = side.folder / f"batch{number}-{kind}.bin"
    if kind == "dead":
        return side.link(path)
    if kind == "stream":
        return side.link(await _stream(side.folder / f"batch{number}.m3u8"))
    size = _BIG if kind == "big" else _SMALL + die.randrange(_SMALL)
    await asyncio.to_thread(path.write_bytes, os.urandom(size))
    return side.link(path, _RATES.get(kind, _RATES["small"]))


async def _stream(path: Path) -> Path:
    """An HLS playlist with its segments beside it."""
    pieces = str(path.with_suffix("")) + "-%d.ts"
    hls = ("-f", "hls", "-hls_time", "2", "-hls_list_size", "0", "-hls_segment_filename", pieces)
    argv = [str(find_ffmpeg()), "-v", "error", "-y", *_PICTURE, *hls, str(path)]
    done = await run(argv, cwd=path.parent, timeout=60, cage=None)
    if done.code:
        raise Failed(last_error(done.err))
    return path


async def _played(side: Side, python: str, lines: Sequence[str], options: str) -> dict[str, Any]:
    """Have a fresh Medusa play the lines; returns what the server's side saw."""
    text = "\n".join([f"/batch {options}", *lines])
    with tempfile.TemporaryDirectory(dir=side.folder) as folder:
        session = await login(side.server)
        await side.ask("arm", conditions=asdict(_WAY))
        await side.ask("begin")
        try:
            async with open_instance(side, python, session, Path(folder)):
                return await side.ask("batch", text=text, timeout=side.plan.timeout)
        finally:
            await side.ask("end")


async def _one_by_one(side: Side, python: str, lines: Sequence[str]) -> float:
    links = [line.partition(":")[2] for line in lines]
    await side.ask("arm", conditions=asdict(_WAY))
    with tempfile.TemporaryDirectory(dir=side.folder) as folder:
        order = {"server": asdict(side.server), "folder": folder, "links": links, "cores": side.plan.client_cores}
        argv = [python, "-P", "-m", "medusa.bench.sequential", json.dumps(order)]
        try:
            done = await run(argv, cwd=Path(folder), env=ENV, timeout=side.plan.timeout, cage=None)
        finally:
            await side.ask("end")
    if done.code:
        raise Failed(last_error(done.err))
    return float(json.loads(done.out.splitlines()[-1])["seconds"])
