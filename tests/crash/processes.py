"""Starts Medusa as often as is wished, hears what it says, and knows how it ended."""

import asyncio
import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
_READY = "Medusa is ready"
_EXCHANGE = threading.Lock()
"""Held from an order to its answer."""


class Medusa(asyncio.Protocol):
    """One run of Medusa: ``ready`` and ``gone`` are set in time, ``lines`` is what it has said so far."""

    def __init__(self) -> None:
        self.pid = 0
        self.lines: list[str] = []
        self.ready = asyncio.Event()
        self.gone = asyncio.Event()
        self.killed = False
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        """Take in what it says."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self.lines.append(line.decode(errors="replace"))
            if _READY in self.lines[-1]:
                self.ready.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The last holder of its error stream has ended."""
        self.gone.set()

    def kill(self) -> None:
        """Kill it with SIGKILL, at once. Its number stays its own until it is reaped."""
        if not self.killed:
            self.killed = True
            os.kill(self.pid, signal.SIGKILL)

    def end(self) -> None:
        """Ask it to end."""
        os.kill(self.pid, signal.SIGTERM)


class Zygote:
    """Where Medusas come from."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._there: list[Medusa] = []

    async def start(self, environment: Mapping[str, str], *arguments: str, call_within: float | None = None) -> Medusa:
        """Fork a Medusa, which at this moment has done nothing yet; without ``arguments`` it is to run.

        ``call_within`` are the seconds that Telegram gets to answer it, in place of minutes.
        """
        medusa = Medusa()
        reading, writing = os.pipe()
        await asyncio.get_running_loop().connect_read_pipe(lambda: medusa, os.fdopen(reading, "rb", 0))
        medusa.pid = await self._ask(json.dumps([dict(environment), arguments or ("run",), call_within]), writing)
        os.close(writing)
        self._there.append(medusa)
        return medusa

    async def reap(self, medusa: Medusa) -> int:
        """Wait for its end; returns its exit code, or the negative number of the signal that ended it."""
        await medusa.gone.wait()
        self._there.remove(medusa)
        return await self._ask(str(medusa.pid))

    async def end(self) -> None:
        """Kill and reap what is still there."""
        for medusa in list(self._there):
            medusa.kill()
            await self.reap(medusa)

    async def _ask(self, order: str, *descriptors: int) -> int:
        return int(await asyncio.to_thread(self._exchange, order.encode(), descriptors))

    def _exchange(self, order: bytes, descriptors: tuple[int, ...]) -> bytes:
        with _EXCHANGE:
            socket.send_fds(self._control, [order], list(descriptors))
            return self._control.recv(64)


@functools.cache
def _control() -> socket.socket:
    """The end to order by of this process's zygote, which is made when first asked for and ends with the process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.zygote", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
    atexit.register(_let_go, ours, process)
    if ours.recv(64) != b"ready":
        raise RuntimeError("the zygote could not be made")
    return ours


def _let_go(control: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    control.close()
    process.wait()


@asynccontextmanager
async def zygote() -> AsyncIterator[Zygote]:
    """A zygote for as long as the block runs; what it has started and is still there is killed at the end."""
    made = Zygote(await asyncio.to_thread(_control))
    try:
        yield made
    finally:
        await made.end()
