"""Measures Medusa as a whole: streaming, resuming, posting again, memory at rest, start and first reply."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

from medusa.bench.children import Instance, Side, open_instance, transfer_once
from medusa.bench.host import Conditions
from medusa.bench.instance import configuration, login
from medusa.bench.peers import Peer
from medusa.bench.plan import MB, Scenario
from medusa.bench.results import Results
from medusa.model import Job, JobState, Order, Stage
from medusa.storage import open_store
from medusa.storage.jobs import Jobs

Say = Callable[[str], None]

RATE = 16 * MB
"""Bytes a second of the source when streaming is measured; the way up is capped near to it."""
UP = Conditions(rtt=20, cap=4 * MB)
SETTLE = 3.0
"""Seconds that Medusa is left alone before its memory at rest is read."""
SMALL = 64 * 1024


class Application:
    """The measures of the whole program, each of which adds its lines to the results."""

    def __init__(self, side: Side, python: str, own: Peer, say: Say, results: Results) -> None:
        self._side = side
        self._python = python
        self._own = own
        self._say = say
        self._results = results

    async def stream(self, path: Path) -> None:
        """HTTP → Telegram: the time over that of the slower of the two ways."""
        times = []
        size = _size(path)
        for number in range(1, self._side.plan.rounds + 1):
            self._say(f"round {number}: HTTP → Telegram")
            up = await self._up_seconds(path)
            async with self._medusa(), self._laid_on(UP):
                await self._warm_up()
                times.append(await self._job(path, RATE) / max(size / RATE, up))
        name = "HTTP → Telegram: time ÷ that of the slower way"
        self._results.record(name, times, ".2f", "≤ 1.05", lambda figure: figure <= 1.05)

    async def footprint(self, paths: Sequence[Path]) -> None:
        """Memory and disk of streams of growing sizes, each in a fresh process."""
        peaks, written = [], []
        for path in paths:
            self._say(f"HTTP → Telegram: {_size(path) / MB:.0f} MB in a fresh process")
            async with self._medusa() as medusa, self._laid_on(Conditions(rtt=20)):
                small = await self._warm_up()
                before, held = medusa.written(), medusa.memory()
                medusa.reset_peak()
                seconds = await self._job(path)
                peaks.append((medusa.peak() - held) / MB)
                payload, before = medusa.written() - before, medusa.written()
                # The state's own writes: those of a job that takes as long and carries next to nothing.
                await self._job(small, max(1, int(SMALL / seconds)))
                written.append(float(max(0, payload - (medusa.written() - before))))
        add = self._results.record
        first, last = (f"{_size(path) / MB:.0f} MB" for path in (paths[0], paths[-1]))
        add(f"extra memory of a stream of {first}, MB", peaks[:1], ".1f", "≤ 16", lambda figure: figure <= 16)
        grown = [peaks[-1] - peaks[0]]
        add(f"what a stream of {last} takes more, MB", grown, ".1f", "≤ 10", lambda figure: figure <= 10)
        name = f"bytes that a stream of {last} writes to the disk"
        add(name, written[-1:], ".0f", "0, but for notes ≤ 64 KB", lambda figure: figure <= SMALL)

    async def _warm_up(self) -> Path:
        """Have everything loaded and opened that the first job needs; returns the small file that it posted."""
        small = self._side.folder / "small.bin"
        await asyncio.to_thread(small.write_bytes, os.urandom(SMALL))
        await self._job(small)
        return small

    async def resume(self, path: Path) -> None:
        """Kill it in the middle of an upload: how many MB are sent twice."""
        again = []
        size = _size(path)
        for percent in self._side.plan.kills:
            self._say(f"killed at {percent} % of an upload")
            async with self._state() as (session, home), self._laid_on(UP):
                counts = await self._side.ask("counts")
                async with open_instance(self._side, self._python, session, home) as medusa:
                    await self._side.ask("reply", text=self._side.link(path))
                    await self._side.ask("payload", least=counts["payload"] + size * percent // 100, timeout=300)
                    medusa.kill()
                async with open_instance(self._side, self._python, session, home):
                    after = await self._side.ask("posted", least=counts["posts"] + 1, timeout=300)
                again.append((after["payload"] - counts["payload"] - size) / MB)
        self._results.record("MB sent again after a kill", again, ".1f", "≤ 4", lambda figure: figure <= 4)

    async def repost(self, path: Path) -> None:
        """The same link twice, the second time to look otherwise, so that there is a second post: what that sends."""
        self._say("the same link twice")
        async with self._medusa():
            await self._job(path)
            before = await self._side.ask("counts")
            await self._side.ask("job", text=f"/dl {self._side.link(path)} --spoiler", timeout=self._side.plan.timeout)
            after = await self._side.ask("counts")
        payload = float(after["payload"] - before["payload"])
        self._results.record("bytes of payload of a known file", [payload], ".0f", "0", lambda figure: figure == 0)

    async def rest(self) -> None:
        """Memory at rest, start to ready with and without a history, command to first reply."""
        memory: list[float] = []
        starts: list[float] = []
        replies: list[float] = []
        for number in range(1, self._side.plan.rounds + 1):
            self._say(f"round {number}: start and rest")
            async with self._state() as (session, home):
                async with open_instance(self._side, self._python, session, home):
                    pass
                ready = await self._started(session, home, memory, replies)
                await self._remember(session, home)
                starts.append(await self._started(session, home, [], []) / ready)
        add = self._results.record
        add("memory at rest, MB", memory, ".1f", "≤ 80", lambda figure: figure <= 80)
        name = f"start with {self._side.plan.history} old jobs ÷ start with none"
        add(name, starts, ".2f", "≤ 1.20", lambda figure: figure <= 1.2)
        add("command to first reply, ms", replies, ".0f", "≤ 20", lambda figure: figure <= 20)

    async def _started(self, session: str, home: Path, memory: list[float], replies: list[float]) -> float:
        async with open_instance(self._side, self._python, session, home) as medusa:
            await asyncio.sleep(SETTLE if self._side.plan.rounds > 1 else 0)
            memory.append(medusa.memory() / MB)
            replies.append((await self._side.ask("reply", text="/version"))["seconds"] * 1000)
            return medusa.ready

    async def _remember(self, session: str, home: Path) -> None:
        """Fill the state with jobs that were done long ago."""
        config = configuration(self._side.server, home, session)
        order = Order("https://example.org/film.mp4")
        async with open_store(config.data, key_file=None, passphrase=None) as store:
            jobs = Jobs(store)
            for start in range(0, self._side.plan.history, 100):
                for job in await jobs.add([order] * 100, 1, -1 - start, 0.0):
                    await jobs.save(_done(job))

    async def _up_seconds(self, path: Path) -> float:
        """Seconds of a plain upload of the file on the same way up."""
        with tempfile.TemporaryDirectory(dir=self._side.folder) as folder:
            values = await transfer_once(self._side, self._own, Scenario("way up", UP), path, Path(folder))
        return float(values["seconds"])

    async def _job(self, path: Path, rate: int = 0) -> float:
        timeout = self._side.plan.timeout
        text = self._side.link(path, rate)
        return float((await self._side.ask("job", text=text, timeout=timeout))["seconds"])

    @asynccontextmanager
    async def _laid_on(self, conditions: Conditions) -> AsyncIterator[None]:
        await self._side.ask("arm", conditions=asdict(conditions))
        await self._side.ask("begin")
        try:
            yield
        finally:
            await self._side.ask("end")

    @asynccontextmanager
    async def _state(self) -> AsyncIterator[tuple[str, Path]]:
        """A fresh login and an empty folder for Medusa's state."""
        with tempfile.TemporaryDirectory(dir=self._side.folder) as folder:
            yield await login(self._side.server), Path(folder)

    @asynccontextmanager
    async def _medusa(self) -> AsyncIterator[Instance]:
        async with (
            self._state() as (session, home),
            open_instance(self._side, self._python, session, home) as medusa,
        ):
            yield medusa


def _size(path: Path) -> int:
    return path.stat().st_size


def _done(job: Job) -> Job:
    return Job(job.id, JobState.DONE, job.order, job.chat_id, job.message_id, 0.0, Stage.POST, ended=1.0, told=True)
