"""Starts Medusa as often as is wished, hears what it says, and knows how it ended."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
_READY = "Medusa is ready"


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
        self._turn = asyncio.Lock()

    async def start(self, environment: Mapping[str, str], *arguments: str) -> Medusa:
        """Fork a Medusa, which at this moment has done nothing yet; without ``arguments`` it is to run."""
        medusa = Medusa()
        reading, writing = os.pipe()
        await asyncio.get_running_loop().connect_read_pipe(lambda: medusa, os.fdopen(reading, "rb", 0))
        medusa.pid = await self._ask(json.dumps([dict(environment), arguments or ("run",)]), writing)
        os.close(writing)
        return medusa

    async def reap(self, medusa: Medusa) -> int:
        """Wait for its end; returns its exit code, or the negative number of the signal that ended it."""
        await medusa.gone.wait()
        return await self._ask(str(medusa.pid))

    async def _ask(self, order: str, *descriptors: int) -> int:
        async with self._turn:
            return int(await asyncio.to_thread(self._exchange, order.encode(), descriptors))

    def _exchange(self, order: bytes, descriptors: tuple[int, ...]) -> bytes:
        socket.send_fds(self._control, [order], list(descriptors))
        return self._control.recv(64)


@asynccontextmanager
async def zygote() -> AsyncIterator[Zygote]:
    """A zygote for as long as the block runs; what it has started dies with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.crash.zygote", str(theirs.fileno())),
                pass_fds=[theirs.fileno()],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
                start_new_session=True,
            )
        try:
            if await asyncio.to_thread(ours.recv, 64) != b"ready":
                raise RuntimeError("the zygote could not be made")
            yield Zygote(ours)
        finally:
            ours.shutdown(socket.SHUT_RDWR)
            await process.wait()
