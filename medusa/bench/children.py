"""Starts the bench's child processes: the server's side, clients that transfer once, and Medusa as a whole."""

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from medusa.bench.environment import ROOT, interpreter
from medusa.bench.peers import Peer, Server
from medusa.bench.plan import Plan, Scenario
from medusa.errors import Broken
from medusa.process import Child, child, run

ENV = {"PYTHONPATH": str(ROOT)}
_ANSWER = 1000.0
"""Seconds that the control socket may take; a question may wait for a whole job."""


class Failed(Exception):
    """Something could not be measured; says why in one line."""


@dataclass(frozen=True, slots=True)
class Side:
    """The running server's side: what clients need, and the folder that it serves and that children work in."""

    plan: Plan
    server: Server
    folder: Path

    async def ask(self, op: str, **question: Any) -> dict[str, Any]:
        """Ask the control socket. Raises Failed when the answer is an error."""
        try:
            async with asyncio.timeout(_ANSWER):
                answer = await self._answer({"op": op, **question})
        except (OSError, ValueError) as error:
            raise Failed(f"the server's side does not answer: {error}") from None
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    async def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.control)
        try:
            writer.write(json.dumps(question).encode() + b"\n")
            values: dict[str, Any] = json.loads(await reader.readline())
            return values
        finally:
            writer.close()

    def link(self, path: Path, rate: int = 0) -> str:
        """The address at which the source hands out a file of the folder, at ``rate`` bytes a second."""
        return f"http://127.0.0.1:{self.server.source}/{path.name}" + (f"?rate={rate}" if rate else "")


@asynccontextmanager
async def open_side(plan: Plan, python: str, folder: Path) -> AsyncIterator[Side]:
    """The server's side for as long as the block runs. Raises Failed when it does not come up."""
    order = json.dumps({"cores": plan.server_cores, "folder": str(folder)})
    home = folder / "home"
    await asyncio.to_thread(home.mkdir, exist_ok=True)
    async with child([python, "-P", "-m", "medusa.bench.host", order], cwd=home, env=ENV, cage=None) as running:
        line = await anext(running.lines(), None)
        if line is None:
            raise Failed(last_error(running.err_tail))
        yield Side(plan, Server(**json.loads(line)), folder)


async def transfer_once(side: Side, peer: Peer, scenario: Scenario, path: Path, folder: Path) -> dict[str, Any]:
    """Let a fresh process of this peer move the file; returns what it measured. Raises Failed."""
    python = interpreter(peer)
    if python is None:
        raise Failed("not installed")
    await side.ask("arm", conditions=asdict(scenario.conditions))
    order = {
        "server": asdict(side.server),
        "folder": str(folder),
        "path": str(path),
        "post": scenario.post,
        "work": scenario.work,
        "cores": side.plan.client_cores,
    }
    module = peer.connect.__module__
    argv = [python, "-P", "-m", module, json.dumps(order)]
    try:
        done = await run(argv, cwd=folder, env=ENV, timeout=side.plan.timeout, cage=None)
    except Broken as error:
        raise Failed(error.user_text) from None
    finally:
        await side.ask("end")
    if done.code:
        raise Failed(last_error(done.err))
    values: dict[str, Any] = json.loads(done.out.splitlines()[-1])
    return values


def last_error(text: str) -> str:
    """The line of a traceback that says what went wrong."""
    lines = [line for line in text.splitlines() if re.match(r"[A-Za-z_][\w.]*(:|$)", line)]
    return (lines or ["it ended without a word"])[-1][:200]


class Instance:
    """Medusa as ``run`` starts it, in a process of its own."""

    def __init__(self, running: Child, ready: float) -> None:
        self._running = running
        self.ready = ready
        """Seconds from the start of the process to its readiness."""

    def kill(self) -> None:
        """End it as a power cut would."""
        os.kill(self._running.pid, signal.SIGKILL)

    def memory(self) -> int:
        """Bytes that it holds now, without its children."""
        return self._status("VmRSS")

    def peak(self) -> int:
        """The most bytes that it has held since ``reset_peak``."""
        return self._status("VmHWM")

    def reset_peak(self) -> None:
        """Set the mark of the highest memory back."""
        (self._proc / "clear_refs").write_text("5", encoding="ascii")

    def written(self) -> int:
        """Bytes that it and its reaped children have sent to the disk (proc_pid_io(5))."""
        found = re.search(r"^write_bytes: (\d+)", (self._proc / "io").read_text(encoding="ascii"), re.MULTILINE)
        return int(found[1]) if found else 0

    def _status(self, name: str) -> int:
        text = (self._proc / "status").read_text(encoding="utf-8", errors="replace")
        found = re.search(rf"{name}:\s+(\d+) kB", text)
        return int(found[1]) * 1024 if found else 0

    @property
    def _proc(self) -> Path:
        return Path("/proc") / str(self._running.pid)


@asynccontextmanager
async def open_instance(side: Side, python: str, session: str, home: Path) -> AsyncIterator[Instance]:
    """Medusa at work on the state in ``home``, ready for commands. Raises Failed when it does not get ready."""
    order = {
        "server": asdict(side.server),
        "folder": str(home),
        "session": session,
        "cores": side.plan.client_cores,
    }
    await asyncio.to_thread(home.mkdir, exist_ok=True)
    began = time.perf_counter()
    argv = [python, "-P", "-m", "medusa.bench.instance", json.dumps(order)]
    async with child(argv, cwd=home, env=ENV, cage=None) as running:
        if await anext(running.lines(), None) != "ready":
            raise Failed(last_error(running.err_tail))
        yield Instance(running, time.perf_counter() - began)
