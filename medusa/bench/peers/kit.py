"""Runs one client in this process: logs in, uploads one file under the conditions laid on, prints what it cost."""

import asyncio
import gc
import hashlib
import json
import os
import re
import resource
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from medusa.bench.peers import Client, Peer, Server

TICK = 0.005
"""Seconds between two looks at whether the event loop still runs."""


@dataclass(slots=True)
class Cost:
    """What the transfer cost this process: seconds, seconds of CPU, bytes of memory above before, seconds of stall."""

    seconds: float = 0.0
    cpu: float = 0.0
    memory: int = 0
    stall: float = 0.0
    """The 99th percentile of how much later than asked the event loop came back."""
    stall_worst: float = 0.0


def drive(peer: Peer) -> None:
    """Do what the JSON in the first argument says; the last line of standard output is the result."""
    order = json.loads(sys.argv[1])
    pin(order["cores"])
    result = asyncio.run(_measure(peer, order))
    sys.stdout.write("\n" + json.dumps(result) + "\n")


def pin(cores: list[int]) -> None:
    """Keep this process to these cores, where the system can."""
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


async def _measure(peer: Peer, order: dict[str, Any]) -> dict[str, Any]:
    server, folder = Server(**order["server"]), Path(order["folder"])
    async with peer.connect(server, folder) as client:
        if order["work"] == "download":
            return await _download(client, server, folder / "data.bin")
        return await _upload(client, server, Path(order["path"]), post=order["post"])


async def _upload(client: Client, server: Server, path: Path, *, post: bool) -> dict[str, Any]:
    ask(server.control, op="begin")
    async with measured() as cost:
        uploaded = await client.upload(path)
        if post:
            await client.post(uploaded)
    end = ask(server.control, op="end")
    if not post:
        await client.post(uploaded)
    return asdict(cost) | end


async def _download(client: Client, server: Server, path: Path) -> dict[str, Any]:
    message = await client.find()
    ask(server.control, op="begin")
    async with measured() as cost:
        await client.download(message, path)
    end = ask(server.control, op="end")
    with path.open("rb") as file:
        return asdict(cost) | end | {"sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def ask(port: int, **question: Any) -> dict[str, Any]:
    """Ask the server's control socket; it answers with one line of JSON."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(json.dumps(question).encode() + b"\n")
        with connection.makefile("rb") as answer:
            values: dict[str, Any] = json.loads(answer.readline())
            return values


@asynccontextmanager
async def measured() -> AsyncIterator[Cost]:
    """Measure the block; what it yields is filled in when the block ends."""
    cost = Cost()
    gc.collect()
    before = _reset_peak()
    late: list[float] = []
    ticker = asyncio.create_task(_tick(late))
    used, began = _cpu(), time.perf_counter()
    try:
        yield cost
    finally:
        cost.seconds, cost.cpu = time.perf_counter() - began, _cpu() - used
        cost.memory = max(0, _peak() - before)
        ticker.cancel()
        await asyncio.wait({ticker})
        late.sort()
        if late:
            cost.stall, cost.stall_worst = late[(len(late) - 1) * 99 // 100], late[-1]


async def _tick(late: list[float]) -> None:
    while True:
        asked = time.perf_counter() + TICK
        await asyncio.sleep(TICK)
        late.append(max(0.0, time.perf_counter() - asked))


def _cpu() -> float:
    """Seconds of CPU of this process and all its threads."""
    times = os.times()
    return times.user + times.system


def _reset_peak() -> int:
    """Set the mark of the highest memory back to where it stands now, and return that (proc_pid_clear_refs(5))."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _peak()


def _peak() -> int:
    """The most memory that this process has held at once, in bytes."""
    with suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii", errors="replace"))
        if found:
            return int(found[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
