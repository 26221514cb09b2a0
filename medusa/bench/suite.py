"""Runs all measures of a plan, one after the other, and hands out the results."""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from medusa.bench import MEASURES
from medusa.bench.application import Application
from medusa.bench.batches import measure_batch
from medusa.bench.chart import draw
from medusa.bench.children import Failed, Side, open_side
from medusa.bench.downloads import measure_downloads
from medusa.bench.environment import install, ready
from medusa.bench.peers import Peer
from medusa.bench.plan import MIB, Plan, make_plan
from medusa.bench.queue import measure_queue
from medusa.bench.report import as_json, as_text
from medusa.bench.results import Results
from medusa.bench.uploads import measure_faults, measure_memory, measure_uploads
from medusa.discover import plugins
from medusa.errors import UserError

_ON_DISK = Path("/var/tmp")  # noqa: S108 - only a parent folder; unlike /tmp, it never lies in memory
_BLOCK = 8 * MIB


async def main(options: argparse.Namespace) -> int:
    """Measure, print the tables, write what was asked for; returns 0. Raises UserError for an unknown client."""
    only = frozenset(options.only)
    size = options.size * MIB if options.size else None
    plan = make_plan(quick=options.quick, rounds=options.rounds, size=size, only=only)
    peers = choose(options.peers)
    others = any(plan.wants(name) for name in ("upload", "download", "faults"))
    if others and not options.no_install and not ready():
        say("Installing the other clients into .venv-bench …")
        if trouble := await install():
            say(trouble)
    results = await _measure(plan, peers)
    sys.stdout.write("\n" + as_text(results, plan, peers))
    sys.stdout.flush()
    await asyncio.to_thread(_write, options, results, plan, peers)
    return 0


def _write(options: argparse.Namespace, results: Results, plan: Plan, peers: Sequence[Peer]) -> None:
    if options.json:
        options.json.write_text(json.dumps(as_json(results, plan), indent=1) + "\n", encoding="utf-8")
    if options.chart:
        options.chart.write_text(draw(results, plan, peers), encoding="utf-8")


def choose(names: Sequence[str]) -> list[Peer]:
    """Medusa first, then the other clients, or those asked for. Raises UserError for an unknown one."""
    found = plugins("medusa.bench.peers", "PEER", Peer)
    if unknown := sorted(set(names) - set(found)):
        raise UserError(f"There is no client {unknown[0]} to measure. There are: {', '.join(found)}.")
    chosen = [peer for name, peer in found.items() if peer.own or not names or name in names]
    return sorted(chosen, key=lambda peer: not peer.own)


def say(text: str) -> None:
    """Tell the progress on standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


async def _measure(plan: Plan, peers: Sequence[Peer]) -> Results:
    results = Results()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(_folder()))
        side = await stack.enter_async_context(open_side(plan, sys.executable, folder))
        for name, work in _measures(side, peers, results).items():
            if plan.wants(name):
                try:
                    await work()
                except Failed as error:
                    results.failed(name, str(error))
    return results


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="medusa-bench-", dir=_ON_DISK if _ON_DISK.is_dir() else None)


def _measures(side: Side, peers: Sequence[Peer], results: Results) -> dict[str, Callable[[], Awaitable[None]]]:
    """The measures by name, in their order."""
    plan, own = side.plan, peers[0]
    app = Application(side, sys.executable, own, say, results)

    def data(size: int) -> Path:
        return _random(side.folder, size)

    work = {
        "upload": lambda: measure_uploads(side, peers, data(plan.size), say, results),
        "download": lambda: measure_downloads(side, peers, data(plan.size), say, results),
        "faults": lambda: measure_faults(side, peers, data(plan.size), say, results),
        "memory": lambda: measure_memory(side, own, [data(size) for size in plan.memory], say, results),
        "stream": lambda: app.stream(data(plan.stream)),
        "footprint": lambda: app.footprint([data(size) for size in plan.memory]),
        "resume": lambda: app.resume(data(plan.size)),
        "repost": lambda: app.repost(data(plan.size)),
        "rest": app.rest,
        "batch": lambda: measure_batch(side, sys.executable, say, results),
        "queue": lambda: measure_queue(plan, side.folder, say, results),
    }
    return {name: work[name] for name in MEASURES}


def _random(folder: Path, size: int) -> Path:
    """A file of random bytes: zeros would fly through a client that compresses."""
    path = folder / f"{size}.bin"
    if not path.exists():
        with path.open("wb") as file:
            for start in range(0, size, _BLOCK):
                file.write(os.urandom(min(_BLOCK, size - start)))
    return path
